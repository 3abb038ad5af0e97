"""What a sealer is told: one JSON file, written by the plan, read once at start."""

from __future__ import annotations

import msgspec


class Follower(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A geth that follows: the sealer feeds it each block it has sealed."""

    name: str
    engine_url: str


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `windlass run sealer`. No field holds a secret; `*_file` fields name files."""

    network: str
    node: str
    chain_id: int
    genesis_hash: str
    genesis_timestamp: int
    engine_url: str
    """The Engine API of the sealer's own geth."""
    jwt_file: str
    """64 hex digits, mode 0600; the network's followers share it."""
    geth_ipc: str
    database: str
    """SQLite file: the payload log."""
    followers: tuple[Follower, ...]
    fee_recipient: str
    health_host: str
    health_port: int
    block_time_s: int
