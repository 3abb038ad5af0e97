"""Whether the chain clients that run are those that were chosen."""

from __future__ import annotations

import re
from collections.abc import Iterator

from windlass.doctor.evidence import Evidence, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import command, facts

_GETH_VERSION = re.compile(r"Geth/(?:[^/]*/)?v?(\d+\.\d+\.\d+)")


def find(evidence: Evidence) -> Iterator[Finding]:
    """wrong-binary-version."""
    for network in evidence.networks:
        for node in network.nodes:
            for program, found, where in _found(node):
                wanted = network.row.versions.get(program)
                if wanted is not None and found != wanted:
                    yield _finding(evidence, network, node, program, found, wanted, where)


def _found(node: NodeEvidence) -> Iterator[tuple[str, str, str]]:
    """Program, version and where it was read."""
    if node.geth is not None and (match := _GETH_VERSION.search(node.geth.version)):
        yield "geth", match.group(1), f"web3_clientVersion at {node.workload.rpc_url}"
    if node.cometbft is not None:
        version = node.cometbft.status.version.removeprefix("v").partition("+")[0]
        yield "cometbft", version, f"{node.workload.cometbft_url}/status"


def _finding(
    evidence: Evidence,
    network: NetworkEvidence,
    node: NodeEvidence,
    program: str,
    found: str,
    wanted: str,
    where: str,
) -> Finding:
    executable = node.executables.get(program, "")
    chosen = network.row.programs.get(program, "")
    return Finding(
        code="wrong-binary-version",
        severity="error",
        network=network.name,
        node=node.name,
        sentence=f"{node.name} runs {program} {found}, but {network.name} was started with "
        f"{program} {wanted}.",
        evidence=facts(
            [
                f"{where} says {found}",
                f"it runs {executable}" if executable else "",
                f"chosen was {chosen}" if chosen else "",
            ]
        ),
        next_step=f"`windlass binaries verify` checks the file; then `windlass up` and "
        f"{command(evidence, 'restart', node)}.",
    )
