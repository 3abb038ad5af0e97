"""The accepted transactions that are not final yet, and those that can no longer become so.

Memory has what is needed to decide, the disk also the transactions themselves. An entry is made
before its client is answered and goes when its transaction is in a block, when the node that was
asked first refused it, or when another transaction has taken its nonce: then it is kept as dropped,
with the reason.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from windlass.chains.ethereum.raw_transaction import (
    MalformedTransaction,
    RawTransaction,
    decode,
)
from windlass.programs.gateway.database import Database, JournalError, Statement
from windlass.programs.gateway.errors import LIMIT, RpcRefusal

DROPPED_MAX = 10_000
BYTES_MAX = 256 << 20
"""Of the journalled transactions: some are a hundred kilobytes long."""
REFUSAL_CHARACTERS_MAX = 300
INSERT = (
    "INSERT OR REPLACE INTO pending (hash, nonce, max_fee_wei, raw, accepted_at)"
    " VALUES (?, ?, ?, ?, ?)"
)


class Entry(msgspec.Struct, kw_only=True, gc=False):
    """An accepted transaction. `due_s` (monotonic) is when it is offered again; `sending` while its
    client waits for the answer."""

    hash: str
    sender: str
    nonce: int
    max_fee_wei: int
    size: int
    accepted_at: float
    sent: int = 0
    last_refusal: str = ""
    due_s: float = 0.0
    tries: int = 0
    sender_nonce: int | None = None
    sending: bool = False


class Journal:
    """All of it. The disk follows what is decided here, in the same order."""

    def __init__(self, database: Database, *, limit: int, sender_limit: int) -> None:
        self.limit = limit
        self.dropped_count = database.read(_count_dropped)
        self._database = database
        self._sender_limit = sender_limit
        self._entries: dict[str, Entry] = {}
        self._by_sender: dict[str, dict[int, list[Entry]]] = {}
        self._sender_counts: dict[str, int] = {}
        self._size = 0
        self._reserved = 0
        self._reserved_size = 0
        for entry in database.read(_load):
            self._enter(entry)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, transaction: str) -> Entry | None:
        """The entry of that hash."""
        return self._entries.get(transaction)

    def entries(self) -> list[Entry]:
        """All of them, the oldest first, as they are now."""
        return list(self._entries.values())

    def next_nonce(self, sender: str, nonce: int) -> int:
        """The first nonce from this one on that no entry of the sender has."""
        nonces = self._by_sender.get(sender)
        while nonces and nonce in nonces:
            nonce += 1
        return nonce

    def oldest(self) -> Entry | None:
        """The entry that was accepted first."""
        return next(iter(self._entries.values()), None)

    def admit(self, entry: Entry) -> None:
        """Takes it into memory. Raises RpcRefusal if there is no room."""
        if len(self._entries) + self._reserved >= self.limit or self._over(entry.size):
            raise RpcRefusal(
                LIMIT,
                f"the gateway keeps {len(self._entries)} transactions that are not final yet and "
                "takes no more; try again when some are",
            )
        # What is reserved is no sender's yet, so it may be this one's.
        if self._sender_counts.get(entry.sender, 0) + self._reserved >= self._sender_limit:
            raise RpcRefusal(
                LIMIT,
                f"{entry.sender} has {self._sender_limit} transactions that are not final yet, and "
                "no more are taken; try again when some are",
            )
        self._enter(entry)

    def reserve(self, size: int) -> bool:
        """Keeps room for one of that size until `admit` or `release`, whoever its sender is: false
        if it might be refused. A sender can't have more than there are altogether."""
        count = len(self._entries) + self._reserved
        if count >= min(self.limit, self._sender_limit) or self._over(size):
            return False
        self._reserved += 1
        self._reserved_size += size
        return True

    def release(self, size: int) -> None:
        """Gives up what was reserved for one of that size."""
        self._reserved -= 1
        self._reserved_size -= size

    def write(
        self, transaction: RawTransaction, raw: bytes, accepted_at: float
    ) -> asyncio.Future[int]:
        """Begins at once; done when it is on disk, or with JournalError. For a moment it may be
        there without being one of the entries."""
        values = (transaction.hash, str(transaction.nonce), str(transaction.max_fee_wei), raw,
                  accepted_at)  # fmt: skip
        return self._database.write(Statement(INSERT, values))

    async def withdraw(self, transaction: str) -> None:
        """Forgets one that was refused, entry or not. Returns once the disk has forgotten it too:
        its client must not be told that it was refused, and find it in a block after a crash.
        Raises JournalError; it is forgotten until the next start then."""
        self._leave(transaction)
        await self._database.write(Statement("DELETE FROM pending WHERE hash=?", (transaction,)))

    def remove(self, transactions: Iterable[str]) -> list[Entry]:
        """Forgets those of them that are here: they are final."""
        gone = [one for one in (self._leave(hash_) for hash_ in transactions) if one is not None]
        if gone:
            hashes = [(entry.hash,) for entry in gone]
            self._database.post(
                lambda db: db.executemany("DELETE FROM pending WHERE hash=?", hashes)
            )
        return gone

    def drop(self, entry: Entry, reason: str) -> None:
        """It can't become final any more: it is kept as dropped."""
        if self._leave(entry.hash) is None:
            return
        self.dropped_count = min(self.dropped_count + 1, DROPPED_MAX)
        values = (entry.hash, entry.sender, str(entry.nonce), entry.accepted_at, time.time(),
                  entry.sent, entry.last_refusal, reason)  # fmt: skip

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM pending WHERE hash=?", (values[0],))
            db.execute(
                "INSERT INTO dropped (hash, sender, nonce, accepted_at, dropped_at, sent,"
                " last_refusal, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            db.execute(
                "DELETE FROM dropped WHERE place <= (SELECT max(place) FROM dropped) - ?",
                (DROPPED_MAX,),
            )

        self._database.post(write)

    def note(self, entries: Iterable[Entry]) -> None:
        """Writes who sent them, how often we did, and what was said to it."""
        values = [(entry.sender, entry.sent, entry.last_refusal, entry.hash) for entry in entries]
        self._database.post(
            lambda db: db.executemany(
                "UPDATE pending SET sender=?, sent=?, last_refusal=? WHERE hash=?", values
            )
        )

    async def raw(self, transactions: Iterable[str]) -> dict[str, bytes]:
        """The transactions themselves, of those that are here. Raises JournalError."""
        hashes = list(transactions)

        def find(db: sqlite3.Connection) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            for hash_ in hashes:
                row = db.execute("SELECT raw FROM pending WHERE hash=?", (hash_,)).fetchone()
                if row is not None:
                    found[hash_] = row[0]
            return found

        return await self._database.write(find)

    async def dropped(self, transaction: str) -> dict[str, Any] | None:
        """What is kept of a dropped one. Raises JournalError."""
        row = await self._database.write(
            lambda db: db.execute(
                "SELECT sender, nonce, accepted_at, dropped_at, sent, last_refusal, reason"
                " FROM dropped WHERE hash=? ORDER BY place DESC LIMIT 1",
                (transaction,),
            ).fetchone()
        )
        if row is None:
            return None
        names = ("sender", "nonce", "accepted_at", "dropped_at", "sent", "last_refusal", "reason")
        return {**dict(zip(names, row, strict=True)), "nonce": int(row[1])}

    def _over(self, size: int) -> bool:
        return self._size + self._reserved_size + size > BYTES_MAX

    def _enter(self, entry: Entry) -> None:
        self._entries[entry.hash] = entry
        self._by_sender.setdefault(entry.sender, {}).setdefault(entry.nonce, []).append(entry)
        self._sender_counts[entry.sender] = self._sender_counts.get(entry.sender, 0) + 1
        self._size += entry.size

    def _leave(self, transaction: str) -> Entry | None:
        entry = self._entries.pop(transaction, None)
        if entry is None:
            return None
        self._size -= entry.size
        nonces = self._by_sender[entry.sender]
        same = nonces[entry.nonce]
        same.remove(entry)
        if not same:
            del nonces[entry.nonce]
        self._sender_counts[entry.sender] -= 1
        if not nonces:
            del self._by_sender[entry.sender]
            del self._sender_counts[entry.sender]
        return entry


class StoredHead:
    """The head on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> tuple[int, str]:
        """Number and hash; -1 before the first."""
        row = self._database.read(
            lambda db: db.execute("SELECT value FROM fact WHERE name='head'").fetchone()
        )
        if row is None:
            return -1, ""
        number, _, block_hash = str(row[0]).partition(" ")
        return int(number), block_hash

    async def store(self, number: int, block_hash: str) -> None:
        """Returns once it is on disk, or can't be: reading goes on when the disk is full."""
        value = f"{number} {block_hash}"
        try:
            await self._database.write(
                lambda db: db.execute("INSERT OR REPLACE INTO fact VALUES ('head', ?)", (value,))
            )
        except JournalError:
            return  # it was logged


def _count_dropped(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM dropped").fetchone()[0])


def _load(db: sqlite3.Connection) -> Iterator[Entry]:
    rows = db.execute(
        "SELECT hash, sender, nonce, max_fee_wei, raw, accepted_at, sent, last_refusal"
        " FROM pending ORDER BY accepted_at"
    )
    for hash_, sender, nonce, fee, raw, accepted_at, sent, refusal in rows:
        try:
            known = sender or decode(raw).sender()
        except MalformedTransaction:
            continue  # written, and killed before a node was asked what is wrong with it
        yield Entry(
            hash=hash_, sender=known, nonce=int(nonce), max_fee_wei=int(fee), size=len(raw),
            accepted_at=accepted_at, sent=sent, last_refusal=refusal,
        )  # fmt: skip
