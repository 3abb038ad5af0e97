"""What is said about a geth in /state: one word, a sentence, and what the runtime should do."""

from __future__ import annotations

import msgspec

from windlass.chains.ethereum.engine import (
    EngineError,
    EngineUnauthorized,
    EngineUnreachable,
    WrongGenesis,
)
from windlass.chains.ethereum.restore import Outcome, Restored


class GethState(msgspec.Struct, frozen=True, kw_only=True):
    """`word` is ok, unreachable, unauthorized, wrong_genesis, syncing, stuck or invalid_block.

    `request` is "restart_geth" when only a clean restart of that geth helps, else None.
    """

    word: str
    detail: str = ""
    request: str | None = None


OK = GethState(word="ok")
NOT_SEEN_YET = GethState(word="unreachable", detail="geth was not reached yet")


def after_error(error: EngineError, *, frozen: bool = False) -> GethState:
    """The state that an error from a geth shows; `frozen` if it has been silent for too long."""
    word = "stuck"
    if isinstance(error, EngineUnreachable):
        word = "unreachable"
    elif isinstance(error, EngineUnauthorized):
        word = "unauthorized"
    elif isinstance(error, WrongGenesis):
        word = "wrong_genesis"
    return GethState(word=word, detail=str(error), request="restart_geth" if frozen else None)


def after_restore(restored: Restored) -> GethState:
    """The state that the end of a restore shows."""
    if restored.complete:
        return OK
    if restored.stuck:
        detail = f"geth does not take our blocks: {restored.reason}; it needs a clean restart"
        return GethState(word="stuck", detail=detail, request="restart_geth")
    if restored.outcome is Outcome.INVALID:
        return GethState(word="invalid_block", detail=f"geth is at odds: {restored.reason}")
    if restored.outcome is Outcome.FOREIGN:
        detail = (
            f"geth follows another history: {restored.reason}; restore the payload log that belongs"
            " to it, or empty geth's data directory"
        )
        return GethState(word="stuck", detail=detail)
    return GethState(word="syncing", detail=restored.reason)
