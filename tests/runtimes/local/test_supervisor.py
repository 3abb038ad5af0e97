"""The supervisor over small real programs: starts, deaths, order, adoption, ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec

from tests.runtimes.local.harness import Bench, eventually, free_port, ports
from windlass.plan.workload import Command, Probe, Process
from windlass.runtimes.local import process_table


def test_crashed_process_is_started_again(bench: Bench) -> None:
    """A process that dies is started again, and the state counts it and says how it died."""
    bench.apply(bench.workload("a", bench.process("one")))
    bench.ready("a/one")
    first = bench.pid("a", "one")
    bench.kill("a", "one")

    eventually(lambda: bench.row("a", "one").restarts == 1)
    bench.ready("a/one")

    assert bench.pid("a", "one") != first
    assert bench.row("a", "one").last_exit == -signal.SIGKILL


def test_repeated_deaths_back_off_and_count_as_failed(bench: Bench, tmp_path: Path) -> None:
    """What dies again and again is retried later each time, and is called failed with its last
    words."""
    reason = tmp_path / "dies"
    reason.write_text("Fatal: the moon is full")
    bench.apply(bench.workload("a", bench.process("one", "--dies", str(reason))))

    eventually(lambda: bench.row("a", "one").state == "failed")

    assert "the moon is full" in bench.row("a", "one").last_reason
    assert bench.row("a", "one").last_exit == 3
    reason.unlink()
    bench.ready("a/one")
    assert bench.row("a", "one").state == "running"


def test_missing_program_is_reported(bench: Bench) -> None:
    """A program that is not there is a failure with a reason, not the end of the supervisor."""
    process = msgspec.structs.replace(
        bench.process("one"), command=Command(program="missing", arguments=())
    )
    bench.apply(bench.workload("a", process), bench.workload("b", bench.process("two")))

    bench.ready("b/two")
    eventually(lambda: "/nonexistent/program" in bench.row("a", "one").last_reason)


def test_processes_start_after_those_they_need(bench: Bench) -> None:
    """`starts_after` is kept, and a rank waits for the one below it."""
    need = bench.process("need", "--delay", "0.3")
    user = bench.process("user", starts_after=("need",))
    bench.apply(
        bench.workload("low", user, need),
        bench.workload("high", bench.process("late"), rank=1),
    )
    bench.ready("low/user", "high/late")

    assert list(bench.recorded()) == ["start need", "start user", "start late"]


def test_own_programs_start_beside_the_rank_below(bench: Bench) -> None:
    """One of our own programs waits until what is below it runs, not until that is up."""
    own = Process(
        name="own",
        command=Command(program="windlass", arguments=("run", "nobody")),
        ready=Probe(http="http://127.0.0.1:1/"),
    )
    bench.apply(
        bench.workload("low", bench.process("slow", "--delay", "7")),
        bench.workload("high", own, rank=1),
    )
    eventually(lambda: bench.row("high", "own").last_reason)

    assert "nobody" in bench.row("high", "own").last_reason, "it was started, and is no program"
    assert bench.row("low", "slow").pid
    assert not bench.row("low", "slow").ready


def test_rank_does_not_wait_for_what_is_broken(bench: Bench, tmp_path: Path) -> None:
    """A workload that cannot start does not keep the ranks above it from starting."""
    reason = tmp_path / "dies"
    reason.write_text("no")
    bench.apply(
        bench.workload("low", bench.process("broken", "--dies", str(reason))),
        bench.workload("high", bench.process("late"), rank=1),
    )

    bench.ready("high/late")


def test_partner_is_restarted_too(bench: Bench, tmp_path: Path) -> None:
    """`restarts_with`: a process is restarted when the one it cannot do without has died."""
    socket = str(tmp_path / "s")
    bridge = bench.process("bridge", "--socket", socket, probe=Probe(socket=socket))
    comet = bench.process("comet", starts_after=("bridge",), restarts_with=("bridge",))
    bench.apply(bench.workload("a", bridge, comet))
    bench.ready("a/bridge", "a/comet")
    first = bench.pid("a", "comet")

    bench.kill("a", "bridge")
    eventually(lambda: bench.row("a", "comet").restarts == 1)
    bench.ready("a/bridge", "a/comet")

    assert bench.pid("a", "comet") != first


def test_stops_go_the_other_way_round(bench: Bench) -> None:
    """What started last is stopped first: between ranks, and inside a workload."""
    one = bench.process("one")
    two = bench.process("two", starts_after=("one",))
    bench.apply(
        bench.workload("low", one, two), bench.workload("high", bench.process("three"), rank=1)
    )
    bench.ready("low/two", "high/three")

    bench.ask("shutdown")

    assert list(bench.recorded("stop")) == ["stop three", "stop two", "stop one"]
    assert not process_table.owned(bench.directory)
    assert {row.state for row in bench.state.processes()} == {"stopped"}


def test_deaf_process_is_killed_after_its_grace(bench: Bench) -> None:
    """What ignores its stop signal is ended all the same."""
    bench.apply(bench.workload("a", bench.process("one", "--deaf", stop_grace_s=0.3)))
    bench.ready("a/one")
    bench.ask("shutdown")

    assert not process_table.owned(bench.directory)
    assert bench.row("a", "one").last_exit == -signal.SIGKILL


def test_frozen_process_can_be_stopped(bench: Bench) -> None:
    """A process that was halted by SIGSTOP ends cleanly when it is asked to."""
    bench.apply(bench.workload("a", bench.process("one")))
    bench.ready("a/one")
    os.kill(bench.pid("a", "one"), signal.SIGSTOP)
    bench.ask("shutdown")

    assert bench.row("a", "one").last_exit == 0


def test_mute_process_is_degraded_and_not_killed(bench: Bench, tmp_path: Path) -> None:
    """A process that stops answering is reported and left alone, and is well again by itself."""
    mute = tmp_path / "mute"
    bench.apply(bench.workload("a", bench.process("one", "--mute", str(mute))))
    bench.ready("a/one")
    first = bench.pid("a", "one")
    mute.touch()

    eventually(lambda: not bench.row("a", "one").ready)
    row = bench.row("a", "one")
    mute.unlink()
    bench.ready("a/one")

    assert row.state == "running"
    assert row.last_reason
    assert bench.pid("a", "one") == first


def test_children_outlive_their_supervisor_and_are_adopted(bench: Bench) -> None:
    """kill -9 of the supervisor ends nothing: the next one has the same processes and counters,
    and still restarts them."""
    bench.apply(bench.workload("a", bench.process("one")), bench.workload("b", bench.process("x")))
    bench.ready("a/one", "b/x")
    bench.kill("a", "one")
    eventually(lambda: bench.row("a", "one").restarts == 1)
    bench.ready("a/one")
    before = bench.pid("a", "one"), bench.pid("b", "x")

    bench.kill_supervisor()
    assert all(process_table.start_ticks(pid) for pid in before)
    bench.ask("ping")
    bench.ready("a/one", "b/x")
    assert (bench.pid("a", "one"), bench.pid("b", "x")) == before
    assert bench.row("a", "one").restarts == 1

    bench.kill("b", "x")
    eventually(lambda: bench.row("b", "x").restarts == 1)
    bench.ready("b/x")


def test_deaths_without_a_supervisor_are_repaired(bench: Bench) -> None:
    """What died while nobody watched is started again by the next supervisor, which counts it."""
    bench.apply(bench.workload("a", bench.process("one")))
    bench.ready("a/one")
    first = bench.pid("a", "one")
    bench.kill_supervisor()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: process_table.start_ticks(first) is None)

    bench.ask("ping")
    eventually(lambda: bench.row("a", "one").pid not in (None, first))
    bench.ready("a/one")
    assert bench.row("a", "one").restarts == 1


def test_wishes_changed_without_a_supervisor_are_found(bench: Bench) -> None:
    """A process whose definition changed while nobody watched is restarted when adopted, one that
    is no longer wanted is ended."""
    one = bench.process("one")
    bench.apply(bench.workload("a", one), bench.workload("b", bench.process("two")))
    bench.ready("a/one", "b/two")
    first, second = bench.pid("a", "one"), bench.pid("b", "two")
    bench.kill_supervisor()
    arguments = (*one.command.arguments, "--answer", "[]")
    changed = msgspec.structs.replace(
        one, command=msgspec.structs.replace(one.command, arguments=arguments)
    )
    bench.want(bench.workload("a", changed))

    bench.ask("ping")
    eventually(lambda: process_table.start_ticks(first) is None)
    eventually(lambda: process_table.start_ticks(second) is None)
    eventually(lambda: bench.row("a", "one").pid not in (None, first))
    bench.ready("a/one")
    assert [row.process for row in bench.state.processes()] == ["one"]


def test_unrecorded_start_is_ended(bench: Bench) -> None:
    """A process whose start was never written down (its supervisor was killed at that moment) is
    found by its mark and replaced, so that nothing runs twice."""
    bench.apply(bench.workload("a", bench.process("one")))
    bench.ready("a/one")
    orphan = bench.pid("a", "one")
    bench.kill_supervisor()
    bench.state.remove_process("net", "a", "one")

    bench.ask("ping")
    bench.ready("a/one")

    assert process_table.start_ticks(orphan) is None
    assert len(process_table.owned(bench.directory)) == 1


def test_apply_touches_only_what_differs(bench: Bench) -> None:
    """Added, removed and changed workloads are handled; the others keep their processes."""
    same, gone = bench.process("same"), bench.process("gone")
    moved = bench.process("moved")
    bench.apply(bench.workload("a", same), bench.workload("b", gone), bench.workload("c", moved))
    bench.ready("a/same", "b/gone", "c/moved")
    before = bench.pid("a", "same"), bench.pid("c", "moved")

    bench.apply(
        bench.workload("a", same),
        bench.workload("c", bench.process("moved")),
        bench.workload("d", bench.process("new")),
    )
    bench.ready("d/new")
    eventually(lambda: bench.row("c", "moved").pid not in (None, before[1]))
    bench.ready("c/moved")

    assert bench.pid("a", "same") == before[0]
    assert {row.process for row in bench.state.processes()} == {"same", "moved", "new"}
    assert bench.row("a", "same").restarts == 0


def test_nothing_different_restarts_nothing(bench: Bench) -> None:
    """Applying the same wishes again changes no process."""
    workload = bench.workload("a", bench.process("one"))
    bench.apply(workload)
    bench.ready("a/one")
    first = bench.pid("a", "one")
    bench.apply(workload)
    bench.apply(workload)

    assert bench.pid("a", "one") == first
    assert bench.recorded("start") == ["start one"]


def test_stopped_node_stays_stopped(bench: Bench) -> None:
    """What is wanted stopped is stopped in order, and stays so across supervisors."""
    a, b = bench.workload("a", bench.process("one")), bench.workload("b", bench.process("two"))
    bench.apply(a, b)
    bench.ready("a/one", "b/two")
    with bench.state.transaction():
        bench.state.set_desired("stopped", "net", "a")
    bench.ask("apply")
    eventually(lambda: bench.row("a", "one").state == "stopped")
    bench.kill_supervisor()
    bench.ask("ping")
    bench.ready("b/two")
    assert bench.row("a", "one").state == "stopped"

    with bench.state.transaction():
        bench.state.set_desired("running", "net", "a")
    bench.ask("apply")
    bench.ready("a/one")


def test_restart_ends_and_starts_a_node(bench: Bench) -> None:
    """A node's processes are all new after a restart, which counts as no crash."""
    bench.apply(bench.workload("a", bench.process("one"), bench.process("two")))
    bench.ready("a/one", "a/two")
    before = {bench.pid("a", "one"), bench.pid("a", "two")}
    bench.ask("restart", "a")
    bench.ready("a/one", "a/two")

    assert before.isdisjoint({bench.pid("a", "one"), bench.pid("a", "two")})
    assert bench.row("a", "one").restarts == 0


def test_ports_are_held_until_their_process_starts(bench: Bench, tmp_path: Path) -> None:
    """While a workload waits for its turn, nobody else can take its port."""
    import socket

    port = free_port()
    slow = bench.process("slow", "--delay", "1.5")
    probe = Probe(http=f"http://127.0.0.1:{port}/")
    late = bench.process("late", "--http", str(port), probe=probe)
    bench.apply(
        bench.workload("low", slow), bench.workload("high", late, rank=1, ports=ports(port))
    )
    eventually(lambda: bench.row("low", "slow").pid)
    taken = False
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", port))
        except OSError:
            taken = True
    bench.ready("high/late")

    assert taken


def test_ports_are_not_held_against_their_own_process(bench: Bench) -> None:
    """Wishes that are read again while a process starts do not take its port from it."""
    port = free_port()
    probe = Probe(http=f"http://127.0.0.1:{port}/")
    slow = bench.process("slow", "--delay", "1", "--http", str(port), probe=probe)
    workload = bench.workload("a", slow, ports=ports(port))
    bench.apply(workload)
    eventually(lambda: bench.row("a", "slow").pid)
    bench.apply(workload)
    bench.ready("a/slow")

    assert bench.row("a", "slow").restarts == 0


def test_everything_stops_when_the_state_is_deleted(bench: Bench) -> None:
    """Deleting the state under a running network ends the network: nobody could control it."""
    bench.apply(bench.workload("a", bench.process("one")))
    bench.ready("a/one")
    for path in bench.directory.glob("state.db*"):
        path.unlink()

    eventually(lambda: not process_table.owned(bench.directory), within_s=30)
