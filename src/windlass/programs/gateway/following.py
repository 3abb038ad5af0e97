"""The chain, block by block: strictly one after the other, none skipped, none twice.

What is in a block leaves the journal, and whoever listens is told. A block that a node announced
is only a hint that there is one: blocks are fetched by number from any node that has our head, and
each must name the one before it as its parent. So it makes no difference which node dies when.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

import msgspec

from windlass.chains.ethereum.quantities import from_hex
from windlass.kit import json
from windlass.kit.faults import fault_point
from windlass.kit.json import JsonError
from windlass.programs.gateway.calls import Caller
from windlass.programs.gateway.errors import RpcRefusal
from windlass.programs.gateway.head import Head
from windlass.programs.gateway.journal import Journal
from windlass.programs.gateway.resending import Resender

RETRY_S = 0.5
JUMP_BLOCKS = 256
"""With nobody listening, a longer gap is not walked through: what is in the journal is found by its
sender's nonce."""

log = logging.getLogger(__name__)


class FollowedBlock(msgspec.Struct, rename="camel", gc=False):
    """A block as far as it is needed here; `raw` is all of it."""

    number: str
    hash: str
    parent_hash: str
    transactions: list[str]
    raw: msgspec.Raw = msgspec.Raw()

    @property
    def height(self) -> int:
        """Its number."""
        return from_hex(self.number)


class Listener(Protocol):
    """Whoever is told of each block."""

    def is_listening(self) -> bool:
        """Whether a block that is left out would be missed."""

    async def happened(self, block: FollowedBlock) -> None:
        """A block of the chain, the one after the last. Raises RpcRefusal if what it needs can't be
        had now; it is told of the same block again then."""


class Follower:
    """`number` is the last block that was gone through, -1 before the first."""

    def __init__(
        self, head: Head, caller: Caller, journal: Journal, resender: Resender, listener: Listener
    ) -> None:
        self.number = -1
        self._head = head
        self._caller = caller
        self._journal = journal
        self._resender = resender
        self._listener = listener

    async def run(self) -> None:
        """Goes on for ever."""
        while True:
            if self._head.number < 0 or self._caller.fleet.choose() is None:
                await self._caller.fleet.changed(RETRY_S)
                continue
            gap = self._head.number - self.number
            if self.number < 0 or (gap > JUMP_BLOCKS and not self._listener.is_listening()):
                self.number = self._head.number
                self._resender.urge()
            while self.number < self._head.number:
                if not await self._step():
                    await asyncio.sleep(RETRY_S)
            await self._head.changed()

    async def _step(self) -> bool:
        try:
            block = await self._fetch(self.number + 1)
            if block is None:
                return False
            gone = self._journal.remove(block.transactions)
            self._resender.included(gone)
            fault_point("block-followed")
            await self._listener.happened(block)
        except (RpcRefusal, JsonError) as refusal:
            log.info("the next block can't be had now", extra={"reason": str(refusal)})
            return False
        self.number = block.height
        return True

    async def _fetch(self, number: int) -> FollowedBlock | None:
        raw = await self._caller.value(
            "eth_getBlockByNumber", hex(number), False, kind=msgspec.Raw, has_block=True
        )
        try:
            block = json.decode(raw, FollowedBlock)
            height = block.height
        except (JsonError, ValueError) as error:
            raise RpcRefusal(-32603, f"a node's block makes no sense: {error}") from error
        parent = self._head.hash_of(number - 1)
        known = self._head.hash_of(number)
        if (
            height != number
            or (parent or block.parent_hash) != block.parent_hash
            or (known or block.hash) != block.hash
        ):
            log.error("a node has another chain", extra={"block": number, "hash": block.hash})
            return None
        self._head.remember(number, block.hash)
        block.raw = raw
        return block
