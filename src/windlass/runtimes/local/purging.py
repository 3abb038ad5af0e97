"""Deletes what Windlass keeps in a state's directory, and nothing else that lies there."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from windlass.runtimes.local import disk_history, port_registry, process_table
from windlass.runtimes.local.deleting import delete
from windlass.runtimes.local.errors import NotHealthy
from windlass.runtimes.local.lock import SUPERVISOR_FILE_NAME
from windlass.runtimes.local.state import FILE_NAME, State

KILL_WAIT_S = 30.0
KILL_POLL_S = 0.05


def end_all(directory: Path) -> None:
    """Kills what was started for a state whose database says no more what that is. Its data go, so
    nothing is lost by it; the supervisor first, because it would start the others again."""
    deadline = time.monotonic() + KILL_WAIT_S
    while found := [*process_table.supervisors(directory), *process_table.owned(directory)]:
        if time.monotonic() > deadline:
            pids = [str(who.pid) for who in found]
            raise NotHealthy(
                f"These processes could not be killed: {', '.join(pids)}.",
                pids,
                "Whose they are and what holds them, `ps` tells.",
            )
        for who in found:
            if (living := process_table.Living.grip(who)) is not None:
                living.signal(signal.SIGKILL)
                living.release()
        time.sleep(KILL_POLL_S)


def purge(directory: Path) -> None:
    """Deletes what Windlass keeps in the state's directory, the state itself last: interrupted, it
    can be done again."""
    for name in ("nodes", "logs", "proposals", "vault", "vault.importing"):
        delete(directory / name)
    with port_registry.opened() as registry:
        registry.claim(directory, [])
    for name in (
        disk_history.FILE_NAME,
        f"{FILE_NAME}-wal",
        f"{FILE_NAME}-shm",
        FILE_NAME,
        SUPERVISOR_FILE_NAME,  # last: it tells that the folder is ours
    ):
        delete(directory / name)


def purge_nodes(directory: Path, network: str, nodes: int) -> None:
    """Deletes data, logs and ports of the nodes from that number on."""

    def goes(name: str) -> bool:
        kind, _, number = name.rpartition("-")
        return kind == "node" and number.isdigit() and int(number) >= nodes

    for folder in ("nodes", "logs"):
        for path in (directory / folder / network).glob("node-*"):
            if goes(path.name):
                delete(path)
    with port_registry.opened() as registry, State.open(directory) as state:
        ports = [p for p in state.ports() if p.network != network or not goes(p.workload)]
        with state.transaction():
            state.set_ports(ports)
        registry.claim(directory, ports)
