"""Building the next block: when to begin, which timestamp it gets, how long geth may fill it.

Shared by the bridge and the sealer. Three rules, each with a measured reason:

- The chain's clock is the wall clock. A block's stamp is the second at which it will be ready, and
  building begins the build delay before that, so blocks come evenly and never run ahead.
- geth answers `getPayload` with an *empty* block while its first full one is unfinished. With a
  fixed delay, a full pool and a high gas limit, 21 of 22 blocks came out empty; hence `BuildDelay`.
- geth freezes a payload when it is asked for, and equal attributes are the same payload: a further
  try needs another attribute, which a later timestamp is.
"""

from __future__ import annotations

import asyncio
import hashlib

from windlass.chains.ethereum.engine import Attributes, EngineClient
from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.quantities import BlockHash, from_hex
from windlass.kit.errors import WindlassError
from windlass.kit.json_rpc import JsonRpc, JsonRpcError
from windlass.kit.transport import TransportError

TIMER_SLACK_S = 0.01
"""A wait that ended this much early still counts as having reached its second."""
POOL_TIMEOUT_S = 0.15
"""A block does not wait longer for what is only advice."""
TRANSFER_GAS = 21_000  # what the smallest transaction takes of a block
ZERO_ROOT = "0x" + "00" * 32
GROWTH = 2.0
DECAY = 0.97
"""A time that was too short is tried again after some 25 blocks of one's own."""
TRANSACTION_S = 0.00035
"""What geth needs for one transfer of a full pool on a busy machine: a burst must not have to be
learned from empty blocks. What contracts, or a slower machine, need beyond that is learned."""
TRIES_IN_VAIN = 3
IGNORED_BUILDS = 30
WAIT_S_MAX = 1.5
"""The longest that pacing holds a proposal back: within CometBFT's timeout to propose."""
_RANDAO_TAG = b"windlass prevRandao 1"


class NotBuilding(WindlassError):
    """geth did not begin to build on our head: it has lost it, or is syncing. `status` is its word.

    What helps is to restore geth to that head (restore.py) and to try again.
    """

    code = "not_building"

    def __init__(self, status: str) -> None:
        super().__init__(f"geth does not build on the head it was given; it says {status}.")
        self.status = status


class BuildDelay:
    """How long geth gets to fill a block: no longer than it needs, because what is sent after the
    build began waits for the next block.

    Before each build `look` takes in how many transactions wait, after it `learn` whether geth put
    any of them in. An empty block beside a waiting pool says that the time was too short: it
    doubles, and comes back slowly. A full pool gets its time at once, by what a transaction needs
    here as far as that is known. If geth took none in its longest time, again and again, they can
    not enter (their fees are below the base fee, say), and so many are no sign of anything for a
    while. `current_s` never leaves `minimum_s` … `maximum_s`.
    """

    def __init__(self, minimum_s: float, maximum_s: float) -> None:
        self.minimum_s = minimum_s
        self.maximum_s = max(minimum_s, maximum_s)
        self._learned_s = minimum_s
        self._transaction_s = TRANSACTION_S
        self._fit = 1
        self._waiting = 0
        self._in_vain = 0
        self._never_taken = 0
        self._ignoring = 0

    @property
    def current_s(self) -> float:
        """The time for the next build."""
        for_pool_s = self._crowd() * self._transaction_s
        return min(max(self._learned_s, for_pool_s), self.maximum_s)

    def look(self, waiting: int | None) -> None:
        """Takes in how many transactions geth's pool has just before a build.

        None if it did not say: a geth that is too busy to answer has as many as the last time.
        """
        waiting = self._waiting if waiting is None else waiting
        self._waiting = waiting
        self._ignoring = max(0, self._ignoring - 1)
        self._never_taken = min(self._never_taken, waiting) if self._ignoring else 0

    def learn(self, *, payload_empty: bool, gas_limit: int) -> None:
        """Takes in how the build after the last `look` went."""
        used_s = self.current_s
        self._fit = max(1, gas_limit // TRANSFER_GAS)
        crowd = self._crowd()
        if not payload_empty or not crowd:
            self._in_vain = 0
            self._learned_s = max(self._learned_s * DECAY, self.minimum_s)
            if crowd == self._fit:
                self._transaction_s = max(self._transaction_s * DECAY, TRANSACTION_S)
        elif used_s < self.maximum_s:
            self._learned_s = min(used_s * GROWTH, self.maximum_s)
            needed_s = min(self._learned_s / crowd, self.maximum_s / self._fit)
            self._transaction_s = max(self._transaction_s, needed_s)
        else:
            self._in_vain += 1
            if self._in_vain == TRIES_IN_VAIN:
                self._in_vain, self._ignoring = 0, IGNORED_BUILDS
                self._never_taken = self._waiting
                self._learned_s = self.minimum_s

    def _crowd(self) -> int:
        """How many transactions a build has to deal with."""
        return min(self._waiting - self._never_taken, self._fit)


def wait_before_building(
    parent_timestamp: int,
    now: float,
    delay_s: float,
    block_time_s: int = 1,
    wait_s_max: float = WAIT_S_MAX,
) -> float:
    """Seconds to wait so that the block is ready `block_time_s` after its parent's stamp."""
    return min(max(0.0, parent_timestamp + block_time_s - delay_s - now), wait_s_max)


def block_timestamp(
    parent_timestamp: int, now: float, delay_s: float, ceiling: int | None = None
) -> int:
    """The stamp of a block whose building begins now: the whole second in which it will be ready.

    Never above `ceiling` (what the other validators accept), but always above the parent's, which
    is the one rule that geth has: seconds must strictly increase.
    """
    stamp = int(now + delay_s + TIMER_SLACK_S)
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


async def pool_pending(rpc: JsonRpc) -> int | None:
    """How many transactions geth could put into a block now; None if it does not say at once.

    `rpc` is geth's ordinary RPC: the engine port does not answer `txpool_status`.
    """
    try:
        status = await rpc.call("txpool_status", timeout_s=POOL_TIMEOUT_S)
        return from_hex(status["pending"])
    except (TransportError, JsonRpcError, ValueError, TypeError, KeyError):
        return None


async def build(
    engine: EngineClient,
    parent_hash: BlockHash,
    attributes: Attributes,
    delay: BuildDelay,
) -> Payload:
    """Has geth build a block on `parent_hash`, which must be a decided one.

    `delay` has looked at the pool before. Raises NotBuilding and EngineError.
    """
    status, payload_id = await engine.forkchoice(parent_hash, attributes)
    if payload_id is None:
        raise NotBuilding(status)
    await asyncio.sleep(delay.current_s)
    payload = await engine.get_payload(payload_id, attributes.parent_beacon_block_root)
    if payload.parent_hash != parent_hash or payload.timestamp != attributes.timestamp:
        raise NotBuilding("a block with another parent or timestamp")
    delay.learn(
        payload_empty=not payload.transactions,
        gas_limit=from_hex(payload.execution_payload["gasLimit"]),
    )
    return payload
