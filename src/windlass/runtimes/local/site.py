"""Where workloads live on this machine: the local runtime's answers to the plan.

Data lie below the state; unix sockets cannot, because the kernel allows their paths 107 bytes and a
project may lie deep: they go to a short private directory that the state remembers.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from windlass.runtimes.local.errors import UnusableState
from windlass.runtimes.local.state import PortRow
from windlass.spec.models import Network

SOCKET_PATH_BYTES_MAX = 107  # unix(7): sun_path has 108 bytes, one of them for the end
LONGEST_SOCKET_NAME = 48


class LocalSite:
    """Implements `plan.site.Site` for one state."""

    def __init__(
        self,
        state: Path,
        sockets: Path,
        networks: Mapping[str, Network],
        ports: Iterable[PortRow],
    ) -> None:
        self._state = state
        self._sockets = sockets
        self._networks = networks
        self._ports = {(row.network, row.workload, row.name): row.number for row in ports}

    def directory(self, network: str, workload: str) -> str:
        """Data of the workload."""
        return str(workload_directory(self._state, network, workload))

    def socket(self, network: str, workload: str, name: str) -> str:
        """A path that fits into the kernel's limit, readable if the names are short enough."""
        readable = f"{network}.{workload}.{name}"
        if len(readable.encode()) > LONGEST_SOCKET_NAME:
            digest = hashlib.sha256(f"{network}/{workload}".encode()).hexdigest()[:16]
            readable = f"{digest}.{name}"
        return str(self._sockets / readable)

    def port(self, network: str, workload: str, name: str) -> int:
        """The port that was given to it before planning."""
        return self._ports[(network, workload, name)]

    def host(self, network: str, workload: str) -> str:
        """The spec's `host`: the same for all workloads of this machine."""
        del workload
        return self._networks[network].host

    def bind(self, network: str, workload: str) -> str:
        """The spec's `bind`: the same for all workloads of this machine."""
        del workload
        return self._networks[network].bind


def workload_directory(state: Path, network: str, workload: str) -> Path:
    """Where a workload's data and files lie."""
    return state / "nodes" / network / workload


def sockets_directories(state: Path) -> list[Path]:
    """Short directories for this state's sockets, the best first; their name tells whose they are.

    `/tmp` before the session's own: that one is emptied when the user logs out, and what runs
    detached outlives it. It is for machines where somebody else made our directory in `/tmp`.
    """
    name = hashlib.sha256(str(state).encode()).hexdigest()[:12]
    found = [Path(f"/tmp/windlass-{os.geteuid()}") / name]  # noqa: S108 - made private below
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    path = Path(session) / "windlass" / name
    if session.startswith("/") and _is_private(Path(session)) and _is_short(path):
        found.append(path)
    return found


def make_sockets_directory(path: Path) -> None:
    """Makes it, readable by this user only. Raises UnusableState if someone else made it first."""
    for directory in (path.parent, path):
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise UnusableState(
                f"{directory} for the programs' sockets cannot be made: {error.strerror}.",
                "Make it writable, or set XDG_RUNTIME_DIR to a directory of your own.",
            ) from error
        if not _is_private(directory):
            raise UnusableState(
                f"{directory} belongs to someone else or is open to others.",
                "Remove it, or set XDG_RUNTIME_DIR to a directory of your own.",
            )


def _is_short(path: Path) -> bool:
    return len(str(path).encode()) + 1 + LONGEST_SOCKET_NAME <= SOCKET_PATH_BYTES_MAX


def _is_private(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.geteuid()
        and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )
