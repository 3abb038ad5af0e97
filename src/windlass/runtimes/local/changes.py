"""What is different between what a spec asks for and what the state holds and runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from windlass.plan.workload import Workload
from windlass.runtimes.local.process_table import Identity, is_alive
from windlass.runtimes.local.state import NetworkRow, ProcessRow, WorkloadRow
from windlass.runtimes.local.supervisor.definition import digest, file_digests

Key = tuple[str, str, str]


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Workloads by network/name. `started` are those that are as they were but do not run."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    started: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.added or self.removed or self.changed or self.started)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with what a state keeps of it."""

    rows: list[WorkloadRow]
    networks: list[NetworkRow]

    @property
    def digests(self) -> dict[Key, str]:
        """The digest that each process should run by."""
        programs = {network.name: network.programs for network in self.networks}
        return {
            (row.workload.network, row.workload.name, process.name): digest(
                process, row.workload, row.files, programs.get(row.workload.network, {})
            )
            for row in self.rows
            for process in row.workload.processes
            if row.desired == "running"
        }


def wanted(
    workloads: Iterable[Workload],
    networks: Iterable[NetworkRow],
    stopped: Collection[str] = (),
) -> Wanted:
    """The plan as the state keeps it: all of it is to run but `stopped`, by network/name."""
    rows = [
        WorkloadRow(
            workload=bare(one),
            files=file_digests(one.files),
            desired="stopped" if one.key in stopped else "running",
        )
        for one in workloads
    ]
    return Wanted(rows=rows, networks=list(networks))


def bare(workload: Workload) -> Workload:
    """The workload without the contents of its files, as the state keeps it."""
    files = tuple(msgspec.structs.replace(file, content=b"") for file in workload.files)
    return msgspec.structs.replace(workload, files=files)


def compare(now: Wanted, before: Wanted, processes: Iterable[ProcessRow]) -> Changes:
    """What must be done to get from what was wanted before, and from what runs, to `now`."""
    old = {row.workload.key: row for row in before.rows}
    new = {row.workload.key: row for row in now.rows}
    both = [key for key in new if key in old]
    old_programs = {network.name: network.programs for network in before.networks}
    new_programs = {network.name: network.programs for network in now.networks}
    changed = {
        key
        for key in both
        if _definition(new[key], new_programs) != _definition(old[key], old_programs)
    }
    idle = _idle(now, processes)
    return Changes(
        added=tuple(key for key in new if key not in old),
        removed=tuple(key for key in old if key not in new),
        changed=tuple(key for key in both if key in changed),
        started=tuple(
            key
            for key in both
            if key not in changed
            and new[key].desired == "running"
            and (old[key].desired == "stopped" or key in idle)
        ),
    )


def lives(row: ProcessRow) -> bool:
    """Whether the process that the row speaks of still runs."""
    return row.pid is not None and is_alive(Identity(row.pid, row.started, row.boot))


def _definition(row: WorkloadRow, programs: Mapping[str, Mapping[str, str]]) -> object:
    return row.workload, row.files, programs.get(row.workload.network, {})


def _idle(now: Wanted, processes: Iterable[ProcessRow]) -> set[str]:
    """Workloads of which a process does not run by its definition, by network/name."""
    running = {(row.network, row.node, row.process): row.digest for row in processes if lives(row)}
    return {
        f"{network}/{node}"
        for (network, node, process), wanted_digest in now.digests.items()
        if running.get((network, node, process)) != wanted_digest
    }
