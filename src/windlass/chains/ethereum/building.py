"""Building the next block: when to begin, which timestamp it gets, and having geth build it.

Shared by the bridge and the sealer.

- The chain's clock is the wall clock. A block's stamp is the second at which it will be ready, and
  building begins a moment before that, so blocks come evenly and never run ahead.
- geth builds on request and answers when the block is full, or when the pool is in it, or when its
  time (`FILL_S_MAX`) is over, so nobody has to guess how long a build takes. Over the Engine API
  one must: there `getPayload` ends a build whenever it comes, and what it ends too early is empty.
  With a fixed wait, a full pool and a high gas limit, 21 of 22 blocks were (docs/decisions/0025).
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from windlass.chains.ethereum.engine_errors import EngineGarbled, EngineUnreachable
from windlass.chains.ethereum.payload import MalformedPayload, Payload, parse
from windlass.chains.ethereum.quantities import Address, BlockHash, to_hex
from windlass.kit.errors import WindlassError
from windlass.kit.json_rpc import IpcClient, JsonRpc, JsonRpcError
from windlass.kit.transport import TransportError

LEAD_S = 0.03
"""So long before its second a block is begun. A usual one takes geth a few milliseconds; what is
sent after the build began waits for the next block, so it is not begun earlier for full ones."""
FILL_S_MAX = 0.5
"""After that geth closes a block with what is in it. A full one of transfers takes it 40 to 480 ms
on a busy machine, and everybody has to execute it again before the round is over."""
BUILD_TIMEOUT_S = 5.0
TIMER_SLACK_S = 0.01
"""A wait that ended this much early still counts as having reached its second."""
ZERO_ROOT = "0x" + "00" * 32
_METHOD_NOT_FOUND = -32601  # JSON-RPC 2.0, section 5.1
_RANDAO_TAG = b"windlass prevRandao 1"


class NotBuilding(WindlassError):
    """geth does not build on our head: it has lost it, or is syncing. `reason` is its word.

    What helps is to restore geth to that head (restore.py) and to try again.
    """

    code = "not_building"

    def __init__(self, reason: str) -> None:
        super().__init__(f"geth does not build on the head that it should have: {reason}.")
        self.reason = reason


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """What the next block is to be built with. `timestamp` is in unix seconds."""

    timestamp: int
    prev_randao: str
    fee_recipient: Address
    parent_beacon_block_root: str

    def to_json(self) -> dict[str, Any]:
        """PayloadAttributesV3; withdrawals are always empty, there being no beacon chain."""
        return {
            "timestamp": to_hex(self.timestamp),
            "prevRandao": self.prev_randao,
            "suggestedFeeRecipient": self.fee_recipient,
            "withdrawals": [],
            "parentBeaconBlockRoot": self.parent_beacon_block_root,
        }


class _Envelope(msgspec.Struct, rename="camel"):
    execution_payload: dict[str, str | list[str]]
    execution_requests: list[str] | None = None


class Builder:
    """Has one geth build blocks from its pool, through its own socket.

    Source: execution-apis, src/testing/testing_buildBlockV1; geth, eth/catalyst/api_testing.go.
    """

    def __init__(self, ipc_path: str, *, timeout_s: float = BUILD_TIMEOUT_S) -> None:
        self._rpc = JsonRpc(IpcClient(ipc_path, timeout_s=timeout_s))

    async def build(self, parent_hash: BlockHash, attributes: Attributes) -> Payload:
        """A block on `parent_hash`, which has to be geth's head.

        It is built and not taken in: newPayload does that. Raises NotBuilding if geth's head is
        another or the stamp does not move on, EngineUnreachable, and EngineGarbled if what answers
        can't build.
        """
        method = "testing_buildBlockV1"
        try:
            # No list of transactions: those of its pool. No extra data.
            answer = await self._rpc.call(method, parent_hash, attributes.to_json(), None, None)
            made = msgspec.convert(answer, _Envelope)
            payload = parse(
                made.execution_payload,
                made.execution_requests or [],
                attributes.parent_beacon_block_root,
            )
        except JsonRpcError as error:
            if error.rpc_code == _METHOD_NOT_FOUND:
                raise self._garbled(error) from error
            raise NotBuilding(error.message) from error
        except TransportError as error:
            if error.reason not in ("refused", "timeout"):
                raise self._garbled(error) from error
            raise EngineUnreachable(
                error.sentence, error.next_step, timed_out=error.reason == "timeout"
            ) from error
        except (msgspec.ValidationError, MalformedPayload) as error:
            raise self._garbled(error) from error
        if payload.parent_hash != parent_hash or payload.timestamp != attributes.timestamp:
            raise NotBuilding("it built a block with another parent or timestamp")
        return payload

    async def close(self) -> None:
        """Closes the connection."""
        await self._rpc.close()

    def _garbled(self, error: Exception) -> EngineGarbled:
        return EngineGarbled(
            f"What answers at {self._rpc.url} builds no usable block: {error}",
            "See whether geth, and of which version, listens there.",
        )


def wait_before_building(parent_timestamp: int, now: float, block_time_s: int = 1) -> float:
    """Seconds to wait so that the block is ready `block_time_s` after its parent's stamp."""
    return max(0.0, parent_timestamp + block_time_s - LEAD_S - now)


def block_timestamp(parent_timestamp: int, now: float, ceiling: int | None = None) -> int:
    """The stamp of a block whose building begins now: the whole second in which it will be ready.

    Never above `ceiling` (what the other validators accept), but always above the parent's, which
    is the one rule that geth has: seconds must strictly increase.
    """
    stamp = int(now + LEAD_S + TIMER_SLACK_S)
    if ceiling is not None:
        stamp = min(stamp, ceiling)
    return max(parent_timestamp + 1, stamp)


def prev_randao(chain_id: int, number: int, parent_hash: BlockHash) -> str:
    """The `prevRandao` of block `number`: the same on every node, and not secure randomness.

    sha256(tag ‖ chain id ‖ number ‖ parent hash), integers as 8 bytes big-endian. Anyone can
    compute it once the parent is known, so no contract may rely on it.
    """
    data = _RANDAO_TAG + chain_id.to_bytes(8, "big") + number.to_bytes(8, "big")
    return "0x" + hashlib.sha256(data + bytes.fromhex(parent_hash[2:])).hexdigest()
