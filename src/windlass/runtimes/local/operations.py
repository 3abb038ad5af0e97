"""What the command line asks of this runtime, one function per verb.

All of them are synchronous and bounded in time. Those that change something hold the state's lock,
so a second one is refused with the name of the first.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from windlass.kit.errors import UsageError, WindlassError
from windlass.plan.workload import Workload
from windlass.runtimes.local import control, lock, logs, purging, waiting
from windlass.runtimes.local.bring_up import bring_up
from windlass.runtimes.local.changes import Changes, Wanted
from windlass.runtimes.local.errors import (
    BrokenState,
    NodeStopped,
    NoState,
    NotHealthy,
    SupervisorSilent,
    UnknownNode,
    disk_full_as_refusal,
)
from windlass.runtimes.local.events import Event, OnEvent, Watch, ignore
from windlass.runtimes.local.logs import LogFile
from windlass.runtimes.local.place import Place, locate, opened
from windlass.runtimes.local.prepare import OnProgress, Prepared, prepare, preview
from windlass.runtimes.local.site import sockets_directories
from windlass.runtimes.local.state import ScaleRow, State
from windlass.runtimes.local.supervisor.messages import Answer, Request
from windlass.spec.load import Loaded, load
from windlass.spec.values import suggestion

if TYPE_CHECKING:
    from windlass.runtimes.local.status import Status

__all__ = [
    "Changes",
    "Event",
    "LogFile",
    "Place",
    "Prepared",
    "down",
    "locate",
    "log_files",
    "prepare",
    "preview",
    "restart",
    "scale",
    "start",
    "stop",
    "up",
    "vault_locked",
]

UP_TIMEOUT_S = 120.0
NODE_TIMEOUT_S = 90.0
NODES_MAX = 100


def up(
    place: Place,
    loaded: Loaded,
    *,
    timeout_s: float = UP_TIMEOUT_S,
    keep: bool = False,
    on_event: OnEvent = ignore,
    progress: OnProgress = lambda _: None,
) -> Status:
    """Makes the spec true and returns its status once every program is healthy.

    What runs already as it should is left alone. The time counts from when all binaries are there.
    Raises what `prepare` raises, and NotHealthy: then what this call started is stopped again
    unless `keep`, and what ran before runs on.
    """
    with lock.held(place.state), disk_full_as_refusal(place.state):
        return _up(place, loaded, None, timeout_s, keep, on_event, progress)


def scale(
    place: Place,
    network: str,
    nodes: int,
    purge: bool,
    *,
    timeout_s: float = UP_TIMEOUT_S,
    on_event: OnEvent = ignore,
    progress: OnProgress = lambda _: None,
) -> Status:
    """Runs that many nodes in a network, whatever the spec says, until the spec's own number
    changes. What was stopped with `stop` stays so. Data of nodes that go are kept unless `purge`.
    Raises what `up` raises, and NotDeleted."""
    loaded = load(place.spec_path)
    if network not in loaded.spec.networks:
        raise UnknownNode(
            f"There is no network {network!r} in {place.spec_path}.",
            f"It has: {', '.join(loaded.spec.networks)}.",
        )
    if not 0 <= nodes <= NODES_MAX:
        raise UsageError(f"nodes={nodes} is not between 0 and {NODES_MAX}.")
    with lock.held(place.state), disk_full_as_refusal(place.state):
        with opened(place) as state:
            scales = state.scales()
        own = loaded.spec.networks[network].nodes
        scales[network] = ScaleRow(network=network, nodes=nodes, spec_nodes=own)
        status = _up(place, loaded, scales, timeout_s, False, on_event, progress)
        if purge:
            purging.purge_nodes(place.state, network, nodes)
        return status


def down(place: Place, *, purge: bool, on_event: OnEvent = ignore) -> None:
    """Stops everything that this state owns, what started last first; nothing else is touched.

    `purge` then deletes all of the state: data, logs, keys; also where the database is gone or
    damaged. Raises NoState if there is nothing, ForeignState, NotHealthy if something could not be
    stopped, NotDeleted if something could not be deleted.
    """
    with lock.held(place.state):
        try:
            with opened(place) as state:
                watch = Watch(on_event, state.processes())
                with state.transaction():
                    state.set_desired("stopped")
                if waiting.strays(state) or control.ping(state) is not None:
                    control.ensure_supervisor(state)
                    _ask_and_watch(state, Request(op="shutdown"), watch)
                _refuse_strays(state)
                sockets = [control.sockets_of(state)]
        except (NoState, BrokenState):
            # The supervisor's lock tells a state that lost its database from somebody's folder.
            if not purge or not (place.state / lock.SUPERVISOR_FILE_NAME).exists():
                raise
            purging.end_all(place.state)
            sockets = sockets_directories(place.state)
        if purge:
            on_event(Event(kind="step", sentence=f"deletes {place.state}"))
            for path in sockets:
                shutil.rmtree(path, ignore_errors=True)
            purging.purge(place.state)


def start(place: Place, network: str | None, node: str, *, on_event: OnEvent = ignore) -> None:
    """Starts a stopped node, and waits until it is ready. Raises UnknownNode, NotHealthy."""
    _change_node(place, network, node, on_event, "start")


def stop(place: Place, network: str | None, node: str, *, on_event: OnEvent = ignore) -> None:
    """Stops a node; it stays stopped until `start` or `up`. Raises UnknownNode, NotHealthy."""
    _change_node(place, network, node, on_event, "stop")


def restart(place: Place, network: str | None, node: str, *, on_event: OnEvent = ignore) -> None:
    """Stops a node's processes in order and starts them again.

    Raises UnknownNode, NodeStopped, NotHealthy.
    """
    _change_node(place, network, node, on_event, "restart")


@contextmanager
def vault_locked(place: Place) -> Iterator[None]:
    """For whoever adds keys to the vault: two that did so at once would each make a passphrase, and
    one of them would be lost with the keys under it. Raises Busy."""
    with lock.held(place.state), disk_full_as_refusal(place.state):
        yield


def log_files(place: Place, node: str | None, network: str | None) -> list[LogFile]:
    """The logs of one node, of one network, or of everything; also of nodes that are gone.

    Raises UnknownNode if nothing fits.
    """
    found = [
        file
        for file in logs.log_files(place.state)
        if (node is None or file.node == node or (node == file.process == "supervisor"))
        and (network is None or file.network == network)
    ]
    if not found and (node or network):
        raise UnknownNode(
            f"There are no logs of {'/'.join(part for part in (network, node) if part)}.",
            "`windlass status` lists the nodes.",
        )
    return found


def _up(
    place: Place,
    loaded: Loaded,
    scales: dict[str, ScaleRow] | None,
    timeout_s: float,
    keep: bool,
    on_event: OnEvent,
    progress: OnProgress,
) -> Status:
    started: list[control.Starting] = []

    def begin(state: State) -> None:
        # While keys and the plan are made, the supervisor loads: on two cores that is free. Not if
        # it would find old wishes: their ports are held by the new plan.
        if not any(row.desired == "running" for row in state.workload_rows()):
            started.append(control.Starting(state))

    try:
        prepared = prepare(place, loaded, progress, scales=scales, on_state=begin)
    except BaseException:
        if started and started[0].is_new:
            _dismiss(place)
        raise
    for sentence in prepared.moved:
        on_event(Event(kind="moved", sentence=sentence))
    if prepared.short_disk and not prepared.changes.none:
        on_event(Event(kind="step", sentence=prepared.short_disk))
    with State.open(place.state) as state:
        return bring_up(
            state,
            prepared,
            started[0] if started else None,
            deadline=time.monotonic() + timeout_s,
            keep=keep,
            on_event=on_event,
        )


def _dismiss(place: Place) -> None:
    """Ends a supervisor that has nothing to do, because there will be no network after all."""
    with State.open(place.state) as state:
        try:
            control.ensure_supervisor(state)
            control.ask(state, Request(op="leave"), timeout_s=control.PING_TIMEOUT_S)
        except SupervisorSilent:
            return


def _change_node(
    place: Place, network: str | None, node: str, on_event: OnEvent, verb: str
) -> None:
    with lock.held(place.state), opened(place) as state:
        workload = _find(state, network, node)
        watch = Watch(on_event, state.processes())
        if verb == "restart" and not _is_wanted(state, workload):
            raise NodeStopped(
                f"{workload.key} is stopped.", f"Start it: `windlass start {workload.name}`."
            )
        if verb != "restart":
            with state.transaction():
                state.set_desired("running" if verb == "start" else "stopped", *_names(workload))
            request = Request(op="apply")
        else:
            request = Request(op="restart", network=workload.network, node=workload.name)
        control.ensure_supervisor(state)
        _ask_and_watch(state, request, watch)
        deadline = time.monotonic() + NODE_TIMEOUT_S
        rows = [row for row in state.workload_rows() if row.workload.key == workload.key]
        digests = Wanted(rows=rows, networks=state.networks()).digests
        if verb != "stop":
            waiting.until_ready(state, digests, watch, deadline=deadline)
            return
        keys = {(*_names(workload), process.name) for process in workload.processes}
        if left := waiting.until_gone(state, keys, watch, deadline=deadline):
            names = ", ".join(f"{row.process} (process {row.pid})" for row in left)
            raise NotHealthy(f"{workload.key} does not stop: {names}.", [names], waiting.LOGS_HINT)


def _is_wanted(state: State, workload: Workload) -> bool:
    return any(
        row.workload.key == workload.key and row.desired == "running"
        for row in state.workload_rows()
    )


def _names(workload: Workload) -> tuple[str, str]:
    return workload.network, workload.name


def _find(state: State, network: str | None, node: str) -> Workload:
    found = [
        workload
        for workload in state.workloads()
        if workload.name == node and network in (None, workload.network)
    ]
    if len(found) > 1:
        networks = ", ".join(workload.network for workload in found)
        raise UnknownNode(f"Several networks have a {node}: {networks}.", "Name one: --network.")
    if not found:
        names = sorted({workload.network for workload in state.workloads()})
        if network is not None and network not in names:
            raise UnknownNode(f"There is no network {network!r}{suggestion(network, names)}.")
        known = sorted({w.name for w in state.workloads() if network in (None, w.network)})
        where = f"the network {network!r}" if network else "any network"
        raise UnknownNode(f"There is no {node!r} in {where}{suggestion(node, known)}.")
    return found[0]


def _ask_and_watch(state: State, request: Request, watch: Watch) -> None:
    """Asks the supervisor for something that takes a while, telling meanwhile what happens."""
    outcome: list[Answer | WindlassError] = []

    def ask() -> None:
        try:
            with State.open(state.directory) as own:
                patience_s = control.stop_timeout_s(own.workloads())
                outcome.append(control.ask(own, request, timeout_s=patience_s))
        except WindlassError as error:
            outcome.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    while asking.is_alive():
        watch.see(state.processes())
        asking.join(waiting.POLL_S)
    watch.see(state.processes())
    for one in outcome:
        if isinstance(one, WindlassError):
            raise one


def _refuse_strays(state: State) -> None:
    if left := waiting.strays(state):
        raise NotHealthy(
            f"These could not be stopped: {', '.join(left)}.", left, "See the supervisor's log."
        )
