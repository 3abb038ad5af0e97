"""Changes of the validator set that somebody proposed and too few have signed."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.doctor.evidence import Evidence, NetworkEvidence, ProposalView
from windlass.doctor.findings import Finding
from windlass.doctor.wording import facts, listed


def find(evidence: Evidence) -> Iterator[Finding]:
    """proposal-short-of-signatures."""
    for network in evidence.networks:
        for proposal in network.proposals:
            if proposal.missing:
                yield _finding(network, proposal)


def _finding(network: NetworkEvidence, proposal: ProposalView) -> Finding:
    signed = listed(proposal.signed_by) or "nobody"
    able = f" (not yet: {listed(proposal.unsigned)})" if proposal.unsigned else ""
    return Finding(
        code="proposal-short-of-signatures",
        severity="warning",
        network=network.name,
        sentence=f"The proposal to {proposal.action} {proposal.name} in {network.name} can't be "
        f"submitted: it is signed by {signed}, and {proposal.missing} of {proposal.total} voting "
        f"power are missing.",
        evidence=facts(
            [
                f"{proposal.path} has signatures with {proposal.signed} of {proposal.total} power",
                "more than two thirds are needed",
                f"it is number {proposal.sequence}, the chain's next change",
                f"it can be submitted up to height {proposal.expires}",
            ]
        ),
        next_step=f"Have others sign it{able}: `windlass validator sign {proposal.path}`; then "
        f"`windlass validator submit {proposal.path}`. If nobody wants it any more, delete it.",
    )
