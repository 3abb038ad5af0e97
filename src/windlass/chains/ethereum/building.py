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
import math

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
"""From 50 ms it takes five empty blocks to the longest time."""
DECAY = 0.97
"""A time that was too short is tried again after some 25 blocks of one's own."""
TRANSACTION_S = 0.00035
"""What geth needs for one transfer of a full pool on a busy machine: a burst must not have to be
learned from empty blocks. What contracts, or a slower machine, need beyond that is learned."""
TRIES_IN_VAIN = 3
"""One or two empty blocks at the longest time may be a moment's load."""
IGNORED_BUILDS_MIN = 30
"""Some four times as many as it took to find out."""
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

    It is the longer of two times: one for any block, and one for each transaction that waits, up to
    as many as fit. Before each build `before_build` takes in how many wait, after it `after_build`
    whether geth put any of them in. An empty block beside a waiting pool says that the time was too
    short, and doubles the one of the two that had set it; each block that is not empty brings both
    back a little.

    If a few transactions stay outside however long geth builds, they can not enter (their fees are
    below the base fee, say): so many are then no sign of anything for a while, and for twice as
    long if that is found again. `current_s` never leaves `minimum_s` … `maximum_s`.
    """

    def __init__(self, minimum_s: float, maximum_s: float, gas_limit: int) -> None:
        self.minimum_s = minimum_s
        self.maximum_s = max(minimum_s, maximum_s)
        self._transfers_per_block = max(1, gas_limit // TRANSFER_GAS)
        self._block_s = minimum_s
        self._transaction_s = TRANSACTION_S
        self._waiting = 0
        self._in_vain = 0
        self._ignored_count = 0
        self._ignored_builds = IGNORED_BUILDS_MIN
        self._ignoring = 0  # so many builds more

    @property
    def current_s(self) -> float:
        """The time for the next build."""
        return min(max(self._block_s, self._pool_s()), self.maximum_s)

    @property
    def full_pool_s(self) -> float:
        """The time for a pool that fills a block."""
        for_pool_s = self._transfers_per_block * self._transaction_s
        return min(max(self._block_s, for_pool_s), self.maximum_s)

    def before_build(self, waiting: int | None) -> None:
        """Takes in how many transactions geth's pool has.

        None if it did not say: a geth that is too busy to answer has as many as the last time.
        """
        if waiting is None:
            return
        self._waiting = waiting
        self._ignored_count = min(self._ignored_count, waiting)
        if not self._ignored_count:
            self._ignored_builds = IGNORED_BUILDS_MIN

    def after_build(self, *, empty: bool) -> None:
        """Takes in how the build went."""
        if not empty:
            self._in_vain = 0
            self._block_s = max(self._block_s * DECAY, self.minimum_s)
            self._transaction_s = max(self._transaction_s * DECAY, TRANSACTION_S)
        elif self._to_consider():
            self._too_short()
        else:
            self._block_s = max(self._block_s * DECAY, self.minimum_s)
        self._ignoring = max(0, self._ignoring - 1)

    def _too_short(self) -> None:
        if self.current_s < self.maximum_s:
            if self._pool_s() >= self._block_s:
                self._transaction_s *= GROWTH
            else:
                self._block_s = min(self._block_s * GROWTH, self.maximum_s)
            return
        self._in_vain += 1
        # A full pool is never ignored: there it is geth that can't keep up.
        if self._in_vain >= TRIES_IN_VAIN and self._waiting < self._transfers_per_block:
            self._in_vain = 0
            self._ignored_count = self._waiting
            self._ignoring = self._ignored_builds + 1
            self._ignored_builds *= 2
            self._block_s, self._transaction_s = self.minimum_s, TRANSACTION_S

    def _pool_s(self) -> float:
        return self._to_consider() * self._transaction_s

    def _to_consider(self) -> int:
        """How many transactions a build has to deal with."""
        ignored = self._ignored_count if self._ignoring else 0
        return min(self._waiting - ignored, self._transfers_per_block)


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
    longest_s: float = math.inf,
) -> Payload:
    """Has geth build a block on `parent_hash`, which must be a decided one.

    `delay` knows the pool already; `longest_s` is what the caller has left, whatever that says.
    Raises NotBuilding and EngineError.
    """
    status, payload_id = await engine.forkchoice(parent_hash, attributes)
    if payload_id is None:
        raise NotBuilding(status)
    await asyncio.sleep(min(delay.current_s, longest_s))
    payload = await engine.get_payload(payload_id, attributes.parent_beacon_block_root)
    if payload.parent_hash != parent_hash or payload.timestamp != attributes.timestamp:
        raise NotBuilding("a block with another parent or timestamp")
    delay.after_build(empty=not payload.transactions)
    return payload
