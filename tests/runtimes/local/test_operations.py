"""The verbs over a real solo network: up, nothing to do, changes, failures, kills, down."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtimes.local.harness import eventually
from windlass.runtimes.local import control, operations, process_table
from windlass.runtimes.local.errors import Busy, NoState, NotHealthy, PortTaken, UnknownNode
from windlass.runtimes.local.events import Event
from windlass.runtimes.local.place import Place, locate
from windlass.runtimes.local.state import State
from windlass.spec.load import load

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
    """Who runs, by node/process."""
    with State.open(place.state) as state:
        return {f"{row.node}/{row.process}": row.pid for row in state.processes() if row.pid}


def test_up_nothing_to_do_change_and_down(place: Place) -> None:
    """A network comes up; a second `up` restarts nothing; a node that is added and taken away
    leaves the other processes alone where they are not concerned; `down` leaves nothing running
    and keeps the data."""
    assert "added" in {event.kind for event in up(place)}
    first = pids(place)
    assert set(first) == {
        "sealer/geth", "sealer/sealer", "bootnode-0/bootnode", "registrar/registrar",
    }  # fmt: skip

    assert not {event.kind for event in up(place)} & {"added", "changed", "starting", "removed"}
    assert pids(place) == first

    status = operations.scale(place, "trade", 1, False)
    assert status.healthy
    second = pids(place)
    assert set(second) - set(first) == {"node-0/geth"}
    assert second["sealer/geth"] == first["sealer/geth"]
    assert second["registrar/registrar"] == first["registrar/registrar"]
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
    """`stop`, `start` and `restart` concern one node; an unknown one is refused by name."""
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
    assert len(process_table.owned(place.state)) == 4


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

    assert {one.name for one in workloads} == {"sealer", "bootnode-0", "registrar"}
    assert not place.state.exists()


def test_purge_leaves_nothing_of_ours(place: Place) -> None:
    """`down --purge` deletes the state and keeps what a person put there."""
    up(place)
    (place.state / "mine.txt").write_text("x")
    operations.down(place, purge=True)

    assert [path.name for path in place.state.iterdir() if path.name != "lock"] == ["mine.txt"]
    with pytest.raises(NoState):
        operations.down(place, purge=True)
