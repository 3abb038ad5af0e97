"""The secret that geth and whoever drives it must share."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.doctor.causes.clock import is_about_clock
from windlass.doctor.evidence import Evidence, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import command, excerpt, facts


def find(evidence: Evidence) -> Iterator[Finding]:
    """wrong-jwt."""
    for network in evidence.networks:
        for node, driver, detail in _refused(network):
            if not is_about_clock(detail):
                yield _finding(evidence, node, driver, detail)


def _refused(network: NetworkEvidence) -> Iterator[tuple[NodeEvidence, str, str]]:
    """A node whose geth refuses tokens, who was refused, and with which words."""
    for node in network.nodes:
        if node.driver is None:
            continue
        driver = "sealer" if node.has("sealer") else "bridge"
        if node.driver.geth == "unauthorized":
            yield node, f"its {driver}", node.driver.geth_detail
        for follower in node.driver.followers:
            fed = next((one for one in network.nodes if one.name == follower.name), None)
            if follower.geth == "unauthorized" and fed is not None:
                yield fed, "the sealer", follower.geth_detail


def _finding(evidence: Evidence, node: NodeEvidence, driver: str, detail: str) -> Finding:
    changed = next((file for file in node.changed_files if file.kind == "jwt.hex"), None)
    return Finding(
        code="wrong-jwt",
        severity="error",
        network=node.workload.network,
        node=node.name,
        sentence=f"The geth of {node.name} and {driver} have different JWT secrets.",
        evidence=facts([excerpt(detail), f"{changed.path} is {changed.found}" if changed else ""]),
        next_step=(
            "`windlass up` writes the secret anew and has both read it."
            if changed
            else f"{command(evidence, 'restart', node)} has both read the same file."
        ),
    )
