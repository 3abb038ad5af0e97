"""Whether the vault still holds what a network was made with.

What runs has its keys already, so the loss shows only at the next start: the time to hear of it is
before.
"""

from __future__ import annotations

from collections.abc import Iterator

from windlass.doctor.evidence import Evidence
from windlass.doctor.findings import Finding


def find(evidence: Evidence) -> Iterator[Finding]:
    """vault-unusable."""
    for network in evidence.networks:
        if network.keys_error:
            yield Finding(
                code="vault-unusable",
                severity="error",
                network=network.name,
                sentence=f"The vault can't give {network.name} its keys: nothing of it can be "
                "started or signed.",
                evidence=network.keys_error.rstrip("."),
                next_step=network.keys_next_step,
            )
