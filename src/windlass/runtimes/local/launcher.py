"""The only place that starts processes.

Everything starts with an argument list, in a session of its own, with its output appended to a log
file: nothing ties it to whoever started it, so a command or a supervisor may die and the network
goes on. Its environment is made here from nothing, because what a user happens to have set would
reach the programs as settings (geth reads GETH_*, CometBFT CMT_* and TM_*).
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import windlass
from windlass.plan.workload import Command
from windlass.runtimes.local.errors import NoProgram
from windlass.runtimes.local.process_table import (
    PROCESS_VARIABLE,
    STATE_VARIABLE,
    Identity,
    Living,
    identity,
)

WINDLASS = "windlass"
SUPERVISOR = "supervisor"

_KEPT_VARIABLES = ("LANG", "LC_ALL", "TMPDIR", "WINDLASS_LOG_LEVEL")
_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Started:
    """A process that was started here, or one that was found running."""

    def __init__(self, living: Living, own: subprocess.Popen[bytes] | None = None) -> None:
        self.living = living
        self._own = own

    @property
    def identity(self) -> Identity:
        """Which process it is."""
        return self.living.identity

    def exit_code(self) -> int | None:
        """How it ended, negative for a signal; None if it is not known (it was adopted).

        Call it only when the process has ended: it also takes away what is left of it.
        """
        return None if self._own is None else self._own.wait()


class Supervisor:
    """A supervisor that was started here; it needs nobody to hold on to it."""

    _started: ClassVar[list[subprocess.Popen[bytes]]] = []  # or Python warns of forgotten children

    def __init__(self, own: subprocess.Popen[bytes]) -> None:
        self._own = own
        self._started[:] = [own, *(one for one in self._started if one.poll() is None)]

    def has_ended(self) -> bool:
        """Whether it gave up at once, or another one was faster."""
        return self._own.poll() is not None


def arguments(command: Command, programs: Mapping[str, str]) -> list[str]:
    """The argument list for a command; `programs` maps names such as geth to absolute paths.

    Our own programs are started by their module: that spares them the command line's imports, and
    the words in the process list stay those of `windlass run NAME`. Raises NoProgram.
    """
    if command.program == WINDLASS:
        name, *rest = command.arguments[1:]
        settings = [word for word in rest if word != "--settings"]
        return [*_python(), "-m", f"windlass.programs.{name}", *settings]
    path = programs.get(command.program)
    if path is None:
        raise NoProgram(
            f"There is no {command.program} for this network.", "Run `windlass up` to get it."
        )
    return [path, *command.arguments]


def launch(
    words: Sequence[str],
    variables: Mapping[str, str],
    *,
    state: Path,
    process: str,
    directory: Path,
    log_file: Path,
) -> Started:
    """Starts a process of this state; `process` is its network/workload/process, `variables` what
    it finds in its environment beyond what every process does.

    Raises NoProgram if the program is missing or cannot be executed, OSError if the system has no
    room for it.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = {**variables, **_environment(state, process, directory)}
    own = _popen(words, environment, directory, log_file)
    # Alive or not: a child of ours keeps its pid until it is waited for.
    who = identity(own.pid)
    living = Living.grip(who) if who is not None else None
    if living is None:
        try:
            living = Living(Identity(own.pid, 0, ""), os.pidfd_open(own.pid))
        except OSError:  # no descriptor is left: what nobody can watch must not run
            own.kill()
            own.wait()
            raise
    return Started(living, own)


def launch_supervisor(state: Path, log_file: Path) -> Supervisor:
    """Starts a supervisor of that state, which outlives this process."""
    words = [*_python(), "-m", "windlass.runtimes.local.supervisor", "--state", str(state)]
    environment = _environment(state, SUPERVISOR, state)
    del environment[PROCESS_VARIABLE]  # it is not one of the processes that it looks after
    return Supervisor(_popen(words, environment, state, log_file))


def _python() -> list[str]:
    # -P and -s: neither the working directory nor the user's own packages are searched.
    return [sys.executable, "-P", "-s"]


def _environment(state: Path, process: str, directory: Path) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {
        **environment,
        "HOME": str(directory),  # no program leaves anything in the user's own
        "PATH": _SEARCH_PATH,
        "PYTHONPATH": str(Path(windlass.__file__).resolve().parent.parent),
        "TZ": "UTC",  # geth and CometBFT log local times, which logs.py has to understand
        STATE_VARIABLE: str(state),
        PROCESS_VARIABLE: process,
    }


def _popen(
    words: Sequence[str], environment: Mapping[str, str], directory: Path, log_file: Path
) -> subprocess.Popen[bytes]:
    log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # O_APPEND: after the log was cut (see logs.py) the process goes on writing at its new end.
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=directory,
            env=environment,
            start_new_session=True,
            close_fds=True,
            umask=0o077,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise NoProgram(
            f"{words[0]} cannot be started: {error.strerror}.",
            "Run `windlass binaries verify`, then `windlass up`.",
        ) from error
    except OSError as error:
        if error.errno == errno.ENOEXEC:  # built for another machine, or cut short
            raise NoProgram(
                f"{words[0]} is no program for this machine.", "Run `windlass binaries verify`."
            ) from error
        raise
    finally:
        os.close(log)
