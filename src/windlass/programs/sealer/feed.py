"""Feeding a following geth: a task for each, so that one that is dead or slow delays nobody.

A follower that is up to date gets each new block (newPayload, forkchoice) as soon as it is decided.
One that missed any, forgot some or was wiped is brought to our head as the sealer's own geth is
(restore.py), from its peers or from the log, while sealing goes on.
"""

from __future__ import annotations

import asyncio
import logging

from windlass.chains.ethereum.engine import EngineClient, EngineError
from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.quantities import BlockHash
from windlass.chains.ethereum.restore import Progress, restore
from windlass.chains.ethereum.silence import Silence
from windlass.programs.sealer.chain import Chain
from windlass.programs.sealer.geth_state import (
    NOT_SEEN_YET,
    OK,
    GethState,
    after_error,
    after_restore,
)
from windlass.programs.sealer.metrics import Metrics

log = logging.getLogger(__name__)

RETRY_S = 0.1
RETRY_S_MAX = 1.0
CHECK_S = 5.0
"""With slow blocks: how often a follower is looked at although there is nothing new for it."""


class Feeder:
    """Keeps one follower at the chain's head. `run` never ends by itself.

    `number` is the newest block that it took from us.
    """

    def __init__(self, name: str, engine: EngineClient, chain: Chain, metrics: Metrics) -> None:
        self.name = name
        self.geth: GethState = NOT_SEEN_YET
        self.number = 0
        self._engine = engine
        self._chain = chain
        self._metrics = metrics
        self._silence = Silence()
        self._at: BlockHash | None = None  # where it surely is; None: it must be asked

    async def run(self) -> None:
        retry_s = RETRY_S
        while True:
            try:
                if not await self._step():
                    await asyncio.sleep(RETRY_S_MAX)
                retry_s = RETRY_S
            except EngineError as error:
                self._at = None
                self._note(after_error(error, frozen=self._silence.frozen_after(error)))
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, RETRY_S_MAX)

    async def _step(self) -> bool:
        """Waits for a block and gives it to the follower; False if it does not take it."""
        chain = self._chain
        self._metrics.behind.set(chain.head.number - self.number, self.name)
        if self._at == chain.head.block_hash and not await chain.beyond(self._at, CHECK_S):
            self._at = None
        newest = chain.newest
        if newest is not None and self._at == newest.parent_hash and await self._feed(newest):
            self._arrived(newest.number, newest.block_hash)
            self._note(OK)
            return True
        self._at = None
        return await self._restore()

    async def _feed(self, payload: Payload) -> bool:
        """False if the follower lost what came before: it was restarted or wiped meanwhile."""
        if await self._engine.new_payload(payload) != "VALID":
            return False
        status = await self._engine.forkchoice(payload.block_hash)
        return status == "VALID"

    async def _restore(self) -> bool:
        chain, head = self._chain, self._chain.head
        await self._engine.check_genesis(chain.genesis_hash)
        self._silence.answered()
        restored = await restore(
            self._engine,
            chain.log,
            head,
            chain.genesis_hash,
            peers=True,
            progress=self._progress,
        )
        self._metrics.restored.increment(self.name, by=restored.blocks)
        if restored.blocks > 1:
            extra = {"follower": self.name, "blocks": restored.blocks}
            log.info("fed a follower again", extra=extra)
        if restored.complete:
            self._arrived(head.number, head.block_hash)
        self._note(after_restore(restored))
        return restored.complete

    def _arrived(self, number: int, block_hash: BlockHash) -> None:
        self.number = number
        self._at = block_hash

    def _note(self, state: GethState) -> None:
        if state.word not in (self.geth.word, "syncing"):
            level = logging.INFO if state.word == "ok" else logging.WARNING
            extra = {"follower": self.name, "detail": state.detail}
            log.log(level, "a follower is %s", state.word, extra=extra)
        self.geth = state

    def _progress(self, progress: Progress) -> None:
        self.number = progress.number
        detail = f"block {progress.number} of {progress.target}, from {progress.source}"
        self._note(GethState(word="syncing", detail=detail))
