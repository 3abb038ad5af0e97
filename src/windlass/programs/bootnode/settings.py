"""What a bootnode is told: one JSON file, written by the plan, read once at start."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `windlass run bootnode`. No field holds a secret; `key_file` names a file."""

    network: str
    """Name of the network; it is shown on /state."""
    node: str
    """This program's own name; it is shown on /state."""
    key_file: str
    """secp256k1 node key, 64 hex digits, mode 0600."""
    host: str
    """IP address that goes into our enode and ENR: where others reach us."""
    bind: str
    """IP address to listen on for discovery (UDP) and for HTTP."""
    port: int
    """UDP port of discovery (discv4)."""
    http_port: int
    """TCP port. `GET /` answers one line `enode://…@IP:PORT`; also /json, /healthz, /readyz,
    /state, /metrics."""
    table_file: str
    """JSON: the nodes we know; kept so that a restarted bootnode is useful at once."""
    seeds: tuple[str, ...] = ()
    """Enodes to ping at start: the validators. geth drops a bootnode that was not up when geth
    started; a ping from us brings us back into its table, so the order of starts is free."""
    revalidate_s: float = 10.0
    """Seconds from pinging a known node to pinging it again."""
