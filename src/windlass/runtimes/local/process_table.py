"""Who a process is, read from /proc: the proof that is needed before any signal is sent.

A pid alone is worthless, since the kernel gives it to somebody else later. A pid, the tick at which
that process started and the id of this boot name one process for ever; a pidfd opened before they
are checked then cannot come to mean another one. What Windlass starts also carries two variables
in its environment, so that a process whose pid was never written down is still found.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
from pathlib import Path

import msgspec

STATE_VARIABLE = "WINDLASS_STATE_DIRECTORY"
PROCESS_VARIABLE = "WINDLASS_PROCESS"  # network/workload/process
PROC = Path("/proc")
PROC_FILE_BYTES_MAX = 1 << 20


class Identity(msgspec.Struct, frozen=True):
    """One process for ever: pid, start (ticks since boot) and boot id."""

    pid: int
    started: int
    boot: str


@functools.cache
def boot_id() -> str:
    """The kernel's id of this boot; empty where it has none."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_ticks(pid: int) -> int | None:
    """Ticks since boot at which the process started; None if there is none or it has ended."""
    try:
        stat = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # proc(5): the name in brackets may hold anything, so count from the last bracket.
    fields = stat[stat.rfind(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def age_s(started: int) -> int | None:
    """How long a process of this boot has run that started at that tick, in whole seconds."""
    try:
        uptime_s = float((PROC / "uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return max(0, int(uptime_s - started / os.sysconf("SC_CLK_TCK")))


def identity(pid: int) -> Identity | None:
    """Who has this pid now."""
    ticks = start_ticks(pid)
    return None if ticks is None else Identity(pid, ticks, boot_id())


def is_alive(who: Identity) -> bool:
    """Whether exactly that process still runs."""
    return identity(who.pid) == who


def resident_bytes(pid: int) -> int | None:
    """The memory that the process occupies; None if it is gone."""
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def words(pid: int) -> list[str]:
    """The argument list it was started with; empty if it is gone or not ours to read."""
    raw = _read(pid, "cmdline").rstrip(b"\0")
    return [word.decode("utf-8", "replace") for word in raw.split(b"\0")] if raw else []


def command_line(pid: int) -> str:
    """The command as people would type it, cut to 200 characters; empty if unreadable."""
    text = " ".join(words(pid))
    return text if len(text) <= 200 else text[:199] + "…"


def executable(pid: int) -> str:
    """The file that it runs, with " (deleted)" behind it if that is gone; empty if unreadable."""
    try:
        return os.readlink(PROC / str(pid) / "exe")  # noqa: PTH115 - the kernel's words, no path
    except OSError:
        return ""


def is_frozen(pid: int) -> bool:
    """Whether a signal has stopped it (SIGSTOP), until another lets it go on."""
    stat = _read(pid, "stat")
    return stat[stat.rfind(b")") + 2 :][:1] in (b"T", b"t")


def variables(pid: int) -> dict[str, str]:
    """The environment it was started with; empty if it is gone or not ours to read."""
    pairs = (entry.partition(b"=") for entry in _read(pid, "environ").split(b"\0"))
    return {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, _, value in pairs
        if name
    }


def pids() -> list[int]:
    """Every process that is visible now."""
    return [int(entry.name) for entry in os.scandir(PROC) if entry.name.isdigit()]


def owned(state: Path) -> dict[Identity, str]:
    """This user's living processes that were started for that state, with their
    network/workload/process."""
    found: dict[Identity, str] = {}
    for pid in pids():
        if pid == os.getpid():
            continue
        environment = variables(pid)
        name = environment.get(PROCESS_VARIABLE)
        if name is None or environment.get(STATE_VARIABLE) != str(state):
            continue
        who = identity(pid)
        if who is not None:
            found[who] = name
    return found


def supervisors(state: Path) -> list[Identity]:
    """This user's living supervisors of that state: they alone carry no process's name."""
    found = []
    for pid in pids():
        environment = variables(pid)
        if environment.get(STATE_VARIABLE) != str(state) or PROCESS_VARIABLE in environment:
            continue
        if pid != os.getpid() and (who := identity(pid)) is not None:
            found.append(who)
    return found


class Living:
    """A grip on one living process that no reuse of its pid can loosen."""

    def __init__(self, who: Identity, descriptor: int) -> None:
        self.identity = who
        self.descriptor = descriptor

    @classmethod
    def grip(cls, who: Identity) -> Living | None:
        """Takes hold of that process; None if it has ended or is not this user's."""
        try:
            descriptor = os.pidfd_open(who.pid)
        except OSError:
            return None
        try:
            # The order matters: checked after the grip, it is the same one for as long as we hold.
            if is_alive(who) and (PROC / str(who.pid)).stat().st_uid == os.geteuid():
                return cls(who, descriptor)
        except OSError:
            pass
        os.close(descriptor)
        return None

    def signal(self, number: signal.Signals) -> bool:
        """Sends a signal; False if the process has ended."""
        try:
            signal.pidfd_send_signal(self.descriptor, number)
        except (ProcessLookupError, OSError):
            return False
        return True

    def release(self) -> None:
        """Lets go; the process itself is not touched."""
        if self.descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(self.descriptor)
            self.descriptor = -1


def _read(pid: int, name: str) -> bytes:
    try:
        with (PROC / str(pid) / name).open("rb") as file:
            return file.read(PROC_FILE_BYTES_MAX)
    except OSError:
        return b""
