"""A real supervisor over hand-made workloads in a scratch state, and waits with a bound."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from windlass.plan.workload import Command, Port, Probe, Process, Workload
from windlass.runtimes.local import control, logs, process_table
from windlass.runtimes.local.changes import Wanted, wanted
from windlass.runtimes.local.errors import SupervisorSilent
from windlass.runtimes.local.state import Desired, NetworkRow, ProcessRow, State
from windlass.runtimes.local.supervisor.messages import Request

PROGRAM = str(Path(__file__).with_name("fake_program.py"))
NETWORK = NetworkRow(
    name="net",
    family="ethereum",
    consensus="bft",
    chain_id=20261,
    block_time_s=1,
    programs={"python": sys.executable, "missing": "/nonexistent/program"},
)


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def eventually(condition: Callable[[], Any], *, within_s: float = 20.0, what: str = "") -> Any:
    """The condition's value once it is true; fails after the bound."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {within_s} s: {what or condition}"
        time.sleep(0.02)


class Bench:
    """A state directory with a supervisor that tests may kill."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.record = directory.parent / "record.txt"
        self.state = State.open(directory, create=True)

    # -- workloads --------------------------------------------------------------------------

    def process(
        self,
        name: str,
        *options: str,
        probe: Probe | None = None,
        variables: dict[str, str] | None = None,
        **rest: Any,
    ) -> Process:
        """A fake program; without a probe it serves HTTP on a free port and is asked there."""
        arguments = ["-S", PROGRAM, name, "--record", str(self.record), *options]
        if probe is None:
            port = free_port()
            arguments += ["--http", str(port)]
            probe = Probe(http=f"http://127.0.0.1:{port}/")
        rest.setdefault("stop_grace_s", 5.0)
        return Process(
            name=name,
            command=Command(
                program="python", arguments=tuple(arguments), environment=variables or {}
            ),
            ready=probe,
            **rest,
        )

    def workload(self, name: str, *processes: Process, rank: int = 0, **rest: Any) -> Workload:
        """A workload of these processes."""
        directory = self.directory / "nodes" / "net" / name
        directory.mkdir(parents=True, exist_ok=True)
        return Workload(
            network="net",
            name=name,
            role="node",
            rank=rank,
            directory=str(directory),
            main=processes[0].name,
            processes=processes,
            **rest,
        )

    def want(self, *workloads: Workload, desired: Desired = "running") -> Wanted:
        """Makes these the wanted ones, without telling the supervisor."""
        plan = wanted(workloads, [NETWORK])
        with self.state.transaction():
            for workload in self.state.workloads():
                self.state.remove_workload(workload.network, workload.name)
            for row in plan.rows:
                self.state.set_workload(msgspec.structs.replace(row, desired=desired))
            self.state.set_networks([NETWORK])
        return plan

    def apply(self, *workloads: Workload) -> None:
        """Wants these and has a supervisor that knows."""
        self.want(*workloads)
        self.ask("apply")

    # -- the supervisor ---------------------------------------------------------------------

    def ask(self, op: str, node: str = "") -> None:
        """Asks the supervisor, starting one if there is none."""
        control.ensure_supervisor(self.state)
        control.ask(self.state, Request(op=op, network="net", node=node), timeout_s=60)

    def supervisor_pid(self) -> int:
        """The pid of the supervisor that answers."""
        answer = control.ping(self.state)
        assert answer is not None
        return answer.pid

    def kill_supervisor(self) -> None:
        """kill -9, and waits until it is gone."""
        who = process_table.identity(self.supervisor_pid())
        assert who is not None
        os.kill(who.pid, signal.SIGKILL)
        eventually(lambda: not process_table.is_alive(who))

    # -- what is seen -----------------------------------------------------------------------

    def row(self, node: str, process: str) -> ProcessRow:
        """What the state says of a process."""
        for row in self.state.processes():
            if (row.node, row.process) == (node, process):
                return row
        return ProcessRow(network="net", node=node, process=process)

    def ready(self, *names: str) -> None:
        """Waits until these processes (node/process) are ready."""
        for name in names:
            node, _, process = name.partition("/")
            eventually(partial(self._is_ready, node, process), what=f"{name} is ready")

    def _is_ready(self, node: str, process: str) -> bool:
        return self.row(node, process).ready

    def pid(self, node: str, process: str) -> int:
        """The pid of a process that runs."""
        row = self.row(node, process)
        assert row.pid is not None
        return row.pid

    def kill(self, node: str, process: str) -> None:
        """kill -9 of a process."""
        os.kill(self.pid(node, process), signal.SIGKILL)

    def recorded(self, what: str = "") -> Sequence[str]:
        """Lines `start NAME` and `stop NAME` that the fake programs wrote, in order."""
        if not self.record.exists():
            return []
        lines = [" ".join(line.split()[:2]) for line in self.record.read_text().splitlines()]
        return [line for line in lines if line.startswith(what)]

    def log(self, node: str, process: str) -> Path:
        """The log of a process."""
        return logs.log_path(self.directory, "net", node, process)

    def close(self) -> None:
        """Ends all that was started here."""
        try:
            if control.ping(self.state) is not None:
                with self.state.transaction():
                    self.state.set_desired("stopped")
                self.ask("shutdown")
        except SupervisorSilent:
            pass  # it was just ending by itself
        finally:
            for who in process_table.owned(self.directory):
                os.kill(who.pid, signal.SIGKILL)
            for pid in process_table.pids():
                found = process_table.variables(pid).get(process_table.STATE_VARIABLE)
                if found == str(self.directory):
                    os.kill(pid, signal.SIGKILL)
            shutil.rmtree(control.sockets_of(self.state), ignore_errors=True)
            self.state.close()


def ports(*numbers: int) -> tuple[Port, ...]:
    """TCP ports on loopback."""
    return tuple(Port(name="rpc", number=n, address="127.0.0.1", protocol="tcp") for n in numbers)
