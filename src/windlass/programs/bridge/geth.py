"""Keeps this node's geth at the decided head, whatever happens to it.

geth may be killed, come back some blocks earlier, come back empty, freeze, or turn itself to a mode
that only a restart ends. The application does not deal with any of that: it waits until geth is
`ready`, and says `lost` when a call of its own shows that it is not. One task then finds out what
is wrong, puts it right, and says in words what it waits for.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

import msgspec

from windlass.chains.ethereum.engine import (
    Block,
    EngineClient,
    EngineError,
    EngineUnauthorized,
    EngineUnreachable,
    WrongGenesis,
)
from windlass.chains.ethereum.payload_log import Head
from windlass.chains.ethereum.peers import Peers
from windlass.chains.ethereum.quantities import BlockHash
from windlass.chains.ethereum.restore import Outcome, Progress, Restored, restore
from windlass.chains.ethereum.silence import Silence
from windlass.programs.bridge.state import Chain

Status = Literal[
    "ok", "unreachable", "unauthorized", "wrong_genesis", "syncing", "stuck", "invalid_block"
]

POLL_S = 0.05
"""How often a geth that does not answer is asked: at start every one waits for it."""
POLL_S_MAX = 1.0
BACK_OFF = 1.2
PROBE_S = 2.0
"""How often a geth that nobody complains about is looked at: it may have been restarted while
there were no blocks, and hears no transactions until it is told that it is synced."""
PROBE_TIMEOUT_S = 10.0
STUCK_POLL_S = 0.5
WORTH_PEERS_BLOCKS = 300
"""From here on, waiting some seconds for a first peer is shorter than feeding from the log."""

log = logging.getLogger(__name__)


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said about geth. `detail` is a sentence, empty when all is well."""

    status: Status
    detail: str = ""
    request: Literal["restart_geth"] | None = None


class Geth:
    """One geth and our knowledge of it. `run` does the work; the handlers only wait.

    `chain` tells what geth must be at. `may_have_peers` says whether anybody ever tells geth of
    others. `restored_blocks` counts what it was given back. `executed` is the proposal that it
    called VALID last, which only has to become the head once it is decided; None if it was lost
    since.
    """

    def __init__(
        self,
        engine: EngineClient,
        chain: Chain,
        peers: Peers,
        genesis_hash: str,
        *,
        may_have_peers: bool,
    ) -> None:
        self.engine = engine
        self.restored_blocks = 0
        self.executed: BlockHash | None = None
        self._condition = Condition(status="unreachable", detail="geth was not reached yet.")
        self._complaint: Condition | None = None
        self._chain = chain
        self._peers = peers
        self._genesis_hash = genesis_hash
        self._may_have_peers = may_have_peers
        self._ready = asyncio.Event()
        self._lost = asyncio.Event()
        self._silence = Silence()
        self._wait_s = POLL_S

    @property
    def ready(self) -> bool:
        """Whether geth was at our head when it was last looked at."""
        return self._ready.is_set()

    async def wait_ready(self) -> None:
        """Returns once geth is at our head. Without a bound: callers have their own."""
        await self._ready.wait()

    def lost(self, reason: str) -> None:
        """A call showed that geth is not at our head, or gone: it is looked after at once."""
        if self._ready.is_set():
            log.warning("geth is not where it should be", extra={"reason": reason})
        self._ready.clear()
        self._lost.set()
        self.executed = None

    @property
    def condition(self) -> Condition:
        """What is wrong with geth, if anything."""
        return self._complaint or self._condition

    def disagrees(self, reason: str) -> None:
        """A decided block is invalid to geth: this node must not go on, and says so."""
        self._complain(Condition(status="invalid_block", detail=reason))

    def sticks(self, reason: str) -> None:
        """It has our head and yet does not take the next block: only a restart helps."""
        self._complain(Condition(status="stuck", detail=reason, request="restart_geth"))

    def agrees(self) -> None:
        """It took a decided block: whatever was complained of is over."""
        if self._complaint is not None:
            log.info("geth goes on", extra={"was": self._complaint.status})
            self._complaint = None

    async def run(self) -> None:
        """Brings geth to our head and keeps it there, until cancelled."""
        while True:
            if self.ready:
                await self._watch()
            else:
                await self._recover()

    async def _watch(self) -> None:
        """Waits for a complaint; without one, looks now and then itself."""
        try:
            async with asyncio.timeout(PROBE_S):
                await self._lost.wait()
                return
        except TimeoutError:
            pass
        before = self._chain.head()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                latest = await self.engine.latest()
        except TimeoutError:
            self.lost("it did not answer")
        except EngineError as error:
            self.lost(error.sentence)
        else:
            self._compare(before, latest)

    def _compare(self, before: Head | None, latest: Block) -> None:
        if before is None or before != self._chain.head():
            return  # a head that moved meanwhile proves that geth was just spoken with
        if latest.number < before.number:
            self.lost(f"it is at block {latest.number}, we are at {before.number}")
        elif latest.block_hash == before.block_hash:
            self._set(Condition(status="ok"))

    async def _recover(self) -> None:
        self._lost.clear()
        try:
            await self.engine.check_genesis(self._genesis_hash)
            self._silence.answered()
            restored = await self._restore()
        except EngineError as error:
            self._unusable(error)
            await asyncio.sleep(self._wait_s)
            self._wait_s = min(self._wait_s * BACK_OFF, POLL_S_MAX)
            return
        self.restored_blocks += restored.blocks
        if restored.blocks:
            log.info("gave geth blocks back", extra={"blocks": restored.blocks})
        await self._judge(restored)

    async def _restore(self) -> Restored:
        head = self._chain.head()
        if head is None:
            # Nothing is decided yet. The first forkchoice makes geth take part in gossip.
            latest = await self.engine.latest()
            await self.engine.forkchoice(latest.block_hash)
            return Restored(outcome=Outcome.COMPLETE, blocks=0)
        return await restore(
            self.engine,
            self._chain.payloads,
            head,
            self._genesis_hash,
            peers=await self._peers_may_help(head),
            progress=self._progress,
        )

    async def _peers_may_help(self, head: Head) -> bool:
        if await self._peers.refresh():
            return True
        latest = await self.engine.latest()
        return self._may_have_peers and head.number - latest.number > WORTH_PEERS_BLOCKS

    async def _judge(self, restored: Restored) -> None:
        detail = f"geth at {self.engine.url}: {restored.reason}."
        if restored.complete:
            self._set(Condition(status="ok"))
            self._now_ready()
        elif restored.outcome is Outcome.FOREIGN:
            # We may simply be behind: our log was lost, and consensus is about to give us the
            # blocks again, which geth knows. If it does not, feeding it shows that.
            self._set(Condition(status="syncing", detail=detail))
            self._now_ready()
        else:
            if restored.outcome is Outcome.INCOMPLETE:
                self._set(Condition(status="syncing", detail=detail))
            elif restored.outcome is Outcome.INVALID:
                self._set(Condition(status="invalid_block", detail=detail))
            else:
                self._set(Condition(status="stuck", detail=detail, request="restart_geth"))
            await asyncio.sleep(STUCK_POLL_S)

    def _now_ready(self) -> None:
        self._wait_s = POLL_S
        if not self._lost.is_set():
            self._ready.set()

    def _unusable(self, error: EngineError) -> None:
        request: Literal["restart_geth"] | None = None
        status: Status = "unreachable"
        if self._silence.frozen_after(error):
            request = "restart_geth"
        if isinstance(error, EngineUnauthorized):
            status = "unauthorized"
        elif isinstance(error, WrongGenesis):
            status = "wrong_genesis"
        elif not (isinstance(error, EngineUnreachable) and error.timed_out):
            self._restart_is_under_way()
        self._set(Condition(status=status, detail=error.sentence, request=request))

    def _restart_is_under_way(self) -> None:
        if self._complaint is not None and self._complaint.request:
            self._complaint = None

    def _progress(self, progress: Progress) -> None:
        detail = f"geth has block {progress.number} of {progress.target}, from {progress.source}."
        self._condition = Condition(status="syncing", detail=detail)

    def _complain(self, condition: Condition) -> None:
        if self._complaint is None or self._complaint.status != condition.status:
            _tell(condition)
        self._complaint = condition

    def _set(self, condition: Condition) -> None:
        if condition.status != self._condition.status:
            _tell(condition)
        self._condition = condition


def _tell(condition: Condition) -> None:
    level = logging.INFO if condition.status == "ok" else logging.WARNING
    if condition.status == "invalid_block":
        level = logging.CRITICAL
    extra = {"status": condition.status, "detail": condition.detail}
    log.log(level, "geth's condition changed", extra=extra)
