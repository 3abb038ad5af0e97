"""What a sealer is told: one JSON file, written by the plan, read once at start."""

from __future__ import annotations

import msgspec


class Follower(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A geth that follows: the sealer feeds it each block it has sealed."""

    name: str
    """Name of its node; it is shown on /state."""
    engine_url: str
    """Its Engine API."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `windlass run sealer`. No field holds a secret; `*_file` fields name files."""

    network: str
    """Name of the network; it is shown on /state."""
    node: str
    """Name of the node that this program belongs to; it is shown on /state."""
    chain_id: int
    """Chain id (EIP-155) of the network."""
    genesis_hash: str
    """Block 0 of the Ethereum genesis that geth must have."""
    genesis_timestamp: int
    """Time of block 0, in seconds since 1970."""
    engine_url: str
    """The Engine API of the sealer's own geth."""
    jwt_file: str
    """Secret of the Engine API: a file of 64 hex digits, mode 0600; the followers share it."""
    geth_ipc: str
    """geth's unix socket: the only place where it builds blocks for us and takes peers."""
    database: str
    """SQLite file: the payload log."""
    followers: tuple[Follower, ...]
    """The geths that follow, each fed every sealed block; none: an empty list."""
    fee_recipient: str
    """Address that the fees of all blocks go to."""
    health_host: str
    """IP address to listen on for HTTP."""
    health_port: int
    """TCP port of HTTP: /healthz, /readyz, /state, /metrics."""
    block_time_s: int
    """Seconds from block to block."""
