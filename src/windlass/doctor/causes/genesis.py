"""Nodes of another chain: another block 0, or the same one under another chain id.

The chain id is no part of block 0's hash, so two chains can share a genesis and still refuse each
other's transactions and peers.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from windlass.doctor.evidence import Evidence, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import command, excerpt, facts

_REFUSALS = re.compile(
    r"incompatible genesis|genesis (?:doc )?hash|genesis.*(?:mismatch|does not match|do not match)"
    r"|another Ethereum genesis|different chains|Ethereum genesis 0x|wrong chain id",
    re.IGNORECASE,
)


def find(evidence: Evidence) -> Iterator[Finding]:
    """chain-id-mismatch, genesis-mismatch."""
    for network in evidence.networks:
        for node in network.nodes:
            other_id = _chain_id(evidence, network, node)
            if other_id is not None:
                yield other_id
                continue
            said = tuple(_said(network, node))
            if said:
                yield _genesis(evidence, network, node, said)


def _chain_id(evidence: Evidence, network: NetworkEvidence, node: NodeEvidence) -> Finding | None:
    geth, wanted = node.geth, network.row.chain_id
    if geth is None or (geth.chain_id == wanted and geth.network_id == wanted):
        return None
    kind, found = ("chain id", geth.chain_id)
    if geth.chain_id == wanted:
        kind, found = ("network id", geth.network_id)
    return Finding(
        code="chain-id-mismatch",
        severity="error",
        network=network.name,
        node=node.name,
        sentence=f"The geth of {node.name} has the {kind} {found}, the network's is {wanted}.",
        evidence=facts(
            [
                f"eth_chainId at {node.workload.rpc_url} says {geth.chain_id}",
                f"net_version says {geth.network_id}",
                *_changed(node),
            ]
        ),
        next_step=_mend(evidence, node),
    )


def _said(network: NetworkEvidence, node: NodeEvidence) -> Iterator[str]:
    """Everything that says that this node has another genesis."""
    wanted = network.keys.genesis_hash if network.keys else None
    if node.geth is not None and wanted is not None and node.geth.genesis_hash != wanted:
        yield (
            f"block 0 at {node.workload.rpc_url} is {node.geth.genesis_hash}, the vault's {wanted}"
        )
    if node.driver is not None and node.driver.geth == "wrong_genesis":
        yield excerpt(node.driver.geth_detail)
    for row in node.processes:
        if row.process not in node.alive and _REFUSALS.search(row.last_reason):
            yield f"{row.process}: {excerpt(row.last_reason)}"
    yield from _changed(node)


def _changed(node: NodeEvidence) -> Iterator[str]:
    for file in node.changed_files:
        if file.kind == "genesis.json":
            yield f"{file.path} is {file.found}"


def _genesis(
    evidence: Evidence, network: NetworkEvidence, node: NodeEvidence, said: tuple[str, ...]
) -> Finding:
    runs = node.status.state == "healthy"
    later = "; it runs on, but not after its next start" if runs else ""
    return Finding(
        code="genesis-mismatch",
        severity="warning" if runs else "error",
        network=network.name,
        node=node.name,
        sentence=f"{node.name} has another genesis than {network.name}{later}.",
        evidence=facts(said),
        next_step=_mend(evidence, node),
    )


def _mend(evidence: Evidence, node: NodeEvidence) -> str:
    """Files come back from the vault; data of another chain must go, and are fed again."""
    data = next((path for one in node.workload.processes for path in one.disposable), None)
    wipe = f", `rm -r {shlex.quote(data)}`" if data else ""
    return (
        f"{command(evidence, 'stop', node)}{wipe}, then `windlass up`: it writes the genesis anew "
        "and the others give the node its blocks back."
    )
