"""Whether validators sign with the keys that the vault gave them.

One that is not in the validator set is no finding: it came after the genesis and was not added yet,
or it was removed.
"""

from __future__ import annotations

from collections.abc import Iterator

from windlass.doctor.evidence import Evidence, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import command, facts

KEY_FILE = "priv_validator_key.json"


def find(evidence: Evidence) -> Iterator[Finding]:
    """key-validator-set-mismatch."""
    for network in evidence.networks:
        powers = next((n.cometbft.validators for n in network.nodes if n.cometbft), {})
        for node in network.of("validator"):
            if said := _said(network, node, powers):
                yield _finding(network, node, said)
        for node in network.of("node"):
            address = node.cometbft.status.address if node.cometbft else None
            if address is not None and address in powers:
                yield _double(evidence, network, node, address)


def _said(network: NetworkEvidence, node: NodeEvidence, powers: dict[str, int]) -> str:
    """Why this validator's key is a wrong one; '' if it is right or nobody can tell."""
    own = network.keys.validators.get(node.name) if network.keys else None
    changed = next((file for file in node.changed_files if file.kind == KEY_FILE), None)
    file = f"{changed.path} is {changed.found}" if changed else ""
    if node.cometbft is not None and powers:
        address = node.cometbft.status.address
        if own is not None and own != address:
            return facts(
                [
                    f"{node.workload.cometbft_url}/status gives its address as {address}",
                    "/validators does not list it" if address not in powers else "",
                    f"the vault's key for it has {own}",
                    file,
                ]
            )
        return ""
    return file


def _finding(network: NetworkEvidence, node: NodeEvidence, said: str) -> Finding:
    return Finding(
        code="key-validator-set-mismatch",
        severity="error",
        network=network.name,
        node=node.name,
        sentence=f"{node.name} signs with a key that is not its own in {network.name}'s validator "
        "set: its votes do not count.",
        evidence=said,
        next_step="`windlass up` writes the vault's key anew and restarts the validator.",
    )


def _double(
    evidence: Evidence, network: NetworkEvidence, node: NodeEvidence, address: str
) -> Finding:
    owner = next(
        (name for name, one in (network.keys.validators if network.keys else {}).items()
         if one == address),
        "a validator",
    )  # fmt: skip
    return Finding(
        code="key-validator-set-mismatch",
        severity="error",
        network=network.name,
        node=node.name,
        sentence=f"{node.name} is no validator, but signs with the key of {owner}: both may sign "
        "different blocks of one height.",
        evidence=f"{node.workload.cometbft_url}/status gives its address as {address}, which "
        "/validators lists",
        next_step=f"{command(evidence, 'stop', node)} at once; `windlass up` then writes its own "
        "key anew and starts it.",
    )
