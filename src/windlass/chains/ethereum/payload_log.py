"""Our own record of every decided block: SQLite, one transaction per commit.

geth keeps recent blocks in memory and loses them when it is killed; this log does not, and whatever
geth forgot is fed again from here (restore.py). `synchronous=FULL` makes a commit wait for the
disk, so that what we said is decided stays decided after a power cut. A commit is one transaction:
killed at any instant, the log holds either all of it or nothing.

One process at a time has the log open (SQLite's exclusive lock, which dies with its holder): two
programs that both believe to be this node would sign and serve two histories.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from windlass.chains.ethereum import payload_codec
from windlass.chains.ethereum.payload import MalformedPayload, Payload
from windlass.chains.ethereum.quantities import BlockHash, Height
from windlass.kit.errors import WindlassError

SCHEMA = 1
APPLICATION_ID = 0x574C4F47  # "WLOG": tells our file from any other SQLite file
HEADS_KEPT = 100
"""Enough to see what went before; a node never goes back further."""
LOCK_TIMEOUT_S = 2.0
"""A predecessor that was just killed is gone by then."""

_TABLES = """
CREATE TABLE payload (
    number     INTEGER PRIMARY KEY,
    block_hash TEXT NOT NULL UNIQUE,
    height     INTEGER NOT NULL,
    body       BLOB NOT NULL
) STRICT;
CREATE TABLE head (
    height     INTEGER PRIMARY KEY,
    app_hash   BLOB NOT NULL,
    number     INTEGER NOT NULL,
    block_hash TEXT NOT NULL,
    timestamp  INTEGER NOT NULL
) STRICT;
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""


class PayloadLogError(WindlassError):
    """The payload log can't be used; the sentence says why, the next step what helps."""

    code = "payload_log"


class PayloadLogCorrupt(PayloadLogError):
    """The file is damaged, or is no payload log."""

    code = "payload_log_corrupt"


class PayloadLogNewer(PayloadLogError):
    """A newer Windlass wrote this log."""

    code = "payload_log_newer"


class PayloadLogFull(PayloadLogError):
    """The disk does not take the commit. Nothing of it was written; it can be tried again."""

    code = "payload_log_full"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided: the consensus height, and the Ethereum block that is the head since then.

    `app_hash` is the consensus side's own (empty for a sealer, whose height is the block's number);
    `timestamp` is the block's, in unix seconds.
    """

    height: int
    app_hash: bytes
    number: Height
    block_hash: BlockHash
    timestamp: int


class PayloadLog:
    """The log in one file. Its calls block for as long as the disk takes: milliseconds.

    Raises PayloadLogError from every call; ValueError where a commit contradicts the log, which
    only a defect of ours can bring about.
    """

    def __init__(self, path: str | Path, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        self.path = Path(path)
        self._head: Head | None = None
        with self._explained("open"):
            self._database = sqlite3.connect(
                self.path, isolation_level=None, timeout=lock_timeout_s, check_same_thread=False
            )
        try:
            with self._explained("open"):
                self._open()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Closes the file; another process may open it then."""
        self._database.close()

    def head(self) -> Head | None:
        """The newest commit, None before the first."""
        return self._head

    def payload(self, number: int) -> Payload | None:
        """The block of that number, None if the log has none."""
        with self._explained("read"):
            row = self._database.execute(
                "SELECT body, block_hash FROM payload WHERE number = ?", (number,)
            ).fetchone()
        if row is None:
            return None
        try:
            payload = payload_codec.decode(row[0])
        except MalformedPayload as error:
            raise self._corrupt(f"block {number} can't be read: {error.sentence}") from error
        if payload.block_hash != row[1] or payload.number != number:
            raise self._corrupt(f"what it has under block {number} is another block")
        return payload

    def hash_at(self, number: int) -> BlockHash | None:
        """The hash of that block, None if the log has none. Block 0 is not in the log."""
        with self._explained("read"):
            row = self._database.execute(
                "SELECT block_hash FROM payload WHERE number = ?", (number,)
            ).fetchone()
        return None if row is None else BlockHash(row[0])

    def meta(self, key: str) -> bytes | None:
        """The owner's own value of that name, None if it was never committed."""
        with self._explained("read"):
            row = self._database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def require_genesis(self, genesis_hash: str) -> None:
        """Raises PayloadLogError if the log's blocks belong to another chain."""
        first = self.payload(1)
        if first is not None and first.parent_hash != genesis_hash:
            raise PayloadLogError(
                f"The payload log {self.path} begins on the genesis block {first.parent_hash}, but "
                f"this network's is {genesis_hash}.",
                "It belongs to another network: give this one its own file, or remove that one.",
            )

    def commit(
        self,
        head: Head,
        payload: Payload | None = None,
        *,
        encoded: bytes | None = None,
        meta: Mapping[str, bytes] | None = None,
    ) -> None:
        """Records one decided height, durably: on return it survives a power cut.

        `payload` is the height's block, None if it brought none; `encoded` its bytes if the caller
        has them (it must be what `payload_codec.decode` read). `meta` is written along with it.
        """
        self._check_next(head, payload)
        body = b""
        if payload is not None:
            body = payload_codec.encode(payload) if encoded is None else encoded
        with self._explained("write"), self._transaction() as database:
            if payload is not None:
                database.execute(
                    "INSERT INTO payload (number, block_hash, height, body) VALUES (?, ?, ?, ?)",
                    (head.number, head.block_hash, head.height, body),
                )
            database.execute(
                "INSERT INTO head (height, app_hash, number, block_hash, timestamp)"
                " VALUES (?, ?, ?, ?, ?)",
                (head.height, head.app_hash, head.number, head.block_hash, head.timestamp),
            )
            database.execute("DELETE FROM head WHERE height <= ?", (head.height - HEADS_KEPT,))
            database.executemany(
                "INSERT INTO meta (key, value) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                list((meta or {}).items()),
            )
        self._head = head

    def _open(self) -> None:
        database = self._database
        # The order matters: in exclusive mode from before the first access to the WAL on, SQLite
        # needs no shared memory, and the lock is taken by the first transaction and never let go.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        with self._transaction():
            self._migrate()
        self._head = self._read_head()

    def _migrate(self) -> None:
        database = self._database
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (schema,) = database.execute("PRAGMA user_version").fetchone()
        if schema == 0 and application == 0:
            if database.execute("SELECT 1 FROM sqlite_master").fetchone():
                raise self._corrupt("it is another program's database")
            for statement in _TABLES.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {SCHEMA}")
        elif application != APPLICATION_ID:
            raise self._corrupt("it is another program's database")
        elif schema > SCHEMA:
            raise PayloadLogNewer(
                f"The payload log {self.path} was written by a newer Windlass (its schema is "
                f"{schema}, this release knows {SCHEMA}).",
                "Run that release or a later one.",
            )

    def _read_head(self) -> Head | None:
        row = self._database.execute(
            "SELECT height, app_hash, number, block_hash, timestamp FROM head"
            " ORDER BY height DESC LIMIT 1"
        ).fetchone()
        (last,) = self._database.execute("SELECT max(number) FROM payload").fetchone()
        head = None if row is None else _head(row)
        if (last or 0) != (head.number if head else 0):
            raise self._corrupt("its last block and its head differ")
        if head is not None and head.number and self.hash_at(head.number) != head.block_hash:
            raise self._corrupt("its head is not its last block")
        return head

    def _check_next(self, head: Head, payload: Payload | None) -> None:
        last = self._head
        if head.height != (last.height + 1 if last else head.height):
            raise ValueError(f"height {head.height} does not follow {last and last.height}")
        if payload is None:
            if last is None and head.number != 0:
                raise ValueError("the first commit has a head but no payload")
            if last is not None and head.block_hash != last.block_hash:
                raise ValueError("the head changed without a payload")
            return
        if (payload.number, payload.block_hash) != (head.number, head.block_hash):
            raise ValueError("the head is not the payload's block")
        if head.number != (last.number if last else 0) + 1:
            raise ValueError(f"block {head.number} does not follow {last.number if last else 0}")
        if last is not None and payload.parent_hash != last.block_hash:
            raise ValueError(f"block {head.number} is not built on the last one")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield self._database
            self._database.execute("COMMIT")
        except BaseException:
            # SQLite has already rolled back after some errors, a full disk among them.
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        """Turns SQLite's errors into ours; sqlite3 is used in this module only."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._explain(verb, error) from error

    def _explain(self, verb: str, error: sqlite3.Error) -> PayloadLogError:
        primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self._corrupt(str(error))
        if primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and self._no_room()):
            return PayloadLogFull(
                f"Can't {verb} the payload log {self.path}: {error}.",
                "Free some space on that disk; nothing is lost and it goes on by itself.",
            )
        if primary == sqlite3.SQLITE_IOERR:
            return PayloadLogError(
                f"Can't {verb} the payload log {self.path}: {error}, though there is room.",
                "The disk or its file system fails, or a quota or size limit is reached: see the "
                "kernel's log (dmesg) and `ulimit -f`.",
            )
        if primary == sqlite3.SQLITE_BUSY:
            return PayloadLogError(
                f"Another process has the payload log {self.path} open.",
                "Only one bridge or sealer may run for a node: find and stop the other one.",
            )
        return PayloadLogError(
            f"Can't {verb} the payload log {self.path}: {error}.",
            "See that its directory exists and may be written by this user.",
        )

    def _no_room(self) -> bool:
        """Whether the disk has less room than a commit may need.

        Some file systems find that out only when they sync, and SQLite calls that an I/O error.
        """
        try:
            disk = os.statvfs(self.path.parent)
        except OSError:
            return False
        return disk.f_bavail * disk.f_frsize < payload_codec.ENCODED_BYTES_MAX

    def _corrupt(self, reason: str) -> PayloadLogCorrupt:
        return PayloadLogCorrupt(
            f"The payload log {self.path} is damaged: {reason}.",
            "Move the file away: a validator or node gets its blocks again from the others. If "
            "this is the only sealer, restore the file from a backup.",
        )


def _head(row: tuple[int, bytes, int, str, int]) -> Head:
    height, app_hash, number, block_hash, timestamp = row
    return Head(
        height=height,
        app_hash=app_hash,
        number=Height(number),
        block_hash=BlockHash(block_hash),
        timestamp=timestamp,
    )
