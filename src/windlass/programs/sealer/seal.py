"""Sealing: one block after the other, in an order that loses nothing wherever it is cut off.

    1  build                                         geth builds on the decided head
    2  newPayload                                    geth checks it; it is not the head yet
    3  commit to the payload log                     the block is decided: here and nowhere else
    4  forkchoice(block)                             geth shows it to users; followers are fed

Killed before 3, the block was seen by nobody: another is built in its place. Killed after 3, the
log has it and geth may not: at the next start it is fed from the log. Were 4 before 3, users could
see, and a follower keep, a block that the log never got, and the chain would fork at a restart.
The same holds when geth is killed, or forgets: what the log has is decided, all else never was.
"""

from __future__ import annotations

import asyncio
import logging
import time

from windlass.chains.ethereum import building
from windlass.chains.ethereum.building import Attributes, Builder
from windlass.chains.ethereum.engine import EngineClient, EngineError, EngineUnreachable
from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.payload_log import PayloadLogFull
from windlass.chains.ethereum.peers import Peers
from windlass.chains.ethereum.quantities import parse_address
from windlass.chains.ethereum.restore import Progress, restore
from windlass.chains.ethereum.silence import Silence
from windlass.kit.errors import WindlassError
from windlass.kit.faults import fault_point
from windlass.programs.sealer.chain import Chain
from windlass.programs.sealer.geth_state import (
    NOT_SEEN_YET,
    GethState,
    after_error,
    after_restore,
)
from windlass.programs.sealer.metrics import Metrics
from windlass.programs.sealer.schedule import Slot, next_slot
from windlass.programs.sealer.settings import Settings

log = logging.getLogger(__name__)

RETRY_S = 0.05
"""A geth that is not there (yet): a refused connection costs next to nothing, a late start does."""
RETRY_SLOW_S = 1.0
"""What does not pass in a moment: a wrong secret, a full disk, a geth that needs help."""
QUICK_RETRIES = 3
"""geth was restarted in the middle of a block: restoring it at once is all it takes. More of these
in a row have another cause."""


class NotSealed(WindlassError):
    """geth did not take the block that it had built itself."""

    code = "not_sealed"


class Sealer:
    """Drives the sealer's own geth. `run` never ends by itself."""

    def __init__(
        self,
        settings: Settings,
        chain: Chain,
        engine: EngineClient,
        builder: Builder,
        peers: Peers,
        metrics: Metrics,
    ) -> None:
        self.chain = chain
        self.geth: GethState = NOT_SEEN_YET
        self.problem = ""  # what keeps us from sealing although geth is fine
        self.last_commit_s: float | None = None  # unix time
        self.clock_offset_s: float | None = None
        self.restored_blocks = 0
        self.failures = 0
        self.ticked_s = time.monotonic()
        self._settings = settings
        self._engine = engine
        self._builder = builder
        self._peers = peers
        self._metrics = metrics
        self._fee_recipient = parse_address(settings.fee_recipient)
        self._silence = Silence()
        self._sealed_s = float("-inf")  # monotonic time
        self._failures_in_row = 0

    async def run(self) -> None:
        """Seals blocks for ever; whatever geth does, it is brought back to our head and goes on."""
        while True:
            self.ticked_s = time.monotonic()
            try:
                if await self._restore():
                    while True:
                        await self._seal_next()
                        self.ticked_s = time.monotonic()
                retry_s = RETRY_SLOW_S
            except (EngineError, building.NotBuilding, NotSealed, PayloadLogFull) as error:
                retry_s = self._failed(error)
            await asyncio.sleep(retry_s)

    async def _restore(self) -> bool:
        """Brings geth to our head; False if that can't be done now."""
        chain = self.chain
        await self._engine.check_genesis(chain.genesis_hash)
        self._silence.answered()
        may_have_peers = bool(await self._peers.refresh())
        restored = await restore(
            self._engine,
            chain.log,
            chain.head,
            chain.genesis_hash,
            peers=may_have_peers,
            progress=self._progress,
        )
        self.restored_blocks += restored.blocks
        self._metrics.restored.increment(self._settings.node, by=restored.blocks)
        state = after_restore(restored)
        if restored.complete and (await self._engine.latest()).block_hash != chain.head.block_hash:
            # With several validators that is a block about to be decided again. Here nothing but
            # our log decides, so it is a history that we do not have.
            state = GethState(word="stuck", detail="geth is ahead of our log: restore the log")
        if state != self.geth:
            level = logging.INFO if state.word == "ok" else logging.ERROR
            log.log(level, "geth is %s", state.word, extra={"detail": state.detail})
        if restored.blocks:
            log.info("fed geth again", extra={"blocks": restored.blocks})
        self.geth = state
        return state.word == "ok"

    async def _seal_next(self) -> None:
        slot = self._next_slot()
        await asyncio.sleep(slot.wait_s)
        started_s = time.monotonic()
        payload = await self._build(slot.timestamp)
        fault_point("after-build")
        status = await self._engine.new_payload(payload)
        fault_point("after-new-payload")
        if status != "VALID":
            reason = self._engine.validation_error if status == "INVALID" else ""
            raise NotSealed(f"geth answers {status} to the block that it built. {reason}".strip())
        self.chain.extend(payload)
        fault_point("after-commit")
        self._sealed_s = time.monotonic()
        self._count(payload, self._sealed_s - started_s)
        status = await self._engine.forkchoice(payload.block_hash)
        fault_point("after-forkchoice")
        if status != "VALID":
            raise NotSealed(f"geth answers {status} when its own block is to be the head.")

    def _next_slot(self) -> Slot:
        return next_slot(
            self.chain.head.timestamp,
            time.time(),
            time.monotonic() - self._sealed_s,
            self._settings.block_time_s,
            building.LEAD_S,
        )

    async def _build(self, timestamp: int) -> Payload:
        head = self.chain.head
        attributes = Attributes(
            timestamp=timestamp,
            prev_randao=building.prev_randao(
                self._settings.chain_id, head.number + 1, head.block_hash
            ),
            fee_recipient=self._fee_recipient,
            # There is no consensus state whose root could stand here (EIP-4788).
            parent_beacon_block_root=building.ZERO_ROOT,
        )
        return await self._builder.build(head.block_hash, attributes)

    def _count(self, payload: Payload, seal_s: float) -> None:
        now = time.time()
        self.problem = ""
        self._failures_in_row = 0
        self.last_commit_s = now
        self.clock_offset_s = payload.timestamp - now
        metrics = self._metrics
        metrics.blocks.increment()
        metrics.transactions.increment(by=len(payload.transactions))
        metrics.number.set(payload.number)
        metrics.clock_offset_s.set(self.clock_offset_s)
        metrics.seal_s.observe(seal_s)

    def _failed(self, error: WindlassError) -> float:
        """Notes why no block was sealed; returns when to try again (in seconds)."""
        if isinstance(error, EngineError):
            state = after_error(error, frozen=self._silence.frozen_after(error))
            if state.word != self.geth.word:
                log.warning("geth is %s", state.word, extra={"detail": state.detail})
            self.geth = state
        else:
            log.warning("no block was sealed", extra={"reason": str(error)})
            self.problem = str(error)
        if self.last_commit_s is not None:
            self.failures += 1
            self._metrics.failures.increment(error.code)
        if isinstance(error, EngineUnreachable):
            return RETRY_S
        self._failures_in_row += 1
        lost_head = isinstance(error, (building.NotBuilding, NotSealed))
        return RETRY_S if lost_head and self._failures_in_row <= QUICK_RETRIES else RETRY_SLOW_S

    def _progress(self, progress: Progress) -> None:
        self.ticked_s = time.monotonic()
        detail = f"block {progress.number} of {progress.target}, from {progress.source}"
        self.geth = GethState(word="syncing", detail=detail)
