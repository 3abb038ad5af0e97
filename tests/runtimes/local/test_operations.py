"""The verbs over a real solo network: up, nothing to do, changes, failures, kills, down."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.runtimes.local.harness import eventually
from windlass.runtimes.local import changes, control, operations, process_table
from windlass.runtimes.local.bring_up import MENDED_META
from windlass.runtimes.local.errors import (
    Busy,
    ChainMissing,
    NodeStopped,
    NoState,
    NotEnoughDisk,
    NotHealthy,
    PortTaken,
    UnknownNode,
)
from windlass.runtimes.local.events import Event
from windlass.runtimes.local.place import Place, locate
from windlass.runtimes.local.state import State
from windlass.spec.load import load
from windlass.vault.errors import VaultCorrupt

SPEC = """
schema: 1
name: harbour
networks:
  trade:
    family: ethereum
    consensus: solo
    chain_id: 20261
    nodes: {nodes}
    bootnodes: 1
    genesis:
      accounts:
        - {{name: treasury, balance: 1000 ether}}
    ports: {ports}
"""

UP = """
import sys
from windlass.runtimes.local import operations
from windlass.spec.load import load
place = operations.locate(sys.argv[1])
operations.up(place, load(place.spec_path), on_event=lambda e: print(e.kind, flush=True))
"""


@pytest.fixture
def place(tmp_path: Path, geth_binary: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A spec of one sealer; whatever it started is gone afterwards."""
    monkeypatch.setenv("PATH", f"{geth_binary.parent}:{os.environ['PATH']}")
    write(tmp_path)
    one = locate(str(tmp_path / "windlass.yaml"))
    yield one
    try:
        operations.down(one, purge=True)
    except NoState:
        pass
    finally:
        for who in process_table.owned(one.state):
            os.kill(who.pid, signal.SIGKILL)


def write(folder: Path, *, nodes: int = 0, ports: str = "auto") -> None:
    """The spec with that many nodes."""
    (folder / "windlass.yaml").write_text(SPEC.format(nodes=nodes, ports=ports))


def up(place: Place, timeout_s: float = 120.0) -> list[Event]:
    """`up`, and what it told."""
    events: list[Event] = []
    loaded = load(place.spec_path)
    status = operations.up(place, loaded, timeout_s=timeout_s, on_event=events.append)
    assert status.healthy
    return events


def pids(place: Place) -> dict[str, int]:
    """Who runs, by node/process.

    A row may still tell of a process that ended a moment ago: the verbs wait for the end itself.
    """
    with State.open(place.state) as state:
        rows = [row for row in state.processes() if changes.lives(row)]
    return {f"{row.node}/{row.process}": row.pid for row in rows if row.pid}


PROCESSES = {
    "sealer/geth", "sealer/sealer", "bootnode-0/bootnode", "registrar/registrar",
    "gateway/gateway", "dashboard/dashboard",
}  # fmt: skip


def test_up_nothing_to_do_change_and_down(place: Place) -> None:
    """A network comes up; a second `up` restarts nothing; a node that is added and taken away
    leaves the other processes alone where they are not concerned; `down` leaves nothing running
    and keeps the data."""
    assert "added" in {event.kind for event in up(place)}
    first = pids(place)
    assert set(first) == PROCESSES

    assert not {event.kind for event in up(place)} & {"added", "changed", "starting", "removed"}
    assert pids(place) == first

    status = operations.scale(place, "trade", 1, False)
    assert status.healthy
    second = pids(place)
    assert set(second) - set(first) == {"node-0/geth"}
    assert second["sealer/geth"] == first["sealer/geth"]
    for unconcerned in ("registrar/registrar", "gateway/gateway", "dashboard/dashboard"):
        assert second[unconcerned] == first[unconcerned]
    up(place)
    assert "node-0/geth" in pids(place), "the override holds while the spec's number is the same"

    operations.scale(place, "trade", 0, True)
    assert set(pids(place)) == set(first)
    assert not (place.state / "nodes" / "trade" / "node-0").exists()

    operations.down(place, purge=False)
    assert not process_table.owned(place.state)
    assert (place.state / "nodes" / "trade" / "sealer").exists()
    assert not pids(place)


def test_node_can_be_stopped_and_started(place: Place) -> None:
    """`stop`, `start` and `restart` concern one node; an unknown one is refused by name, and so is
    the restart of a stopped one; a stopped one stays so while others are added."""
    up(place)
    first = pids(place)
    operations.stop(place, None, "registrar")
    assert "registrar/registrar" not in pids(place)
    operations.start(place, "trade", "registrar")
    operations.restart(place, None, "bootnode-0")
    last = pids(place)

    assert set(last) == set(first)
    assert last["bootnode-0/bootnode"] != first["bootnode-0/bootnode"]
    assert last["sealer/geth"] == first["sealer/geth"]
    operations.stop(place, None, "registrar")
    with pytest.raises(NodeStopped, match="windlass start registrar") as refused:
        operations.restart(place, None, "registrar")
    assert refused.value.exit_code == 1
    status = operations.scale(place, "trade", 1, False)
    states = {node.name: node.state for node in status.networks[0].nodes}
    assert states.pop("registrar") == "stopped", "`scale` starts only what it is asked for"
    assert set(states.values()) == {"healthy"}
    with pytest.raises(UnknownNode, match="validator-9"):
        operations.stop(place, None, "validator-9")


def test_killed_up_can_be_repeated(place: Place) -> None:
    """kill -9 of `up` in the middle, and of the supervisor, lose nothing: the next one carries on.
    While it runs, a second one is refused with its name."""
    command = [sys.executable, "-c", UP, str(place.spec_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline()
        with pytest.raises(Busy) as refused:
            up(place)
        assert refused.value.pid == first.pid
        first.kill()
    with State.open(place.state) as state:
        answer = control.ping(state)
    if answer is not None:
        os.kill(answer.pid, signal.SIGKILL)
        eventually(lambda: process_table.start_ticks(answer.pid) is None)

    up(place)
    assert len(process_table.owned(place.state)) == len(PROCESSES)


def test_up_that_fails_leaves_nothing_running(place: Place) -> None:
    """A start that is not healthy in time raises with reasons and stops what it started; the next
    one works on the same data."""
    with pytest.raises(NotHealthy) as failed:
        up(place, timeout_s=0.1)
    assert failed.value.reasons
    assert not process_table.owned(place.state)
    with State.open(place.state) as state:
        assert {row.desired for row in state.workload_rows()} == {"stopped"}

    up(place)


def test_failed_up_stops_everything_without_a_supervisor(place: Place) -> None:
    """If the supervisor dies while `up` waits, another one takes over to stop what was started."""
    events: list[Event] = []

    def on_event(event: Event) -> None:
        if event.kind == "ready" and not any(one.kind == "ready" for one in events):
            with State.open(place.state) as state:
                answer = control.ping(state)
            assert answer is not None
            os.kill(answer.pid, signal.SIGKILL)
        events.append(event)

    with pytest.raises(NotHealthy, match="supervisor is gone"):
        operations.up(place, load(place.spec_path), on_event=on_event)

    assert not process_table.owned(place.state)
    with State.open(place.state) as state:
        assert {row.desired for row in state.workload_rows()} == {"stopped"}


def test_small_disk_matters_only_to_what_starts(place: Place) -> None:
    """On a disk that has become too small for a network that runs, an `up` that starts nothing is
    not refused; one that starts something is."""
    up(place)
    with State.open(place.state) as state, state.transaction():
        for row in state.workload_rows():
            if row.workload.role == "sealer":
                needs = msgspec.structs.replace(row.workload.resources, disk_bytes=1 << 50)
                workload = msgspec.structs.replace(row.workload, resources=needs)
                state.set_workload(msgspec.structs.replace(row, workload=workload))
    text = place.spec_path.read_text() + "    resources: {sealer: {disk: 1024Ti}}\n"
    place.spec_path.write_text(text)
    up(place)
    place.spec_path.write_text(text.replace("nodes: 0", "nodes: 1"))
    with pytest.raises(NotEnoughDisk):
        up(place)


def test_mended_file_is_read_even_after_a_kill(place: Place) -> None:
    """What was noted as running from a changed file is restarted by the next `up`, also if the
    command that mended the file was killed before it could."""
    up(place)
    first = pids(place)
    with State.open(place.state) as state:
        state.set_meta(MENDED_META, "trade/registrar")
    up(place)
    second = pids(place)
    assert {name for name in first if first[name] != second[name]} == {"registrar/registrar"}
    up(place)
    assert pids(place) == second


def test_keys_are_made_by_one_at_a_time(place: Place) -> None:
    """Two that add keys at once cannot both write: the second is refused, and its key is not lost
    under a passphrase that the first has replaced."""
    place.state.mkdir()
    code = (
        "import sys\nfrom windlass.runtimes.local import operations\n"
        "with operations.vault_locked(operations.locate(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(place.spec_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(Busy), operations.vault_locked(place):
            pass
        first.communicate()
    with operations.vault_locked(place):
        pass


def test_taken_port_is_refused_before_anything_is_touched(place: Place) -> None:
    """A fixed port that a stranger has is named, and nothing was made."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        number = stranger.getsockname()[1]
        write(place.spec_path.parent, ports=f"{{rpc: {number}}}")
        with pytest.raises(PortTaken, match=str(number)):
            up(place)
    assert not place.state.exists()


def test_preview_touches_nothing(place: Place) -> None:
    """A plan can be had before there is anything."""
    workloads = operations.preview(place, load(place.spec_path))

    assert {one.name for one in workloads} == {name.partition("/")[0] for name in PROCESSES}
    assert not place.state.exists()


def test_a_vault_that_is_gone_is_never_made_anew(place: Place) -> None:
    """Data without the genesis or the keys that they were made with: refused, nothing is written,
    and with the old files back it goes on."""
    up(place)
    operations.down(place, purge=False)
    vault, kept = place.state / "vault", place.state / "kept"
    genesis = vault / "trade" / "genesis.json"
    for lost in (genesis, vault / "trade", vault):
        lost.rename(kept)
        for attempt in (up, lambda one: operations.preview(one, load(one.spec_path))):
            with pytest.raises(VaultCorrupt, match=r"genesis\.json .* missing although"):
                attempt(place)
        assert not genesis.exists()
        kept.rename(lost)
    up(place)


def test_a_chain_that_is_gone_is_not_begun_again(place: Place) -> None:
    """A sealer whose data were deleted is not started on an empty chain, and goes on with them."""
    up(place)
    operations.down(place, purge=False)
    data = place.state / "nodes"
    data.rename(place.state / "kept")
    with pytest.raises(ChainMissing, match="trade/sealer has run before"):
        up(place)
    assert not (data / "trade" / "sealer").exists()
    shutil.rmtree(data, ignore_errors=True)
    (place.state / "kept").rename(data)
    up(place)


def test_keys_without_a_database_are_told(place: Place) -> None:
    """Where only state.db is gone, nobody says that there was never anything."""
    (place.state / "vault").mkdir(parents=True)
    with pytest.raises(NoState, match=r"its state\.db is gone"):
        operations.down(place, purge=False)
    (place.state / "vault").rmdir()


def test_purge_leaves_nothing_of_ours(place: Place) -> None:
    """`down --purge` deletes the state and keeps what a person put there."""
    up(place)
    (place.state / "mine.txt").write_text("x")
    operations.down(place, purge=True)

    assert [path.name for path in place.state.iterdir() if path.name != "lock"] == ["mine.txt"]
    with pytest.raises(NoState):
        operations.down(place, purge=True)
