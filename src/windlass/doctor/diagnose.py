"""From evidence to a report: all causes, then what is left without one, the root first.

A network has one trouble and many symptoms. Whatever only says that a node does not work is left
out when something says why; and what no cause explains is still told, so that the doctor never
calls healthy what the status does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from windlass.doctor.causes import (
    bootnodes,
    clock,
    consensus,
    dashboard,
    disk,
    exports,
    gateway,
    genesis,
    geth,
    jwt,
    keys,
    ports,
    proposals,
    quorum,
    running,
    vault,
    versions,
)
from windlass.doctor.evidence import Evidence, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import CAUSES, Finding, Report
from windlass.doctor.wording import command, facts, what_runs
from windlass.runtimes.local.judge import STALL_BLOCKS, STALL_S_MIN
from windlass.runtimes.local.place import Place

ALONE_S = 30.0
"""A geth meets its first peer within some seconds; a lone one is told of after this."""

_CAUSES: tuple[Callable[[Evidence], Iterator[Finding]], ...] = (
    running.find,
    vault.find,
    disk.find,
    clock.find,
    versions.find,
    ports.find,
    genesis.find,
    jwt.find,
    keys.find,
    consensus.find,
    bootnodes.find,
    geth.find,
    quorum.find,
    gateway.find,
    dashboard.find,
    exports.find,
    proposals.find,
)
_TOLD_WHEN_OFF = ("not-running", "vault-unusable", "signing-record-missing")
"""What is told of a network of which nothing runs: the others keep it from being started."""
_ORDER = {code: number for number, code in enumerate(CAUSES)}


def examine(place: Place) -> Report:
    """Looks at everything of that state and says what is wrong. Raises what opening a broken or
    newer state raises; whatever else is broken is a finding."""
    from windlass.doctor.gather import gather

    return diagnose(asyncio.run(gather(place)))


def diagnose(evidence: Evidence) -> Report:
    """The findings that the evidence supports, in the order in which to read them."""
    found = [finding for cause in _CAUSES for finding in cause(evidence)]
    off = {f.network for f in found if f.code == "not-running" and f.network and not f.node}
    found = [f for f in found if f.network not in off or f.code in _TOLD_WHEN_OFF]
    explained = {
        (finding.network, finding.node)
        for finding in found
        if CAUSES[finding.code].scope == "node" and finding.node is not None
    }
    kept = [
        finding
        for finding in found
        if CAUSES[finding.code].scope != "symptom"
        or (finding.network, finding.node) not in explained
    ]
    for network in evidence.networks:
        if network.name not in off:
            kept += _unexplained(evidence, network, kept)
    places = {
        (network.name, node.name): number
        for number, (network, node) in enumerate(
            (network, node) for network in evidence.networks for node in network.nodes
        )
    }

    def rank(finding: Finding) -> tuple[bool, int, int]:
        place = places.get((finding.network or "", finding.node or ""), -1)
        # What is stopped on purpose may be the root of an error; no other warning is.
        aside = finding.severity == "warning" and finding.code != "not-running"
        return aside, _ORDER[finding.code], place

    return Report(findings=tuple(sorted(kept, key=rank)))


def _unexplained(
    evidence: Evidence, network: NetworkEvidence, found: Iterable[Finding]
) -> list[Finding]:
    """What is wrong without a cause that was found: one finding for each node at most."""
    own = [finding for finding in found if finding.network in (network.name, None)]
    of_nodes = {finding.node for finding in own if finding.node}
    errors = [finding for finding in own if finding.severity == "error"]
    new: list[Finding] = []
    if not errors and (stalled := _stalled(evidence, network)):
        new.append(stalled)
    standstill = errors or new
    for node in network.nodes:
        if node.name in of_nodes or not node.wanted:
            continue
        if _is_alone(evidence, network, node):
            new.append(_alone(evidence, node))
        elif _is_unwell(node) and not (standstill and _only_waits(node)):
            new.append(_unwell(evidence, node))
    return new


def _stalled(evidence: Evidence, network: NetworkEvidence) -> Finding | None:
    age_s = evidence.now - (network.newest or evidence.now)
    if age_s <= max(STALL_S_MIN, STALL_BLOCKS * network.row.block_time_s):
        return None
    makers = network.makers
    return Finding(
        code="no-blocks",
        severity="error",
        network=network.name,
        sentence=f"{network.name} has made no block for {age_s:.0f} s, and no cause was found.",
        evidence=facts(
            [
                f"the newest block is {network.height}",
                *(
                    f"{node.name}: {node.status.reason or node.status.state}, round "
                    f"{node.cometbft.round.round if node.cometbft and node.cometbft.round else '?'}"
                    for node in makers
                ),
            ]
        ),
        next_step=f"{command(evidence, 'logs', makers[0])}." if makers else "`windlass logs`.",
    )


def _is_alone(evidence: Evidence, network: NetworkEvidence, node: NodeEvidence) -> bool:
    row = node.row("geth")
    others = [one for one in network.nodes if one.geth is not None and one.name != node.name]
    old = row is not None and evidence.now - row.since > ALONE_S
    return node.geth is not None and node.geth.peers == 0 and bool(others) and old


def _alone(evidence: Evidence, node: NodeEvidence) -> Finding:
    return Finding(
        code="no-peers",
        severity="error",
        network=node.workload.network,
        node=node.name,
        sentence=f"The geth of {node.name} has no peers, and no cause was found.",
        evidence=f"net_peerCount at {node.workload.rpc_url} is 0",
        next_step=f"{command(evidence, 'logs', node)}; then {command(evidence, 'restart', node)}.",
    )


def _is_unwell(node: NodeEvidence) -> bool:
    return node.status.state in ("degraded", "failed")


def _only_waits(node: NodeEvidence) -> bool:
    """Whether all its processes run and answer, so that it merely waits for the network."""
    return all(row.process in node.alive and row.ready for row in node.processes)


def _unwell(evidence: Evidence, node: NodeEvidence) -> Finding:
    return Finding(
        code="not-healthy",
        severity="error",
        network=node.workload.network,
        node=node.name,
        sentence=f"{node.name} is {node.status.state}: {node.status.reason.rstrip('.')}.",
        evidence=what_runs(node, [process.name for process in node.workload.processes]),
        next_step=f"{command(evidence, 'logs', node)}; then {command(evidence, 'restart', node)}.",
    )
