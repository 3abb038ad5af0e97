"""What a registrar is told: one JSON file, written by the plan, read once at start."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `windlass run registrar`. No field holds a secret.

    The bootnodes come from `bootnodes` (URLs) or, when that is empty, from the DNS name in
    `bootnode_service`; the environment variable BOOTNODE_SERVICE wins over both.
    """

    network: str
    """Name of the network; it is shown on /state."""
    node: str
    """This program's own name; it is shown on /state."""
    bind: str
    """IP address to listen on."""
    port: int
    """TCP port. `GET /`: the comma-joined enodes; also /json, /static-nodes.json, /healthz,
    /readyz, /state, /metrics."""
    bootnodes: tuple[str, ...] = ()
    """URLs of bootnodes' HTTP side, e.g. http://127.0.0.1:8080."""
    bootnode_service: str | None = None
    """DNS name whose addresses are the bootnodes, each asked on port 8080; one that the name no
    longer gives is asked on until it fails three times."""
    poll_s: float = 2.0
    """Seconds from asking each bootnode to asking it again."""
    request_timeout_s: float = 2.0
    """Seconds that a bootnode, or the name server, has for its answer."""
    keep_s: float = 86400.0
    """Seconds that a bootnode which stopped answering is still listed while no other is alive."""
