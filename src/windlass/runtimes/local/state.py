"""What is wanted and what runs, in one SQLite database that the command and the supervisor share.

The command writes what is wanted (workloads, ports, scales), the supervisor what runs (processes).
Neither needs the other alive: whoever starts next reads here what the last one left. Contents of
files never come in here, only their digests, so that secrets stay in their own 0600 files.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import msgspec

from windlass.kit import json
from windlass.plan.workload import Workload
from windlass.runtimes.local.errors import (
    BrokenState,
    DiskFull,
    NewerState,
    NoState,
    UnusableState,
)
from windlass.runtimes.local.migrations import MIGRATIONS, migrate, schema_of

FILE_NAME = "state.db"
LOCK_POLL_S = 0.02
LOCK_WAIT_S = 10.0  # the longest that the other side may hold a write lock; its writes take ms

Desired = Literal["running", "stopped"]
Running = Literal["starting", "running", "backing_off", "stopped", "failed"]
T = TypeVar("T")


class NetworkRow(msgspec.Struct, frozen=True, kw_only=True):
    """What observers need to know of a network; `programs` maps geth and cometbft to the binaries
    that were chosen for it (absolute paths), `versions` to their versions."""

    name: str
    family: str
    consensus: str
    chain_id: int
    block_time_s: int
    programs: dict[str, str] = {}
    versions: dict[str, str] = {}


class WorkloadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A wanted workload. `files` maps each file's path to the SHA-256 of its content."""

    workload: Workload
    files: dict[str, str]
    desired: Desired


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """A process as the supervisor last saw it.

    `started` are the kernel's start ticks and `boot` its boot id: with the pid they name one
    process for ever. `digest` is the definition it was started with. A process whose state is
    running but which is not `ready` is degraded. `wipes` counts how often its data was deleted
    because it could not start from them. `since` (Unix, s) is when the state was entered.
    """

    network: str
    node: str
    process: str
    pid: int | None = None
    started: int = 0
    boot: str = ""
    digest: str = ""
    desired: Desired = "running"
    state: Running = "stopped"
    ready: bool = False
    restarts: int = 0
    wipes: int = 0
    last_exit: int | None = None
    last_reason: str = ""
    since: float = 0.0


class PortRow(msgspec.Struct, frozen=True, kw_only=True):
    """A port that belongs to a workload for as long as its data exist."""

    network: str
    workload: str
    name: str
    number: int


class ScaleRow(msgspec.Struct, frozen=True, kw_only=True):
    """`nodes` overrides the spec's number for as long as that number is `spec_nodes`."""

    network: str
    nodes: int
    spec_nodes: int


_PROCESS_FIELDS = tuple(name for name in ProcessRow.__struct_fields__ if name != "desired")
_READ_PROCESSES = (
    f"SELECT {', '.join('p.' + name for name in _PROCESS_FIELDS)}, w.desired"  # noqa: S608 - ours
    " FROM processes p LEFT JOIN workloads w ON w.network = p.network AND w.name = p.node"
    " ORDER BY p.network, p.node, p.process"
)
_WRITE_PROCESS = (
    f"INSERT OR REPLACE INTO processes ({', '.join(_PROCESS_FIELDS)})"  # noqa: S608 - ours
    f" VALUES ({', '.join('?' * len(_PROCESS_FIELDS))})"
)


class State:
    """The open database of one state directory."""

    def __init__(self, directory: Path, connection: sqlite3.Connection) -> None:
        self.directory = directory
        self.path = directory / FILE_NAME
        self._connection = connection

    @classmethod
    def open(cls, directory: Path, *, create: bool = False, durable: bool = True) -> State:
        """Opens the state, an older schema being brought up to date first.

        `durable` syncs each transaction to disk; the supervisor goes without, because what it
        writes is about processes that do not outlive a power cut. Raises NoState, NewerState,
        BrokenState, UnusableState or DiskFull.
        """
        path = directory / FILE_NAME
        with _translated(path):
            if not create and not path.exists():
                raise NoState(directory)
            if create:
                _make_private(directory, path)
            connection = sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None)
            try:
                _refuse_newer(path, schema_of(connection))
                _use_write_ahead_log(connection)
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                migrate(connection)
            except BaseException:
                connection.close()
                raise
        return cls(directory, connection)

    def close(self) -> None:
        """Closes the database; the object cannot be used afterwards."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside come true together or not at all."""
        with _translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    # -- what is wanted ---------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        """A single value by name."""
        rows = self._query("SELECT value FROM meta WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def set_meta(self, key: str, value: str) -> None:
        """Stores a single value by name."""
        self._execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def networks(self) -> list[NetworkRow]:
        """Every network, by name."""
        rows = self._query("SELECT definition FROM networks ORDER BY name")
        return [self._decode(row[0], NetworkRow) for row in rows]

    def set_networks(self, networks: Iterable[NetworkRow]) -> None:
        """Replaces all networks."""
        self._execute("DELETE FROM networks")
        for network in networks:
            encoded = msgspec.json.encode(network)
            self._execute("INSERT INTO networks VALUES (?, ?)", (network.name, encoded))

    def workloads(self) -> list[Workload]:
        """The plan that is wanted, in the order of starts; its files come without contents."""
        return [row.workload for row in self.workload_rows()]

    def workload_rows(self) -> list[WorkloadRow]:
        """The plan that is wanted, in the order of starts, with what is kept about it."""
        rows = self._query("SELECT definition, files, desired FROM workloads")
        found = [
            WorkloadRow(
                workload=self._decode(definition, Workload),
                files=self._decode(files, dict[str, str]),
                desired=desired,
            )
            for definition, files, desired in rows
        ]
        return sorted(found, key=lambda row: (row.workload.rank, row.workload.key))

    def set_workload(self, row: WorkloadRow) -> None:
        """Adds or replaces a workload; contents of files are left out."""
        workload = row.workload
        bare = [msgspec.structs.replace(file, content=b"") for file in workload.files]
        definition = msgspec.json.encode(msgspec.structs.replace(workload, files=tuple(bare)))
        self._execute(
            "INSERT OR REPLACE INTO workloads VALUES (?, ?, ?, ?, ?)",
            (
                workload.network,
                workload.name,
                definition,
                msgspec.json.encode(row.files),
                row.desired,
            ),
        )

    def remove_workload(self, network: str, name: str) -> None:
        """Forgets a workload; its processes' rows stay until the supervisor has ended them."""
        self._execute("DELETE FROM workloads WHERE network = ? AND name = ?", (network, name))

    def set_desired(self, desired: Desired, network: str = "", name: str = "") -> None:
        """Wants one workload, or all of them if no name is given, to run or to be stopped."""
        self._execute(
            "UPDATE workloads SET desired = ? WHERE ? = '' OR (network = ? AND name = ?)",
            (desired, name, network, name),
        )

    def ports(self) -> list[PortRow]:
        """Every port that this state keeps."""
        rows = self._query("SELECT network, workload, name, number FROM ports ORDER BY number")
        return [PortRow(network=n, workload=w, name=p, number=number) for n, w, p, number in rows]

    def set_ports(self, ports: Iterable[PortRow]) -> None:
        """Replaces all ports."""
        self._execute("DELETE FROM ports")
        for port in ports:
            self._execute(
                "INSERT INTO ports VALUES (?, ?, ?, ?)",
                (port.network, port.workload, port.name, port.number),
            )

    def scales(self) -> dict[str, ScaleRow]:
        """The overrides of node numbers, by network."""
        rows = self._query("SELECT network, nodes, spec_nodes FROM scales")
        return {n: ScaleRow(network=n, nodes=nodes, spec_nodes=spec) for n, nodes, spec in rows}

    def set_scales(self, scales: Mapping[str, ScaleRow]) -> None:
        """Replaces all overrides of node numbers."""
        self._execute("DELETE FROM scales")
        for row in scales.values():
            self._execute(
                "INSERT INTO scales VALUES (?, ?, ?)", (row.network, row.nodes, row.spec_nodes)
            )

    # -- what runs --------------------------------------------------------------------------

    def processes(self) -> list[ProcessRow]:
        """Every process that was ever started and is not forgotten, by network, node and name."""
        rows = self._query(_READ_PROCESSES)
        found = []
        for *values, desired in rows:
            fields: dict[str, Any] = dict(zip(_PROCESS_FIELDS, values, strict=True))
            fields["ready"] = bool(fields["ready"])
            found.append(ProcessRow(**fields, desired=desired or "stopped"))
        return found

    def set_process(self, row: ProcessRow) -> None:
        """Adds or replaces what is known of a process."""
        self._execute(_WRITE_PROCESS, tuple(getattr(row, name) for name in _PROCESS_FIELDS))

    def remove_process(self, network: str, node: str, process: str) -> None:
        """Forgets a process."""
        self._execute(
            "DELETE FROM processes WHERE network = ? AND node = ? AND process = ?",
            (network, node, process),
        )

    # -- plumbing ---------------------------------------------------------------------------

    def _query(self, sql: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with _translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    def _execute(self, sql: str, values: tuple[Any, ...] = ()) -> None:
        with _translated(self.path):
            self._connection.execute(sql, values)

    def _decode(self, content: bytes, kind: type[T]) -> T:
        try:
            return json.decode(content, kind)
        except json.JsonError as error:
            raise BrokenState(self.path, f"an entry in it cannot be read ({error})") from error


def _refuse_newer(path: Path, found: int) -> None:
    if found > len(MIGRATIONS):
        raise NewerState(path, found, len(MIGRATIONS))


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Lets readers and a writer work at once.

    Only the very first opener changes anything, and SQLite does not wait for that by itself: two
    at the same moment would each refuse the other (https://sqlite.org/wal.html, section 9).
    """
    deadline = time.monotonic() + LOCK_WAIT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOCK_POLL_S)


def _make_private(directory: Path, path: Path) -> None:
    """0700 and 0600 from the first moment, whatever the umask says."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's errors as refusals that say what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "disk is full" in text or ("disk I/O" in text and _is_full(path)):
            raise DiskFull(path.parent) from error
        if "malformed" in text or "no such" in text or "already exists" in text:
            raise BrokenState(path, text) from error
        raise UnusableState(
            f"{path} cannot be used: {text}.",
            "See who owns it and its directory, and whether another program holds it.",
        ) from error
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
        raise  # a defect of ours, not of the file
    except sqlite3.DatabaseError as error:
        raise BrokenState(path, str(error)) from error
    except OSError as error:
        if isinstance(error, FileExistsError | NotADirectoryError | PermissionError):
            raise UnusableState.refused(path.parent, error) from error
        raise


def _is_full(path: Path) -> bool:
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False
