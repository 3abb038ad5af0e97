"""What a bridge is told: one JSON file, written by the plan, read once at start."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `windlass run bridge`. No field holds a secret; `*_file` fields name files."""

    network: str
    node: str
    chain_id: int
    genesis_hash: str
    """Block 0 of the Ethereum genesis that geth must have."""
    engine_url: str
    jwt_file: str
    """64 hex digits, mode 0600 (Engine API authentication)."""
    rpc_url: str
    """geth's ordinary HTTP RPC: what is gathered elsewhere is sent there (gathering.py)."""
    gather_from: tuple[str, ...] = ()
    """The same of the other validators' geths: see gathering.py."""
    geth_ipc: str
    """geth's unix socket: the only place where it builds blocks for us and takes peers."""
    abci_socket: str
    database: str
    """SQLite file: the payload log and the bridge's own state."""
    registrar_url: str | None
    """Where to ask for peers while geth has none."""
    static_peers: tuple[str, ...] = ()
    """Enodes that geth was told to keep connected to."""
    health_host: str
    health_port: int
    block_time_s: int


class Genesis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`app_state` of CometBFT's genesis: what all bridges of a network agree on from the start."""

    ethereum_genesis_hash: str
    ethereum_genesis_timestamp: int
    fee_recipients: dict[str, str]
    """CometBFT address (40 upper-case hex digits) of each validator → its fee recipient."""
