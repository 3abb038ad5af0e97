"""How a call to geth's Engine API can fail, told apart by what somebody can do about it."""

from __future__ import annotations

from windlass.kit.errors import WindlassError


class EngineError(WindlassError):
    """A call to geth's Engine API brought no usable answer."""

    code = "engine"


class EngineUnreachable(EngineError):
    """geth does not answer: not running, not yet listening, frozen, or overloaded.

    `timed_out` tells a geth that took the call and said nothing from one that is not there.
    """

    code = "engine_unreachable"

    def __init__(self, sentence: str, next_step: str = "", *, timed_out: bool = False) -> None:
        super().__init__(sentence, next_step)
        self.timed_out = timed_out


class EngineUnauthorized(EngineError):
    """geth refused our token. `cause` is "clock", "secret" or "other"; `detail` is geth's word."""

    code = "engine_unauthorized"

    def __init__(self, sentence: str, next_step: str, *, cause: str, detail: str) -> None:
        super().__init__(sentence, next_step)
        self.cause = cause
        self.detail = detail


class EngineRefused(EngineError):
    """geth understood the call and answered with a JSON-RPC error: `error_code` and `message`."""

    code = "engine_refused"

    def __init__(self, method: str, error_code: int, message: str) -> None:
        super().__init__(f"geth refused {method}: {message} ({error_code}).")
        self.error_code = error_code
        self.message = message


class EngineGarbled(EngineError):
    """What answers at this address is not geth's Engine API, or it broke off."""

    code = "engine_garbled"


class WrongGenesis(EngineError):
    """geth's data belong to another chain. `found` and `wanted` are block 0's hashes."""

    code = "wrong_genesis"

    def __init__(self, url: str, found: str, wanted: str) -> None:
        super().__init__(
            f"geth at {url} has the genesis block {found}, but this network's is {wanted}.",
            "Its data directory belongs to another network: give it its own, or remove that one.",
        )
        self.found = found
        self.wanted = wanted
