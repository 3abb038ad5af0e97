"""The history on disk: a row per block, sums per minute and node, and the alerts.

What is written can be added to later (sums, not means), so a batch each few seconds is enough and a
kill loses no more than the last one. All calls block; history.py makes them in a thread. Nothing
here is needed to run: a damaged file is set aside, and a new one begun.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.programs.dashboard.alerts import Alert
from windlass.programs.dashboard.blocks import Block
from windlass.programs.dashboard.errors import HistoryUnusable

VERSION = 1
MINUTE_MS = 60_000
LOCK_WAIT_S = 3.0
PAGE_BYTES = 4096
BYTES_MAX = 1 << 30
"""The file's size at most; 500 nodes take some 100 MB a day."""
FULL = 0.9
"""Of that size: from here on the oldest gives way, since a full file takes nothing."""
ROUNDS_MAX = 20
LOG_BYTES_MAX = 16 << 20
ALERTS_MAX = 500
DELAYS_KEPT = 16
"""Of a block's sorted delays, evenly: enough for its median and its longest."""
TABLES = """
    CREATE TABLE blocks (
        number INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL,
        block BLOB NOT NULL,
        transactions INTEGER NOT NULL,
        gas_used INTEGER NOT NULL,
        interval_ms INTEGER,
        p50_ms INTEGER,
        max_ms INTEGER
    );
    CREATE INDEX blocks_at ON blocks (at_ms);
    CREATE TABLE minutes (
        at_ms INTEGER PRIMARY KEY,
        nodes_online INTEGER NOT NULL,
        alerts INTEGER NOT NULL,
        missed_rounds INTEGER NOT NULL
    );
    CREATE TABLE node_minutes (
        node TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        height INTEGER,
        peers INTEGER,
        pending INTEGER,
        latency_ms INTEGER,
        delay_sum_ms INTEGER NOT NULL,
        delays INTEGER NOT NULL,
        ticks INTEGER NOT NULL,
        online_ticks INTEGER NOT NULL,
        PRIMARY KEY (node, at_ms)
    ) WITHOUT ROWID;
    CREATE TABLE alerts (
        id INTEGER PRIMARY KEY,
        since_ms INTEGER NOT NULL,
        until_ms INTEGER,
        alert BLOB NOT NULL
    )
"""

log = logging.getLogger(__name__)


class NodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is added to a node's minute."""

    node: str
    height: int | None
    peers: int | None
    pending: int | None
    latency_ms: int | None
    delay_sum_ms: int
    delays: int
    ticks: int
    online_ticks: int


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in the last seconds."""

    at_ms: int
    nodes_online: int
    alerts_on: int
    missed_rounds: int
    blocks: tuple[Block, ...]
    nodes: tuple[NodeRow, ...]
    alerts: tuple[Alert, ...]


class Store:
    """The open database. Raises sqlite3.Error where nothing else is said."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path, *, bytes_max: int = BYTES_MAX) -> Store:
        """Opens it, or sets it aside if it is damaged. Raises HistoryUnusable."""
        try:
            try:
                return cls(path, _connect(path, bytes_max))
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                set_aside(path, str(error))
                return cls(path, _connect(path, bytes_max))
        except (sqlite3.Error, OSError) as error:
            raise HistoryUnusable(path, str(error)) from error

    def close(self) -> None:
        """Closes it."""
        self._connection.close()

    def write(self, batch: Batch) -> None:
        """Adds what happened, in one transaction."""
        minute = batch.at_ms // MINUTE_MS * MINUTE_MS
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(
                "INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (_block_row(block) for block in batch.blocks),
            )
            self._connection.execute(
                "INSERT INTO minutes VALUES (?, ?, ?, ?) ON CONFLICT (at_ms) DO UPDATE SET"
                " nodes_online = excluded.nodes_online, alerts = max(alerts, excluded.alerts),"
                " missed_rounds = missed_rounds + excluded.missed_rounds",
                (minute, batch.nodes_online, batch.alerts_on, batch.missed_rounds),
            )
            self._connection.executemany(
                "INSERT INTO node_minutes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (node, at_ms) DO UPDATE SET height = excluded.height,"
                " peers = excluded.peers, pending = excluded.pending,"
                " latency_ms = excluded.latency_ms,"
                " delay_sum_ms = delay_sum_ms + excluded.delay_sum_ms,"
                " delays = delays + excluded.delays, ticks = ticks + excluded.ticks,"
                " online_ticks = online_ticks + excluded.online_ticks",
                (_node_row(node, minute) for node in batch.nodes),
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?)",
                (
                    (one.id, one.since_ms, one.until_ms, msgspec.json.encode(one))
                    for one in batch.alerts
                ),
            )
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def prune(self, before_ms: int) -> None:
        """Forgets what is older, and the oldest tenth of the rest while the file is nearly full."""
        self._forget(before_ms)
        for _ in range(ROUNDS_MAX):
            oldest_ms, newest_ms = self._span()
            if self._fullness() < FULL or newest_ms <= oldest_ms:
                return
            self._forget(oldest_ms + max((newest_ms - oldest_ms) // 10, 1))

    def _span(self) -> tuple[int, int]:
        """The oldest and the newest time of what is kept."""
        (row,) = self._rows(
            "SELECT min(low), max(high) FROM"
            " (SELECT min(at_ms) AS low, max(at_ms) AS high FROM blocks"
            " UNION ALL SELECT min(at_ms), max(at_ms) FROM node_minutes)"
        )
        return row[0] or 0, row[1] or 0

    def _fullness(self) -> float:
        """The used part of the size that the file may have."""
        pages, free, most = (
            self._rows(f"PRAGMA {name}")[0][0]
            for name in ("page_count", "freelist_count", "max_page_count")
        )
        return float((pages - free) / most)

    def _forget(self, before_ms: int) -> None:
        self._connection.execute("DELETE FROM blocks WHERE at_ms < ?", (before_ms,))
        self._connection.execute("DELETE FROM minutes WHERE at_ms < ?", (before_ms,))
        self._connection.execute("DELETE FROM node_minutes WHERE at_ms < ?", (before_ms,))
        self._connection.execute("DELETE FROM alerts WHERE until_ms < ?", (before_ms,))

    def end_alerts(self, at_ms: int) -> None:
        """An earlier run can't end its alerts any more; what still holds begins anew."""
        self._connection.execute("UPDATE alerts SET until_ms = ? WHERE until_ms IS NULL", (at_ms,))

    def newest_blocks(self, count: int) -> list[Block]:
        """The newest blocks; one that can't be read is left out."""
        rows = self._rows("SELECT block FROM blocks ORDER BY at_ms DESC LIMIT ?", count)
        found = []
        for (encoded,) in rows:
            with contextlib.suppress(JsonError):
                found.append(json.decode(encoded, Block))
        return found

    def uptimes(self, since_ms: int) -> dict[str, list[int]]:
        """Node → percent online of each minute, oldest first."""
        rows = self._rows(
            "SELECT node, online_ticks * 100 / max(ticks, 1) FROM node_minutes WHERE at_ms >= ?"
            " ORDER BY node, at_ms",
            since_ms,
        )
        found: dict[str, list[int]] = {}
        for node, percent in rows:
            found.setdefault(node, []).append(percent)
        return found

    def minutes(self, since_ms: int) -> list[dict[str, Any]]:
        """The network minute by minute."""
        known: dict[int, dict[str, Any]] = {}
        for at_ms, *figures in self._rows(
            "SELECT at_ms / 60000 * 60000 AS minute, count(*), sum(transactions),"
            " CAST(total(gas_used) AS INTEGER), CAST(avg(interval_ms) AS INTEGER),"
            " max(interval_ms), CAST(avg(p50_ms) AS INTEGER), max(max_ms)"
            " FROM blocks WHERE at_ms >= ? GROUP BY minute",
            since_ms,
        ):
            known[at_ms] = dict(zip(_BLOCK_FIGURES, figures, strict=True))
        for at_ms, *figures in self._rows(
            "SELECT at_ms, nodes_online, missed_rounds, alerts FROM minutes WHERE at_ms >= ?",
            since_ms,
        ):
            known.setdefault(at_ms, {}).update(zip(_MINUTE_FIGURES, figures, strict=True))
        return [{"at_ms": at_ms, **_NOTHING, **figures} for at_ms, figures in sorted(known.items())]

    def node_minutes(self, node: str, since_ms: int) -> list[dict[str, Any]]:
        """One node minute by minute."""
        rows = self._rows(
            "SELECT at_ms, height, peers, pending, latency_ms,"
            " CASE WHEN delays THEN delay_sum_ms / delays END,"
            " online_ticks * 100 / max(ticks, 1)"
            " FROM node_minutes WHERE node = ? AND at_ms >= ? ORDER BY at_ms",
            node,
            since_ms,
        )
        return [dict(zip(_NODE_FIGURES, row, strict=True)) for row in rows]

    def alerts(self, since_ms: int) -> list[dict[str, Any]]:
        """The newest alerts that were on since then, newest first."""
        rows = self._rows(
            "SELECT alert, until_ms FROM alerts WHERE until_ms IS NULL OR until_ms >= ?"
            " ORDER BY since_ms DESC LIMIT ?",
            since_ms,
            ALERTS_MAX,
        )
        found = []
        for encoded, until_ms in rows:
            with contextlib.suppress(JsonError):
                alert = msgspec.to_builtins(json.decode(encoded, Alert))
                found.append({**alert, "until_ms": until_ms})
        return found

    def _rows(self, statement: str, *values: object) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()


_BLOCK_FIGURES = (
    "blocks",
    "transactions",
    "gas_used",
    "interval_mean_ms",
    "interval_max_ms",
    "propagation_p50_ms",
    "propagation_max_ms",
)
_MINUTE_FIGURES = ("nodes_online", "missed_rounds", "alerts")
_NODE_FIGURES = (
    "at_ms",
    "height",
    "peers",
    "pending",
    "latency_ms",
    "propagation_mean_ms",
    "online_percent",
)
_NOTHING: dict[str, Any] = {
    **dict.fromkeys(_BLOCK_FIGURES),
    "blocks": 0,
    "transactions": 0,
    "gas_used": 0,
    **dict.fromkeys(_MINUTE_FIGURES),
}


def set_aside(path: Path, reason: str) -> None:
    """Moves a damaged database out of the way. Raises OSError."""
    aside = path.with_name(path.name + ".damaged")
    log.warning(
        "the history was damaged and is begun anew", extra={"reason": reason, "kept_as": str(aside)}
    )
    with contextlib.suppress(FileNotFoundError):  # somebody has moved it away already
        path.replace(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path, bytes_max: int) -> sqlite3.Connection:
    # One thread at a time uses it, though not always the same.
    connection = sqlite3.connect(
        path, timeout=LOCK_WAIT_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA max_page_count = {bytes_max // PAGE_BYTES:d}")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES_MAX:d}")
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Makes the tables of a new file; raises sqlite3.DatabaseError if an old one can't be used."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.execute("BEGIN IMMEDIATE")
        for statement in TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION:d}")
        connection.execute("COMMIT")
    elif version != VERSION:
        raise sqlite3.DatabaseError(f"it has version {version}, not {VERSION}")
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _block_row(block: Block) -> tuple[Any, ...]:
    delays, last = block.delays_ms, len(block.delays_ms) - 1
    if len(delays) > DELAYS_KEPT:
        delays = [delays[one * last // (DELAYS_KEPT - 1)] for one in range(DELAYS_KEPT)]
    kept = msgspec.structs.replace(
        block, votes=0, reporters=max(block.votes, block.reporters), delays_ms=delays
    )
    return (
        block.number,
        block.at_ms,
        msgspec.json.encode(kept),
        block.transactions,
        block.gas_used,
        block.interval_ms,
        block.propagation_p50_ms,
        block.propagation_max_ms,
    )


def _node_row(node: NodeRow, minute: int) -> tuple[Any, ...]:
    values = msgspec.structs.astuple(node)
    return (values[0], minute, *values[1:])
