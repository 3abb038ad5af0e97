"""How the state's database came to its present shape, one numbered step after the other.

A release only ever appends. Step N brings schema N-1 to schema N, so the state of any earlier
release is opened and carried on; a state of a newer release is refused by its number.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    );
    CREATE TABLE networks (
        name TEXT PRIMARY KEY,
        definition BLOB NOT NULL
    );
    CREATE TABLE workloads (
        network TEXT NOT NULL,
        name TEXT NOT NULL,
        definition BLOB NOT NULL,
        files BLOB NOT NULL,
        desired TEXT NOT NULL CHECK (desired IN ('running', 'stopped')),
        PRIMARY KEY (network, name)
    );
    CREATE TABLE processes (
        network TEXT NOT NULL,
        node TEXT NOT NULL,
        process TEXT NOT NULL,
        pid INTEGER,
        started INTEGER NOT NULL DEFAULT 0,
        boot TEXT NOT NULL DEFAULT '',
        digest TEXT NOT NULL DEFAULT '',
        state TEXT NOT NULL DEFAULT 'stopped',
        ready INTEGER NOT NULL DEFAULT 0,
        restarts INTEGER NOT NULL DEFAULT 0,
        wipes INTEGER NOT NULL DEFAULT 0,
        last_exit INTEGER,
        last_reason TEXT NOT NULL DEFAULT '',
        since REAL NOT NULL DEFAULT 0,
        PRIMARY KEY (network, node, process)
    );
    CREATE TABLE ports (
        network TEXT NOT NULL,
        workload TEXT NOT NULL,
        name TEXT NOT NULL,
        number INTEGER NOT NULL UNIQUE,
        PRIMARY KEY (network, workload, name)
    );
    CREATE TABLE scales (
        network TEXT PRIMARY KEY,
        nodes INTEGER NOT NULL,
        spec_nodes INTEGER NOT NULL
    );
    """,
)


def schema_of(connection: sqlite3.Connection) -> int:
    """The schema that the database has; 0 is a new one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Brings an older database up to date, each step in a transaction of its own."""
    for number in range(schema_of(connection) + 1, len(migrations) + 1):
        # Another process may have done the step meanwhile: look again under the write lock.
        connection.execute("BEGIN IMMEDIATE")
        try:
            if schema_of(connection) < number:
                for statement in migrations[number - 1].split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number:d}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
