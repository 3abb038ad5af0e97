"""The state's database: kept, carried on, refused, and never a traceback."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from windlass.plan.workload import Command, File, Probe, Process, Workload
from windlass.runtimes.local import migrations
from windlass.runtimes.local.changes import wanted
from windlass.runtimes.local.errors import BrokenState, DiskFull, NewerState, NoState, UnusableState
from windlass.runtimes.local.state import (
    NetworkRow,
    PortRow,
    ProcessRow,
    ScaleRow,
    State,
    WorkloadRow,
)

ROUNDS = 150
OPENERS = 8
SECRET = b"0123456789abcdef-a-node-key"
NETWORK = NetworkRow(name="net", family="ethereum", consensus="bft", chain_id=7, block_time_s=1)


def workload(name: str = "validator-0", rank: int = 0) -> Workload:
    """A workload with a secret file."""
    process = Process(
        name="geth",
        command=Command(program="geth", arguments=("--nodekey", "/d/node.key")),
        ready=Probe(rpc="http://127.0.0.1:1"),
    )
    return Workload(
        network="net",
        name=name,
        role="validator",
        rank=rank,
        directory="/d",
        main="geth",
        processes=(process,),
        files=(File(path="/d/node.key", content=SECRET, secret=True),),
    )


def fill(state: State) -> None:
    """Puts something into every table."""
    with state.transaction():
        for row in wanted([workload()], []).rows:
            state.set_workload(row)
        state.set_networks([NETWORK])
        state.set_ports([PortRow(network="net", workload="node-0", name="rpc", number=8545)])
        state.set_scales({"net": ScaleRow(network="net", nodes=3, spec_nodes=1)})
        state.set_meta("spec", "/x/windlass.yaml")
    state.set_process(
        ProcessRow(network="net", node="validator-0", process="geth", pid=12, started=34,
                   state="running", ready=True, restarts=5, last_exit=-9)
    )  # fmt: skip


def test_everything_comes_back(tmp_path: Path) -> None:
    """What one process writes, another one reads."""
    with State.open(tmp_path, create=True) as state:
        fill(state)
    with State.open(tmp_path) as state:
        assert [one.key for one in state.workloads()] == ["net/validator-0"]
        assert state.networks() == [NETWORK]
        assert state.ports()[0].number == 8545
        assert state.scales()["net"].nodes == 3
        assert state.meta("spec") == "/x/windlass.yaml"
        (row,) = state.processes()
    assert (row.pid, row.started, row.restarts, row.last_exit) == (12, 34, 5, -9)
    assert row.ready is True
    assert row.desired == "running"


def test_no_secret_in_the_database(tmp_path: Path) -> None:
    """Contents of files stay out of the database, and nobody else may read it."""
    with State.open(tmp_path, create=True) as state:
        fill(state)
        assert state.workloads()[0].files[0].content == b""
        for path in tmp_path.iterdir():
            assert SECRET not in path.read_bytes()
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_workloads_come_in_the_order_of_starts(tmp_path: Path) -> None:
    """Low ranks first, then by name."""
    with State.open(tmp_path, create=True) as state:
        for row in wanted([workload("b", 1), workload("c", 0), workload("a", 1)], []).rows:
            state.set_workload(row)
        assert [one.name for one in state.workloads()] == ["c", "a", "b"]


def test_interrupted_transaction_leaves_nothing(tmp_path: Path) -> None:
    """A transaction that raises has not happened."""
    with State.open(tmp_path, create=True) as state:
        fill(state)
        with contextlib.suppress(KeyboardInterrupt), state.transaction():
            state.set_desired("stopped")
            state.set_ports([])
            raise KeyboardInterrupt
        assert len(state.ports()) == 1
        assert state.workload_rows()[0].desired == "running"


def test_newer_state_is_refused(tmp_path: Path) -> None:
    """A state of a newer release is refused with both numbers, and left as it was."""
    with State.open(tmp_path, create=True) as state:
        fill(state)
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(NewerState, match="schema is 99") as refused:
        State.open(tmp_path)
    assert refused.value.exit_code == 1
    assert "later" in refused.value.next_step


def test_state_of_an_earlier_release_is_carried_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release with another migration opens the state of the one before, with all that is in it;
    the one before then refuses it."""
    with State.open(tmp_path, create=True) as state:
        fill(state)
    one_more = (*migrations.MIGRATIONS, "ALTER TABLE ports ADD COLUMN note TEXT DEFAULT 'x'")
    with monkeypatch.context() as later:
        later.setattr("windlass.runtimes.local.state.MIGRATIONS", one_more)
        later.setattr(migrations.migrate, "__defaults__", (one_more,))
        with State.open(tmp_path) as state:
            assert state.workloads()[0].name == "validator-0"
            assert state.ports()[0].number == 8545
    with pytest.raises(NewerState):
        State.open(tmp_path)


def test_first_release_layout_is_still_read() -> None:
    """The first migration never changes: states with it exist."""
    import hashlib

    digest = hashlib.sha256(migrations.MIGRATIONS[0].encode()).hexdigest()

    assert digest == "f3271b0da4d34c25ad84f73049b17c57efb2d6ef46da9c4768d73a2a9c4cfaa1"


@pytest.mark.parametrize("damage", [b"this is no database at all" * 100, b"SQLite format 3\0junk"])
def test_damaged_file_is_refused_with_a_way_out(tmp_path: Path, damage: bytes) -> None:
    """A file that is no database is named, with what to do; it is not overwritten."""
    (tmp_path / "state.db").write_bytes(damage)
    with pytest.raises((BrokenState, UnusableState)) as refused:
        State.open(tmp_path).processes()
    assert "state.db" in refused.value.sentence
    assert refused.value.next_step
    assert (tmp_path / "state.db").read_bytes() == damage


def test_damaged_entry_is_refused(tmp_path: Path) -> None:
    """An entry that cannot be decoded is a damaged state, not a traceback."""
    with State.open(tmp_path, create=True) as state:
        fill(state)
        with sqlite3.connect(tmp_path / "state.db") as connection:
            connection.execute("UPDATE workloads SET definition = '{'")
        connection.close()
        with pytest.raises(BrokenState, match="cannot be read"):
            state.workloads()


def test_missing_state_says_how_to_make_one(tmp_path: Path) -> None:
    """Nothing is made where there is nothing."""
    with pytest.raises(NoState, match="windlass up"):
        State.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_full_disk_is_said_so(tmp_path: Path) -> None:
    """A write that the disk has no room for is refused with that reason and changes nothing."""
    with State.open(tmp_path, create=True) as state:
        fill(state)
        pages = state._query("PRAGMA page_count")[0][0]
        state._execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(DiskFull, match="full"):
            state.set_meta("large", "x" * 1_000_000)
        assert state.meta("large") is None
        assert state.meta("spec") == "/x/windlass.yaml"


def test_unknown_fields_of_a_later_patch_are_ignored(tmp_path: Path) -> None:
    """A definition with a field that this release does not know is still read."""
    with State.open(tmp_path, create=True) as state:
        row = WorkloadRow(workload=workload(), files={}, desired="running")
        state.set_workload(row)
        found = msgspec.json.decode(state._query("SELECT definition FROM workloads")[0][0])
        found["later"] = 1
        encoded = msgspec.json.encode(found)
        state._execute("UPDATE workloads SET definition = ?", (encoded,))
        assert state.workloads()[0].name == "validator-0"


def test_many_may_open_a_new_state_at_the_same_moment(tmp_path: Path) -> None:
    """Whoever looks while the very first `up` makes the database neither fails nor disturbs it."""

    def open_one(number: int) -> int:
        with State.open(tmp_path / str(number // OPENERS), create=True) as state:
            return len(state.networks())

    with ThreadPoolExecutor(OPENERS) as pool:
        assert sum(pool.map(open_one, range(ROUNDS * OPENERS))) == 0
