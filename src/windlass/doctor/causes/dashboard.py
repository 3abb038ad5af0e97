"""Nodes that the dashboard refuses, because they report with a secret that is not theirs."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.doctor.evidence import Evidence, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import command, facts

RECENT_S = 60.0
"""A geth that is refused tries again after ten seconds; an older refusal is over."""


def find(evidence: Evidence) -> Iterator[Finding]:
    """dashboard-secret-refused."""
    for network in evidence.networks:
        refused = {
            one.name: one
            for node in network.of("dashboard")
            if node.dashboard is not None
            for one in node.dashboard.refused
            if evidence.now - one.at < RECENT_S
        }
        for node in network.nodes:
            if node.name in refused:
                yield _finding(evidence, network, node, refused[node.name].address)


def _finding(
    evidence: Evidence, network: NetworkEvidence, node: NodeEvidence, address: str
) -> Finding:
    changed = next((file for file in node.changed_files if file.kind == "geth.toml"), None)
    return Finding(
        code="dashboard-secret-refused",
        severity="warning",
        network=network.name,
        node=node.name,
        sentence=f"The dashboard refuses the reports of {node.name}: its secret is wrong.",
        evidence=facts(
            [
                f"a login as {node.name} from {address or 'somewhere'} was refused",
                f"{changed.path} is {changed.found}" if changed else "",
            ]
        ),
        next_step=(
            "`windlass up` writes the file anew and restarts the node."
            if changed
            else f"{command(evidence, 'restart', node)}, so that it reads its file again; if it "
            "goes on, somebody else uses that name."
        ),
    )
