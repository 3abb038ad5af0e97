"""Makes the state's wishes true: which processes there are, in which order they start and end.

One `Runner` per process does the work. The supervisor reads the wishes anew at each `apply`, tells
every runner what it should be, and answers two questions: whose turn it is to start, and what must
follow when something ended. Order costs time, so it is kept to what matters: within a rank all
start at once, a process waits only for those that its plan names, and a rank waits for the ranks
below it no longer than `RANK_WAIT_S`: until they are up, or, for our own programs, until they are
running. Those are light, and geths that start, which are not, keep two cores busy for seconds: with
the bootnodes, the registrar and a node's bridge begun meanwhile, the default network is healthy
after 7.5 s instead of 8.8, for a first block after 4.2 s instead of 3.7 (medians of five).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Iterable

from windlass.kit.errors import WindlassError
from windlass.plan.workload import Workload
from windlass.runtimes.local import process_table
from windlass.runtimes.local.changes import lives
from windlass.runtimes.local.control import STOP_MARGIN_S
from windlass.runtimes.local.errors import NotHealthy
from windlass.runtimes.local.launcher import WINDLASS
from windlass.runtimes.local.ports import Reservations
from windlass.runtimes.local.process_table import Identity, Living
from windlass.runtimes.local.state import ProcessRow, State, WorkloadRow
from windlass.runtimes.local.supervisor.definition import digest
from windlass.runtimes.local.supervisor.machine import Life, missed_death
from windlass.runtimes.local.supervisor.runner import (
    RESTART_GRACE_S,
    Runner,
    Surroundings,
    Target,
)

RANK_WAIT_S = 8.0
"""A node that is slow to start must not keep those after it from starting."""

STRANGER_GRACE_S = 20.0

log = logging.getLogger(__name__)
Key = tuple[str, str, str]


class Supervisor:
    """All runners of one state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._runners: dict[Key, Runner] = {}
        self._workloads: dict[str, Workload] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}
        self._reservations = Reservations()
        self._line_since = 0.0
        self._applying = asyncio.Lock()
        self._unrecorded: dict[Key, ProcessRow] = {}
        self._surroundings = Surroundings(
            state=state.directory,
            may_start=self._may_start,
            record=self._record,
            changed=self._wake_all,
            before_launch=self._before_launch,
            ended=self._ended,
        )

    @property
    def runners(self) -> Iterable[Runner]:
        """Every runner there is now."""
        return self._runners.values()

    # -- wishes -----------------------------------------------------------------------------

    async def adopt(self) -> None:
        """Takes over what a former supervisor left, and ends what nobody knows any more."""
        rows = {(row.network, row.node, row.process): row for row in self._state.processes()}
        wanted = {
            (workload.network, workload.name, process.name)
            for workload in self._state.workloads()
            for process in workload.processes
        }
        known = {
            Identity(r.pid, r.started, r.boot) for k, r in rows.items() if r.pid and k in wanted
        }
        strangers = [who for who in process_table.owned(self._state.directory) if who not in known]
        await asyncio.gather(*(_end_stranger(who) for who in strangers))
        for key in rows.keys() - wanted:
            if not lives(rows[key]):  # one that cannot be ended must stay known
                self._forget_row(key)
        await self.apply(adopted=rows)

    async def apply(self, adopted: dict[Key, ProcessRow] | None = None) -> None:
        """Reads what is wanted and tells every runner; returns before all of it is true.

        Raises NotHealthy, after doing all the rest, if something that must go does not.
        """
        async with self._applying:
            rows = self._state.workload_rows()
            programs = {network.name: network.programs for network in self._state.networks()}
            wanted = {row.workload.key for row in rows}
            left = await self._remove([w for k, w in self._workloads.items() if k not in wanted])
            for row in rows:
                self._workloads[row.workload.key] = row.workload
                own = programs.get(row.workload.network, {})
                left += await self._update(row, own, adopted or {})
            self._line_since = time.monotonic()
            for row in rows:
                runners = self._of(row.workload)
                if row.desired == "stopped":
                    if not all(runner.is_gone for runner in runners):
                        self._spawn_stop(row.workload)
                    continue
                if not any(runner.is_alive for runner in runners):
                    self._reserve(row.workload)  # else it would stand in its own processes' way
                self._cancel_stop(row.workload)
                for runner in runners:
                    runner.start(in_line=True)
            self._wake_all()
            _refuse(left)

    async def restart(self, network: str, name: str) -> bool:
        """Ends a node's processes in order and starts them anew; False if there is no such node.

        Raises NotHealthy if one does not end; it is started as soon as it has.
        """
        async with self._applying:
            workload = self._workloads.get(f"{network}/{name}")
            if workload is None:
                return False
            wanted = [runner for runner in self._of(workload) if runner.wanted]
            left = await self._stop(workload)
            for runner in wanted:
                runner.start(in_line=False)
            _refuse(left)
            return True

    async def stop_all(self) -> None:
        """Ends everything: what started last goes first, in a workload as between ranks.

        Raises NotHealthy, after all the rest has ended, if something does not.
        """
        async with self._applying:
            _refuse(await self._stop_ranks(self._workloads.values()))

    async def leave(self) -> None:
        """Lets go of everything; the processes go on without a supervisor."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._reservations.release_all()

    # -- putting wishes into effect ---------------------------------------------------------

    async def _update(
        self, row: WorkloadRow, programs: dict[str, str], adopted: dict[Key, ProcessRow]
    ) -> list[Runner]:
        workload = row.workload
        names = {process.name for process in workload.processes}
        runners = self._of(workload, all_of_them=True)
        dropped = [one for one in runners if one.target.process.name not in names]
        left = [runner for runner in dropped if not await self._forget(runner)]
        for process in workload.processes:
            key = (workload.network, workload.name, process.name)
            target = Target(
                workload=workload,
                process=process,
                programs=programs,
                digest=digest(process, workload, row.files, programs),
            )
            if key in self._runners:
                self._runners[key].retarget(target)
            else:
                self._add(key, target, adopted.get(key))
        return left

    def _add(self, key: Key, target: Target, row: ProcessRow | None) -> None:
        life = Life() if row is None else Life(restarts=row.restarts, wipes=row.wipes)
        runner = Runner(target, self._surroundings, life)
        self._runners[key] = runner
        living = _still_running(row) if row is not None else None
        if living is not None and row is not None:
            log.info("adopted", extra={"child": target.key, "pid": row.pid})
            runner.adopt(living, row.digest)
            runner.retarget(target)
        elif row is not None and row.pid is not None and row.desired == "running":
            runner.life = missed_death(life)
        self._tasks[key] = asyncio.create_task(runner.run(), name=target.key)

    async def _remove(self, workloads: list[Workload]) -> list[Runner]:
        """Ends and forgets these; returns what did not end, which stays known."""
        left = await self._stop_ranks(workloads)
        for workload in workloads:
            for runner in self._of(workload, all_of_them=True):
                if runner not in left and not await self._forget(runner):
                    left.append(runner)
            if not self._of(workload, all_of_them=True):
                del self._workloads[workload.key]
        return left

    async def _forget(self, runner: Runner) -> bool:
        """Ends it and forgets it; False if it does not end: then its row must stay, or nobody would
        know of the process."""
        workload, process = runner.target.workload, runner.target.process
        if not await self._gone(runner):
            return False
        key = (workload.network, workload.name, process.name)
        task = self._tasks.pop(key)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        del self._runners[key]
        self._forget_row(key)
        return True

    def _forget_row(self, key: Key) -> None:
        try:
            self._state.remove_process(*key)
        except WindlassError as error:
            log.warning("cannot be forgotten", extra={"child": key, "reason": str(error)})

    def _spawn_stop(self, workload: Workload) -> None:
        async def stop() -> None:
            await self._stop(workload)

        key = (workload.network, workload.name, "")
        if key not in self._tasks or self._tasks[key].done():
            self._tasks[key] = asyncio.create_task(stop(), name=f"stop {workload.key}")

    def _cancel_stop(self, workload: Workload) -> None:
        task = self._tasks.pop((workload.network, workload.name, ""), None)
        if task is not None:
            task.cancel()

    async def _stop_ranks(self, workloads: Iterable[Workload]) -> list[Runner]:
        workloads = list(workloads)
        left: list[Runner] = []
        for rank in sorted({workload.rank for workload in workloads}, reverse=True):
            peers = [workload for workload in workloads if workload.rank == rank]
            for found in await asyncio.gather(*(self._stop(workload) for workload in peers)):
                left += found
        return left

    async def _stop(self, workload: Workload) -> list[Runner]:
        """Ends a workload's processes, the last one first, each when the one before is gone.

        Returns what did not end.
        """
        for port in workload.ports:
            self._reservations.release(port.number)
        return [runner for runner in reversed(self._of(workload)) if not await self._gone(runner)]

    async def _gone(self, runner: Runner) -> bool:
        runner.stop()
        deadline = time.monotonic() + runner.target.process.stop_grace_s + STOP_MARGIN_S
        while not runner.is_gone:
            if time.monotonic() > deadline:
                log.error("is not gone", extra={"child": runner.target.key})
                return False
            await asyncio.sleep(0.01)
        return True

    # -- what runners ask -------------------------------------------------------------------

    def _may_start(self, runner: Runner) -> bool:
        workload = runner.target.workload
        siblings = {one.target.process.name: one for one in self._of(workload)}
        if not all(siblings[name].is_up for name in runner.target.process.starts_after):
            return False
        if not runner.in_line or time.monotonic() - self._line_since > RANK_WAIT_S:
            return True
        source = runner.target.process.bootnodes_from
        is_own = runner.target.process.command.program == WINDLASS
        return all(
            other.is_settled or (is_own and other.is_alive)
            for other in self._runners.values()
            if other.target.workload.rank < workload.rank
            or (source is not None and other.target.workload.url == source)
        )

    def _before_launch(self, runner: Runner) -> None:
        for port in runner.target.workload.ports:
            self._reservations.release(port.number)

    def _ended(self, runner: Runner) -> None:
        """Those that cannot do without it start anew, too."""
        name = runner.target.process.name
        for other in self._of(runner.target.workload):
            if name in other.target.process.restarts_with and other.wanted:
                other.restart(f"its {name} started anew", grace_s=RESTART_GRACE_S)

    def _wake_all(self) -> None:
        for runner in self._runners.values():
            runner.wake()

    def _record(self, row: ProcessRow) -> None:
        """Keeps what is known of a process. A full disk must not end the supervisor: what could
        not be written is tried again with the next record and by `flush`."""
        key = (row.network, row.node, row.process)
        try:
            self._state.set_process(row)
            self._unrecorded.pop(key, None)
        except WindlassError as error:
            if not self._unrecorded:
                log.error("cannot be recorded", extra={"reason": str(error)})  # noqa: TRY400
            self._unrecorded[key] = row

    def flush(self) -> None:
        """Tries again to write what could not be written."""
        for row in list(self._unrecorded.values()):
            self._record(row)

    # -- plumbing ---------------------------------------------------------------------------

    def _reserve(self, workload: Workload) -> None:
        for port in workload.ports:
            try:
                self._reservations.hold(port.number, port.protocol, port.address)
            except WindlassError as error:
                log.warning("cannot hold a port", extra={"reason": str(error)})

    def _of(self, workload: Workload, *, all_of_them: bool = False) -> list[Runner]:
        """The workload's runners in its plan's order; or all, also those it no longer names."""
        if all_of_them:
            return [r for r in self._runners.values() if r.target.workload.key == workload.key]
        keys = [(workload.network, workload.name, process.name) for process in workload.processes]
        return [self._runners[key] for key in keys if key in self._runners]


def _refuse(left: list[Runner]) -> None:
    if left:
        names = [runner.target.key for runner in left]
        raise NotHealthy(f"These do not end: {', '.join(names)}.", names, "See the machine's log.")


async def _end_stranger(who: Identity) -> None:
    """Ends a process that carries our mark but that no row describes: its start was never written
    down, or it is wanted no more; nobody knows what it was started from."""
    living = Living.grip(who)
    if living is None:
        return
    log.warning("ends what nobody knows", extra={"pid": who.pid})
    try:
        for number, wait_s in ((signal.SIGTERM, STRANGER_GRACE_S), (signal.SIGKILL, STOP_MARGIN_S)):
            living.signal(number)
            living.signal(signal.SIGCONT)
            deadline = time.monotonic() + wait_s
            while process_table.is_alive(who):
                await asyncio.sleep(0.02)
                if time.monotonic() > deadline:
                    break
    finally:
        living.release()


def _still_running(row: ProcessRow) -> Living | None:
    if row.pid is None:
        return None
    return Living.grip(Identity(row.pid, row.started, row.boot))
