"""What a running network takes: memory, processor time, disk."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import processes
from tests.support.network import Network

MIB = 1 << 20


@dataclass
class Usage:
    """Processor time of every process since the start of the measurement, by node and program."""

    network: Network
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.programs = programs(self.network)
        self.before = {pid: processes.cpu_s(pid) for pid in self.programs}

    def cores(self, *nodes: str) -> float:
        """Cores used on average, in all or by these nodes."""
        used = sum(
            processes.cpu_s(pid) - self.before[pid]
            for pid, (node, _) in self.programs.items()
            if not nodes or node in nodes
        )
        return used / (time.monotonic() - self.began)

    def memory_bytes(self, *, node: str = "", program: str = "") -> int:
        """Resident memory of all, of a node, or of a program (the largest one)."""
        chosen = [
            processes.rss_bytes(pid)
            for pid, (at, name) in self.programs.items()
            if node in ("", at) and program in ("", name)
        ]
        return max(chosen) if program and not node else sum(chosen)


def programs(network: Network) -> dict[int, tuple[str, str]]:
    """pid → (node, program) of everything that runs for the network, the supervisor too."""
    found = {
        int(process["pid"]): (node["name"], process["name"])
        for node in network.nodes()
        for process in node["processes"]
        if process["pid"]
    }
    for pid in network.pids():
        found.setdefault(pid, ("supervisor", "supervisor"))
    return found


BOUNDED = re.compile(r"(^|/)(cs\.wal|logs)/|-(wal|shm)$")
"""What does not grow for ever: CometBFT's log of its own messages (it keeps 1 GB of it), SQLite's
(4 MB), and the programs' logs, which are rotated."""


def lasting_bytes(folder: Path) -> int:
    """Allocated blocks of what is kept for ever below the folder."""
    return disk_bytes(folder, without=BOUNDED)


def disk_bytes(folder: Path, *, without: re.Pattern[str] | None = None) -> int:
    """Allocated blocks below the folder; files that vanish meanwhile count as nothing."""
    total = 0
    for path in folder.rglob("*"):
        if without is not None and without.search(path.relative_to(folder).as_posix()):
            continue
        try:
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total
