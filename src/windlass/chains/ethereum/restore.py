"""Bringing a geth that forgot blocks back to our head, the way that was measured to work.

A killed geth keeps block bodies without their state. Asked about such a block, newPayload answers
VALID without executing it, so feeding with newPayload alone ends in ACCEPTED and SYNCING for ever.
What worked in every kill tried:

1. Read geth's own head; our log must know it, else geth follows another history.
2. forkchoice(geth's own head): marks geth synced, and lowers its finalized marker, without which
   later calls are skipped as "finalized ancestor".
3. For every later block of our log newPayload *and* forkchoice, block by block: moving the head
   makes geth execute again what lacks its state.
4. Check that geth's head is ours.

A geth that is far behind and has peers gets one forkchoice(head) first: syncing from them is
several times faster than being fed. A step that sticks means that geth turned itself to snap sync,
which only a clean restart of it ends.
"""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Callable

import msgspec

from windlass.chains.ethereum.engine import Block, EngineClient, EngineRefused
from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.payload_log import Head, PayloadLog
from windlass.chains.ethereum.quantities import BlockHash

FAR_BEHIND_BLOCKS = 32
"""Up to here, feeding takes less than a second and asking peers is not worth its start-up."""
PEERS_PATIENCE_S = 4.0
"""How long peers may bring nothing before we feed geth ourselves; geth's own first sync round
begins within 2 s."""
PEERS_PATIENCE_S_MAX = 60.0
HEADERS_PER_S = 2000
"""geth fetches all headers before the first block: patience grows with their number, reckoned at a
small part of the speed that a local network has."""
PEERS_POLL_S = 0.1
PEERS_TIMEOUT_S = 600.0
"""Even steady progress is not watched for longer in one call; the caller comes again."""
STEP_TIMEOUT_S = 30.0
"""One block: a full one takes a second, a re-executed gap behind it some more."""


class Outcome(enum.StrEnum):
    """How a restore ended."""

    COMPLETE = "complete"  # geth's head is ours (or one block ahead, see `restore`)
    INCOMPLETE = "incomplete"  # there was progress, or peers must help: come again
    STUCK = "stuck"  # geth must be restarted cleanly
    FOREIGN = "foreign"  # geth's head is in no log of ours: a person must decide
    INVALID = "invalid"  # geth calls a decided block invalid: another version, or broken data


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """`blocks` says by how many geth came forward, `reason` why it ended (a clause, no period)."""

    outcome: Outcome
    blocks: int
    reason: str = ""

    @property
    def complete(self) -> bool:
        return self.outcome is Outcome.COMPLETE

    @property
    def stuck(self) -> bool:
        return self.outcome is Outcome.STUCK


class Progress(msgspec.Struct, frozen=True):
    """Where a restore is: geth has block `number` of `target`; `source` is "peers" or "log"."""

    number: int
    target: int
    source: str


Report = Callable[[Progress], None]


async def restore(
    engine: EngineClient,
    log: PayloadLog,
    head: Head,
    genesis_hash: str,
    *,
    peers: bool,
    progress: Report | None = None,
) -> Restored:
    """Brings geth to `head`. `peers` says whether it may have peers that have the chain.

    A geth exactly one block ahead of the log is complete: we were killed between telling it and
    committing, and the block is about to be decided again. Raises EngineError when geth goes away
    meanwhile; calling again then continues.
    """
    return await _Restore(engine, log, head, genesis_hash, progress).run(peers)


class _Restore:
    def __init__(
        self,
        engine: EngineClient,
        log: PayloadLog,
        head: Head,
        genesis_hash: str,
        progress: Report | None,
    ) -> None:
        self._engine = engine
        self._log = log
        self._head = head
        self._genesis_hash = BlockHash(genesis_hash)
        self._progress = progress
        self._start = 0
        self._reached = 0

    async def run(self, peers: bool) -> Restored:
        own = await self._engine.latest()
        self._start = self._reached = own.number
        ahead = own.number == self._head.number + 1 and own.parent_hash == self._head.block_hash
        if not ahead and self._hash_at(own.number) != own.block_hash:
            return self._foreign(own)
        status = await self._make_head(own.block_hash)
        if status != "VALID":
            return self._ended(Outcome.STUCK, f"it calls its own head {own.number} {status}")
        if ahead:
            return self._ended(Outcome.COMPLETE, "one block ahead of the log")
        if own.number > self._head.number:
            return self._ended(Outcome.COMPLETE, "ahead of the head asked for")
        if peers and self._head.number - own.number > FAR_BEHIND_BLOCKS:
            own = await self._from_peers(own)
        restored = await self._from_log(own)
        return restored or await self._check()

    def _hash_at(self, number: int) -> BlockHash | None:
        return self._genesis_hash if number == 0 else self._log.hash_at(number)

    async def _make_head(self, block_hash: BlockHash) -> str:
        """Moves geth's head; what it refuses to do (-38002, -38006) is a status like others."""
        try:
            status = await self._engine.forkchoice(block_hash, timeout_s=STEP_TIMEOUT_S)
        except EngineRefused as error:
            return f"refused: {error.message}"
        return status

    async def _from_peers(self, own: Block) -> Block:
        """Has geth sync from its peers while that goes forward; returns geth's head afterwards."""
        if await self._make_head(self._head.block_hash) == "VALID":
            return await self._engine.latest()
        behind = self._head.number - own.number
        patience_s = min(PEERS_PATIENCE_S + behind / HEADERS_PER_S, PEERS_PATIENCE_S_MAX)
        started = moved = time.monotonic()
        while own.block_hash != self._head.block_hash:
            await asyncio.sleep(PEERS_POLL_S)
            now = time.monotonic()
            latest = await self._engine.latest()
            if latest.number > own.number:
                own, moved = latest, now
                self._tell(own.number, "peers")
            if now - moved > patience_s or now - started > PEERS_TIMEOUT_S:
                break
        if own.block_hash in (self._head.block_hash, self._hash_at(own.number)):
            await self._make_head(own.block_hash)  # syncing alone makes nothing final
        return own

    async def _from_log(self, own: Block) -> Restored | None:
        """Feeds block by block; None when the log's end is reached."""
        for number in range(own.number + 1, self._head.number + 1):
            payload = self._log.payload(number)
            if payload is None:
                # Only peers have it. A forkchoice has geth ask them, as long as it takes.
                await self._make_head(self._head.block_hash)
                reason = f"our log lacks block {number}, which only peers can give it"
                return self._ended(Outcome.INCOMPLETE, reason)
            restored = await self._feed(payload)
            if restored is not None:
                return restored
            self._tell(number, "log")
        return None

    async def _feed(self, payload: Payload) -> Restored | None:
        status = await self._engine.new_payload(payload, timeout_s=STEP_TIMEOUT_S)
        if status == "INVALID":
            reason = f"it calls block {payload.number} of our log invalid: "
            return self._ended(Outcome.INVALID, reason + self._engine.validation_error)
        moved = await self._make_head(payload.block_hash)
        if status != "VALID" or moved != "VALID":
            reason = f"it answered {status} and {moved} to block {payload.number}"
            return self._ended(Outcome.STUCK, reason)
        return None

    async def _check(self) -> Restored:
        own = await self._engine.latest()
        if own.block_hash == self._head.block_hash:
            return self._ended(Outcome.COMPLETE)
        reason = f"it took all blocks, but its head is {own.number} and not {self._head.number}"
        return self._ended(Outcome.STUCK, reason)

    def _foreign(self, own: Block) -> Restored:
        reason = (
            f"its head is block {own.number} ({own.block_hash}), which our log, at block "
            f"{self._head.number}, does not know"
        )
        return self._ended(Outcome.FOREIGN, reason)

    def _ended(self, outcome: Outcome, reason: str = "") -> Restored:
        return Restored(outcome=outcome, blocks=self._reached - self._start, reason=reason)

    def _tell(self, number: int, source: str) -> None:
        self._reached = number
        if self._progress is not None:
            self._progress(Progress(number, self._head.number, source))
