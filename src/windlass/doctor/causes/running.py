"""Whether anything is meant to run, and whether somebody looks after it."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.doctor.evidence import Evidence, NetworkEvidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import command, listed


def find(evidence: Evidence) -> Iterator[Finding]:
    """not-running, supervisor-down."""
    if evidence.state_error:
        yield Finding(
            code="not-running",
            severity="error",
            sentence="Nothing of this spec is known to run.",
            evidence=evidence.state_error,
            next_step="Start the spec's networks with `windlass up`.",
        )
    for network in evidence.networks:
        yield from _network(evidence, network)
    wanted = [node for one in evidence.networks for node in one.nodes if node.wanted]
    if wanted and evidence.supervisor_pid is None:
        yield Finding(
            code="supervisor-down",
            severity="warning",
            sentence="The supervisor does not run: whatever dies now is not brought back.",
            evidence=f"Nobody answers on the control socket of {evidence.state}.",
            next_step="`windlass up` starts it again; it takes over what runs.",
        )


def _network(evidence: Evidence, network: NetworkEvidence) -> Iterator[Finding]:
    wanted = [node for node in network.nodes if node.wanted]
    if not any(node.alive for node in network.nodes):
        reason = (
            f"{len(wanted)} of its {len(network.nodes)} nodes should run, but no process does"
            if wanted
            else "all of it was stopped on purpose"
        )
        yield Finding(
            code="not-running",
            severity="error",
            network=network.name,
            sentence=f"Nothing of {network.name} runs: {reason}.",
            evidence=f"No process in {evidence.state}/state.db is alive.",
            next_step="Start it with `windlass up`.",
        )
        return
    for node in network.nodes:
        if not node.wanted:
            processes = listed(process.name for process in node.workload.processes)
            yield Finding(
                code="not-running",
                severity="warning",
                network=network.name,
                node=node.name,
                sentence=f"{node.name} was stopped on purpose.",
                evidence=f"The state wants it stopped; its processes are {processes}.",
                next_step=f"Start it with {command(evidence, 'start', node)}.",
            )
