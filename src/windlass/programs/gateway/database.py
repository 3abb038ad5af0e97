"""The gateway's SQLite file: what it must not forget, written by one thread.

A client is told that its transaction is accepted only once it is on disk, and a sync to disk takes
milliseconds. So writes are queued, and the thread commits all that are waiting in one transaction:
a thousand clients that send at the same moment share one sync.

SQLite's log is made long before it is needed: a sync of a file that grows has to write its new
length, too, and takes nearly twice as long.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from windlass.kit.errors import WindlassError
from windlass.kit.faults import fault_point

T = TypeVar("T")
Action = Callable[[sqlite3.Connection], Any]

BUSY_S = 5.0
GROUP_MAX = 2000
LENGTHEN = """
CREATE TABLE IF NOT EXISTS filling (bytes BLOB);
INSERT INTO filling VALUES (zeroblob(4100000));
DROP TABLE filling;
PRAGMA wal_checkpoint(RESTART);
"""
"""SQLite begins its log anew after 1,000 pages of 4 KiB, and does not make it shorter then."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
  hash TEXT PRIMARY KEY, nonce TEXT NOT NULL, max_fee_wei TEXT NOT NULL, raw BLOB NOT NULL,
  accepted_at REAL NOT NULL, sender TEXT NOT NULL DEFAULT '', sent INTEGER NOT NULL DEFAULT 0,
  last_refusal TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS dropped (
  place INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL, sender TEXT NOT NULL,
  nonce TEXT NOT NULL, accepted_at REAL NOT NULL, dropped_at REAL NOT NULL, sent INTEGER NOT NULL,
  last_refusal TEXT NOT NULL, reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS dropped_hash ON dropped (hash);
"""

log = logging.getLogger(__name__)


class JournalError(WindlassError):
    """The gateway's journal can't be used."""

    code = "journal"


class Statement(msgspec.Struct, frozen=True):
    """A single statement, which gives how many rows it has changed."""

    sql: str
    values: tuple[Any, ...]

    def __call__(self, connection: sqlite3.Connection) -> int:
        """Executes it."""
        return connection.execute(self.sql, self.values).rowcount


class Database:
    """An open file. `write` is for the event loop, whose thread never touches the file."""

    def __init__(self, path: Path | str, genesis_hash: str) -> None:
        """Opens or makes it. Raises JournalError."""
        self.path = Path(path)
        self._queue: queue.SimpleQueue[tuple[Action, asyncio.Future[Any] | None] | None]
        self._queue = queue.SimpleQueue()
        try:
            self._connection = sqlite3.connect(
                self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            self.path.chmod(0o600)
            self._prepare(genesis_hash)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"The journal {self.path} can't be used: {error}.",
                "See whether the disk is full, and whether another gateway uses the same file.",
            ) from error
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def read(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """For the start, before anything is written."""
        return action(self._connection)

    def write(self, action: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Begins at once; what it gives is done when it is on disk, or has JournalError, and then
        nothing has changed. Cancelling that ends the waiting, not the write."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put((action, future))
        return future

    def post(self, action: Action) -> None:
        """Writes it after what was given before; a failure is only logged."""
        self._queue.put((action, None))

    def close(self) -> None:
        """Writes what is waiting and closes the file."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _prepare(self, genesis_hash: str) -> None:
        connection = self._connection
        # One gateway, one file: a second one would send and forget behind the first one's back.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        with contextlib.suppress(sqlite3.OperationalError):  # a full disk: reading goes on
            connection.executescript(LENGTHEN)
        connection.executescript(SCHEMA)
        row = connection.execute("SELECT value FROM fact WHERE name='genesis'").fetchone()
        if row is None:
            connection.execute("INSERT INTO fact VALUES ('genesis', ?)", (genesis_hash,))
        elif row[0] != genesis_hash:
            raise JournalError(
                f"The journal {self.path} is another chain's: its genesis block is {row[0]}.",
                "Name another file for it, or delete it if that chain is no more.",
            )

    def _work(self) -> None:
        while True:
            group = [self._queue.get()]
            while len(group) < GROUP_MAX:
                try:
                    group.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            self._commit([one for one in group if one is not None])
            if None in group:
                return

    def _commit(self, group: list[tuple[Action, asyncio.Future[Any] | None]]) -> None:
        done: list[tuple[asyncio.Future[Any], Any]] = []
        # A single statement commits itself: each one more is a wait for the interpreter's lock.
        alone = len(group) == 1 and isinstance(group[0][0], Statement)
        try:
            if not alone:
                self._connection.execute("BEGIN IMMEDIATE")
            for action, future in group:
                value = action(self._connection)
                if future is not None:
                    done.append((future, value))
            fault_point("journal-before-commit")
            if not alone:
                self._connection.execute("COMMIT")
            fault_point("journal-after-commit")
        except sqlite3.Error as error:
            self._roll_back()
            log.error("the journal can't be written", extra={"reason": str(error)})  # noqa: TRY400 - the reason is all there is to say
            failure = JournalError(f"The journal {self.path} can't be written: {error}.")
            futures = [future for _, future in group if future is not None]
            _tell(futures, lambda one: one.set_exception(failure))
            return
        values = dict(done)
        _tell(list(values), lambda one: one.set_result(values[one]))

    def _roll_back(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except sqlite3.Error:
            return  # it was never begun, or SQLite has done it


def _tell(
    futures: list[asyncio.Future[Any]], settle: Callable[[asyncio.Future[Any]], None]
) -> None:
    """Wakes those who wait, once for all of them."""

    def settle_all() -> None:
        for future in futures:
            if not future.done():
                settle(future)

    if not futures:
        return
    try:
        futures[0].get_loop().call_soon_threadsafe(settle_all)
    except RuntimeError:
        return  # the program has ended: nobody waits
