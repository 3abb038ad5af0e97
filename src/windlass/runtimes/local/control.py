"""The command's side of the supervisor's control socket, and how a supervisor comes to be there."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

import windlass
from windlass.kit import json
from windlass.plan.workload import Workload
from windlass.runtimes.local import launcher, logs, process_table
from windlass.runtimes.local.errors import SupervisorSilent, UnusableState
from windlass.runtimes.local.site import make_sockets_directory, sockets_directories
from windlass.runtimes.local.state import State
from windlass.runtimes.local.supervisor.messages import Answer, Request

ANSWER_BYTES_MAX = 64 << 10
START_WAIT_S = 20.0
PING_TIMEOUT_S = 5.0
STOP_MARGIN_S = 15.0
"""How much longer than its grace a process may take to be gone."""

WORK_MARGIN_S = 30.0
"""For the supervisor's own work on a machine that is busy with starting a network."""

SOCKETS_META = "sockets"


def sockets_of(state: State) -> Path:
    """The directory of this state's sockets, made if it is missing.

    The one that was used before, unless it can't be had any more or the state was moved: then it
    may be another's. Raises UnusableState.
    """
    kept = state.meta(SOCKETS_META)
    choices = sockets_directories(state.directory)
    if kept is not None and Path(kept).name == choices[0].name:
        choices.insert(0, Path(kept))
    reasons: list[UnusableState] = []
    for path in choices:
        try:
            make_sockets_directory(path)
        except UnusableState as error:
            reasons.append(error)
            continue
        if str(path) != kept:
            state.set_meta(SOCKETS_META, str(path))
        return path
    raise reasons[-1]


def socket_path(state: State) -> Path:
    """Where the supervisor of that state listens."""
    return sockets_of(state) / "control.sock"


def stop_timeout_s(workloads: Iterable[Workload]) -> float:
    """How long it may take to end all of these: ranks go one after another, and so do a workload's
    processes; the workloads of a rank go at once."""
    slowest: dict[int, float] = {}
    for one in workloads:
        needed = sum(process.stop_grace_s + STOP_MARGIN_S for process in one.processes)
        slowest[one.rank] = max(slowest.get(one.rank, 0.0), needed)
    return WORK_MARGIN_S + sum(slowest.values())


def ask(state: State, request: Request, *, timeout_s: float) -> Answer:
    """Sends one request. Raises SupervisorSilent if nobody answers in time or it is refused."""
    path = socket_path(state)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            connection.connect(str(path))
            connection.sendall(msgspec.json.encode(request) + b"\n")
            with connection.makefile("rb") as reader:
                answer = json.decode(reader.readline(ANSWER_BYTES_MAX), Answer)
    except (OSError, json.JsonError) as error:
        raise SupervisorSilent(
            f"The supervisor does not answer on {path} ({error}).",
            f"See {logs.supervisor_log_path(state.directory)}.",
        ) from error
    if not answer.ok:
        raise SupervisorSilent(f"The supervisor refused {request.op}: {answer.error}")
    return answer


def ping(state: State) -> Answer | None:
    """The supervisor's pid and version; None if there is none."""
    try:
        return ask(state, Request(op="ping"), timeout_s=PING_TIMEOUT_S)
    except SupervisorSilent:
        return None


def frozen(state: State) -> SupervisorSilent | None:
    """Why a supervisor that is there does not answer: a signal has stopped it, as Ctrl-Z would."""
    for who in process_table.supervisors(state.directory):
        if process_table.is_frozen(who.pid):
            return SupervisorSilent(
                f"The supervisor, process {who.pid}, is frozen by a signal (SIGSTOP).",
                f"Let it go on: `kill -CONT {who.pid}`.",
            )
    return None


class Starting:
    """A supervisor that is there, or is on its way: it starts while the command does other things.

    One of another release is replaced: it leaves, and the new one takes over its processes.
    """

    def __init__(self, state: State) -> None:
        self._log_file = logs.supervisor_log_path(state.directory)
        self._log_start = logs.size_of(self._log_file)
        self._started: launcher.Supervisor | None = None
        answer = ping(state)
        if answer is not None and answer.version == windlass.__version__:
            return
        if answer is None and (silent := frozen(state)) is not None:
            raise silent
        if answer is not None:
            ask(state, Request(op="leave"), timeout_s=PING_TIMEOUT_S)
        self._started = launcher.launch_supervisor(state.directory, self._log_file)

    @property
    def is_new(self) -> bool:
        """Whether it was started just now."""
        return self._started is not None

    def wait(self, state: State) -> None:
        """Returns when it answers. Raises SupervisorSilent with the reason from its log."""
        if self._started is None:
            return
        path = socket_path(state)
        deadline = time.monotonic() + START_WAIT_S
        while time.monotonic() < deadline:
            answer = ping(state) if path.exists() else None
            if answer is not None and answer.version == windlass.__version__:
                return
            if self._started.has_ended() and ping(state) is None:
                break
            time.sleep(0.01)
        if (silent := frozen(state)) is not None:
            raise silent
        said = logs.tail(self._log_file, bytes_max=2000, since_byte=self._log_start).strip()
        raise SupervisorSilent(
            f"The supervisor did not start: {said or 'it said nothing'}.",
            f"See {self._log_file}.",
        )


def ensure_supervisor(state: State) -> bool:
    """Has a supervisor of this release running when it returns; True if it was started just now.

    Raises SupervisorSilent.
    """
    starting = Starting(state)
    starting.wait(state)
    return starting.is_new
