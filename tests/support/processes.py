"""What the kernel says about processes: command lines, memory, processor time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def command_line(pid: int) -> list[str]:
    """The process's arguments, [] if it is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return raw.decode(errors="replace").rstrip("\0").split("\0") if raw else []


def alive(pid: int) -> bool:
    """True while the process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def mentioning(text: str) -> list[int]:
    """The pids of all running processes whose command line has this text."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if any(text in word for word in command_line(pid)) and alive(pid)]


def send(pid: int, number: signal.Signals, mentioned: str) -> bool:
    """Signals the process if its command line still has this text: pids are used again."""
    if not any(mentioned in word for word in command_line(pid)):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def resident_bytes(pid: int) -> int:
    """Proportional set size where the kernel shows it (shared pages counted once), else RSS."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in rollup.splitlines() if "Pss:" in line) * 1024
    except (OSError, StopIteration):
        status = Path(f"/proc/{pid}/status").read_text()
        return (
            next(int(ln.split()[1]) for ln in status.splitlines() if ln.startswith("VmRSS")) * 1024
        )


def rss_bytes(pid: int) -> int:
    """Resident set size."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(ln.split()[1]) for ln in status.splitlines() if ln.startswith("VmRSS")) * 1024


def cpu_s(pid: int) -> float:
    """Processor time used so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
