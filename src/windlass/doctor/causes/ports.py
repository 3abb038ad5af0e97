"""Ports that somebody else has."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.doctor.evidence import Evidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import excerpt, facts


def find(evidence: Evidence) -> Iterator[Finding]:
    """port-taken. A port counts only if one of its node's processes does not run as it should."""
    for network in evidence.networks:
        for node in network.nodes:
            if not node.wanted:
                continue
            for holder in node.holders:
                port = holder.port
                said = [
                    f"{row.process}: {excerpt(row.last_reason)}"
                    for row in node.processes
                    if row.last_reason
                ]
                yield Finding(
                    code="port-taken",
                    severity="error",
                    network=network.name,
                    node=node.name,
                    sentence=f"Port {port.number} of {node.name} ({port.name}) is taken by "
                    f"{holder.who}.",
                    evidence=facts([f"/proc/net lists a socket on port {port.number}", *said]),
                    next_step=f"Stop that program: {node.name} then starts by itself within "
                    "seconds.",
                )
