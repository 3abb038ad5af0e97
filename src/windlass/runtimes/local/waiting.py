"""Waits until what was asked for is so, and tells what is not when it takes too long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from windlass.runtimes.local import process_table
from windlass.runtimes.local.changes import Key, lives
from windlass.runtimes.local.control import ping
from windlass.runtimes.local.errors import NotHealthy
from windlass.runtimes.local.events import Watch
from windlass.runtimes.local.state import ProcessRow, State

if TYPE_CHECKING:
    from windlass.runtimes.local.status import Status

POLL_S = 0.05
OBSERVE_POLL_S = 0.25
SUPERVISOR_CHECK_S = 2.0
LOGS_HINT = "See `windlass doctor`, and `windlass logs NODE`."


def until_ready(state: State, digests: Mapping[Key, str], watch: Watch, *, deadline: float) -> None:
    """Returns when every process of `digests` runs by its digest and is ready.

    Raises NotHealthy when one has failed, when the time is over (`deadline` is monotonic), or when
    the supervisor is gone.
    """
    checked = time.monotonic()
    while True:
        rows = state.processes()
        watch.see(rows)
        found = {(row.network, row.node, row.process): row for row in rows}
        missing = {key: found.get(key) for key in digests if not _is_ready(found.get(key), digests)}
        if not missing:
            return
        failed = {key: row for key, row in missing.items() if row and row.state == "failed"}
        if failed or time.monotonic() > deadline:
            raise not_healthy(failed or missing)
        if time.monotonic() - checked > SUPERVISOR_CHECK_S:
            checked = time.monotonic()
            if ping(state) is None:
                raise NotHealthy(
                    "The supervisor is gone.", [], "Run `windlass up` again: it carries on."
                )
        time.sleep(POLL_S)


def until_healthy(state: State, watch: Watch, *, deadline: float) -> Status:
    """Returns what is observed when all of it is healthy but what is stopped on purpose.

    Raises NotHealthy.
    """
    from windlass.runtimes.local.observe import observe

    workloads = state.workload_rows()
    stopped = {row.workload.key for row in workloads if row.desired == "stopped"}
    order = {(one.workload.network, one.workload.name): one.workload.rank for one in workloads}
    while True:
        status = asyncio.run(observe(state))
        unwell = [
            f"{network.name}/{node.name} is {node.state}"
            for network in status.networks
            for node in network.nodes
            if node.state != "healthy" and f"{network.name}/{node.name}" not in stopped
        ]
        if status.networks and not unwell:
            return status
        rows = state.processes()
        watch.see(rows)
        failed = [row for row in rows if row.state == "failed"]
        if failed:
            failed.sort(key=lambda row: order.get((row.network, row.node), 0))
            raise not_healthy({_key(row): row for row in failed})
        if time.monotonic() > deadline:
            raise NotHealthy(
                f"Not everything became healthy in time: {', '.join(unwell) or 'no blocks'}.",
                unwell,
                LOGS_HINT,
            )
        time.sleep(OBSERVE_POLL_S)


def until_gone(
    state: State, keys: Collection[Key] | None, watch: Watch, *, deadline: float
) -> list[ProcessRow]:
    """Waits until none of those processes (None: of all) lives; returns what is left in the end."""
    while True:
        rows = state.processes()
        watch.see(rows)
        left = [row for row in rows if (keys is None or _key(row) in keys) and lives(row)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(POLL_S)


def strays(state: State) -> list[str]:
    """Processes of this state that still live, whether a row tells of them or not."""
    owned = process_table.owned(state.directory)
    return [f"{name} (process {who.pid})" for who, name in owned.items()]


def not_healthy(missing: Mapping[Key, ProcessRow | None]) -> NotHealthy:
    """The refusal that names each process that is missing, and why.

    The first of them is told: they come in the order of starts, in which a cause stands before what
    waits for it.
    """
    reasons = []
    for (network, node, process), row in missing.items():
        state = "has not started" if row is None else _state(row)
        detail = f": {row.last_reason}" if row is not None and row.last_reason else ""
        reasons.append(f"{network}/{node}: {process} {state}{detail}")
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return NotHealthy(f"Not everything became healthy: {reasons[0]}{more}.", reasons, LOGS_HINT)


def _state(row: ProcessRow) -> str:
    if row.state == "running":
        return "is not ready" if not row.ready else "runs by an older definition"
    return {"starting": "is still starting", "backing_off": "died"}.get(row.state, row.state)


def _is_ready(row: ProcessRow | None, digests: Mapping[Key, str]) -> bool:
    return (
        row is not None
        and row.ready
        and row.state == "running"
        and row.digest == digests[_key(row)]
        and lives(row)
    )


def _key(row: ProcessRow) -> Key:
    return row.network, row.node, row.process
