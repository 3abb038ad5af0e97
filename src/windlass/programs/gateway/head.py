"""The newest block that clients are told of: one for the whole gateway, and it only rises.

Each node learns of a block at its own moment. A client whose calls go to different nodes would see
heights jump back and forth, so `latest` means this head wherever it is asked, and only nodes that
have it are asked. It is on disk before anybody is told: a gateway that was killed goes on from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from windlass.chains.ethereum.quantities import from_hex

REMEMBERED_BLOCKS = 1024
"""Hashes kept in memory: filters that are asked at least every five minutes need no more."""


class Block(msgspec.Struct, frozen=True, gc=False):
    """What is needed of a block to know its place in the chain."""

    number: int
    hash: str
    parent_hash: str


class HeaderFields(msgspec.Struct, rename="camel", gc=False):
    """The same as nodes write it."""

    number: str
    hash: str
    parent_hash: str

    def block(self) -> Block:
        """Raises ValueError if the number is none."""
        return Block(from_hex(self.number), self.hash, self.parent_hash)


Store = Callable[[int, str], Awaitable[None]]
"""Writes number and hash to disk."""


class Head:
    """`number` is -1 while no node was ever heard."""

    def __init__(self, number: int, block_hash: str, store: Store) -> None:
        self.number = number
        self.hash = block_hash
        self._store = store
        self._hashes: dict[int, str] = {number: block_hash} if number >= 0 else {}
        self._changed = asyncio.Event()
        self._storing: tuple[int, asyncio.Future[None]] | None = None

    def fits(self, block: Block) -> bool | None:
        """Whether it is of the chain that clients have seen; None if that can't be told from what
        is remembered."""
        known = self._hashes.get(block.number)
        if known is not None:
            return known == block.hash
        parent = self._hashes.get(block.number - 1)
        if parent is not None:
            return parent == block.parent_hash
        return True if self.number < 0 else None

    def hash_of(self, number: int) -> str | None:
        """A recent block's hash, None if it is not remembered."""
        return self._hashes.get(number)

    def remember(self, number: int, block_hash: str) -> None:
        """Notes the hash of a block of the chain."""
        hashes = self._hashes
        hashes[number] = block_hash
        while len(hashes) > REMEMBERED_BLOCKS:
            del hashes[min(hashes)]

    async def raise_to(self, number: int, block_hash: str) -> None:
        """Returns once the head is this block or a later one."""
        while number > self.number:
            if self._storing is not None and self._storing[0] >= number:
                await asyncio.shield(self._storing[1])
                continue
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            mine = self._storing = (number, done)
            try:
                await self._store(number, block_hash)
                self._rise(number, block_hash)
            finally:
                if self._storing is mine:
                    self._storing = None
                done.set_result(None)

    async def changed(self) -> None:
        """Returns when the head rises the next time."""
        await self._changed.wait()

    def _rise(self, number: int, block_hash: str) -> None:
        if number <= self.number:
            return
        self.number, self.hash = number, block_hash
        self.remember(number, block_hash)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
