"""`up`: puts a prepared plan into effect, waits until it is healthy, and takes it back if not.

What is wanted is written in one transaction before anyone is told, so a command that is killed at
any moment leaves either the old wishes or the new ones; the next `up` compares and carries on.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from windlass.kit.errors import WindlassError
from windlass.runtimes.local import control, waiting
from windlass.runtimes.local.changes import Changes, Wanted
from windlass.runtimes.local.errors import NotHealthy
from windlass.runtimes.local.events import Event, Kind, OnEvent, Watch
from windlass.runtimes.local.prepare import Prepared
from windlass.runtimes.local.state import ScaleRow, State, WorkloadRow
from windlass.runtimes.local.supervisor.messages import Request
from windlass.runtimes.local.workload_files import Writer, is_tampered

if TYPE_CHECKING:
    from windlass.runtimes.local.status import Status

UNDO_WAIT_S = 90.0
MENDED_META = "mended"


def bring_up(
    state: State,
    prepared: Prepared,
    starting: control.Starting | None,
    *,
    deadline: float,
    keep: bool,
    on_event: OnEvent,
) -> Status:
    """Makes the plan true. `deadline` is monotonic. Raises NotHealthy, SupervisorSilent; what this
    call has started is stopped by then unless `keep`, and what ran before runs as before."""
    writer = Writer()
    watch = Watch(on_event, state.processes())
    scales = state.scales()
    nothing_ran = not any(row.desired == "running" for row in prepared.before.rows)
    try:
        mended = _mends(state, prepared)
        writer.write(prepared.workloads, {f"{one.network}/{one.node}" for one in state.processes()})
        _want(state, prepared.wanted, prepared.scales)
        _tell(on_event, prepared.changes)
        prepared.reservations.release_all()
        (starting or control.Starting(state)).wait(state)
        control.ask(state, Request(op="apply"), timeout_s=_patience_s(prepared))
        _restart_mended(state, prepared, mended, on_event)
        waiting.until_ready(state, prepared.wanted.digests, watch, deadline=deadline)
        return waiting.until_healthy(state, watch, deadline=deadline)
    except BaseException:
        # Also for Ctrl-C: half a network is never left behind.
        if not keep and not prepared.changes.none:
            on_event(Event(kind="step", sentence="stops what was started"))
            try:  # the first reason is the one to raise, this one is told beside it
                writer.undo()
            except WindlassError as error:
                on_event(Event(kind="step", sentence=f"could not put back a file: {error}"))
            try:
                _take_back(state, prepared, scales, watch, all_of_it=nothing_ran)
            except WindlassError as error:
                on_event(Event(kind="step", sentence=f"could not stop everything: {error}"))
        raise
    finally:
        prepared.reservations.release_all()


def _mends(state: State, prepared: Prepared) -> set[str]:
    """Workloads that run from a file that somebody changed, by network/name: what they have read is
    not the plan's. They are noted before the files are mended, because a command that is killed
    between that and their restart leaves nothing to see."""
    kept = {name for name in (state.meta(MENDED_META) or "").split(",") if name}
    fresh = _fresh(prepared.changes)
    workloads = [one for one in prepared.workloads if one.key not in fresh]
    changed = {one.key for one in workloads if is_tampered(one)}
    if not changed <= kept:
        state.set_meta(MENDED_META, ",".join(sorted(changed | kept)))
    return changed | kept


def _restart_mended(
    state: State, prepared: Prepared, mended: Collection[str], on_event: OnEvent
) -> None:
    """Starts anew what runs from a file that was changed; what is fresh has read the new one."""
    if not mended:
        return
    fresh = _fresh(prepared.changes)
    for workload in prepared.workloads:
        if workload.key in mended and workload.key not in fresh:
            on_event(Event(kind="changed", network=workload.network, node=workload.name))
            request = Request(op="restart", network=workload.network, node=workload.name)
            control.ask(state, request, timeout_s=control.stop_timeout_s([workload]))
    state.set_meta(MENDED_META, "")


def _fresh(changes: Changes) -> set[str]:
    """Workloads that `apply` starts, by network/name."""
    return {*changes.added, *changes.changed, *changes.started}


def _patience_s(prepared: Prepared) -> float:
    """How long the supervisor may take to end what goes, and what was before."""
    rows = (*prepared.before.rows, *prepared.wanted.rows)
    return control.stop_timeout_s([row.workload for row in rows])


def _want(state: State, now: Wanted, scales: Mapping[str, ScaleRow]) -> None:
    keys = {row.workload.key for row in now.rows}
    with state.transaction():
        for workload in state.workloads():
            if workload.key not in keys:
                state.remove_workload(workload.network, workload.name)
        for row in now.rows:
            state.set_workload(row)
        state.set_networks(now.networks)
        state.set_scales(scales)


def _tell(on_event: OnEvent, changes: Changes) -> None:
    told: tuple[tuple[Kind, tuple[str, ...]], ...] = (
        ("added", changes.added),
        ("removed", changes.removed),
        ("changed", changes.changed),
        ("starting", changes.started),
    )
    for kind, keys in told:
        for key in keys:
            network, _, node = key.partition("/")
            on_event(Event(kind=kind, network=network, node=node))


def _take_back(
    state: State,
    prepared: Prepared,
    scales: dict[str, ScaleRow],
    watch: Watch,
    *,
    all_of_it: bool,
) -> None:
    """The wishes as they were; what is new stays known, as stopped, for logs and the doctor."""
    before = {row.workload.key: row for row in prepared.before.rows}
    rows: list[WorkloadRow] = [
        before.get(row.workload.key) or msgspec.structs.replace(row, desired="stopped")
        for row in prepared.wanted.rows
    ]
    rows += [row for key, row in before.items() if key in prepared.changes.removed]
    known = {network.name: network for network in prepared.before.networks}
    networks = [known.get(network.name, network) for network in prepared.wanted.networks]
    networks += [n for name, n in known.items() if name not in {one.name for one in networks}]
    _want(state, Wanted(rows=rows, networks=networks), scales)
    control.ensure_supervisor(state)  # it may be what died
    operation = "shutdown" if all_of_it else "apply"
    control.ask(state, Request(op=operation), timeout_s=_patience_s(prepared))
    stopped = {
        (row.workload.network, row.workload.name, process.name)
        for row in rows
        if row.desired == "stopped"
        for process in row.workload.processes
    }
    left = waiting.until_gone(state, stopped, watch, deadline=time.monotonic() + UNDO_WAIT_S)
    if left:
        names = [f"{row.network}/{row.node} {row.process} (process {row.pid})" for row in left]
        raise NotHealthy(f"These still run: {', '.join(names)}.", names, "Run `windlass down`.")
