"""The newest decided block, and waiting for the next: what the sealer tells those who feed."""

from __future__ import annotations

import asyncio

from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.payload_log import Head, PayloadLog
from windlass.chains.ethereum.quantities import BlockHash, Height


class Chain:
    """The payload log's head, held in memory; a block is in it only once it is on disk.

    `newest` is the head's block, None at genesis.
    """

    def __init__(self, log: PayloadLog, genesis_hash: str, genesis_timestamp: int) -> None:
        self.log = log
        self.genesis_hash = genesis_hash
        self.head = log.head() or Head(
            height=0,
            app_hash=b"",
            number=Height(0),
            block_hash=BlockHash(genesis_hash),
            timestamp=genesis_timestamp,
        )
        self.newest: Payload | None = log.payload(self.head.number)
        self._changed = asyncio.Event()

    def extend(self, payload: Payload) -> None:
        """Records a block, then wakes those who wait. Raises PayloadLogError, and then nothing
        has changed."""
        head = Head(
            height=payload.number,
            app_hash=b"",
            number=payload.number,
            block_hash=payload.block_hash,
            timestamp=payload.timestamp,
        )
        self.log.commit(head, payload)
        self.head = head
        self.newest = payload
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def beyond(self, block_hash: BlockHash | None, timeout_s: float) -> bool:
        """Waits until the head is another than this block; False if the time is up before."""
        if self.head.block_hash != block_hash:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True
