"""What a bridge is told: one JSON file, written by the plan, read once at start."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `windlass run bridge`. No field holds a secret; `*_file` fields name files."""

    network: str
    """Name of the network; it is shown on /state, and part of CometBFT's chain id."""
    node: str
    """Name of the node that this program belongs to; it is shown on /state."""
    chain_id: int
    """Chain id (EIP-155) of the network."""
    genesis_hash: str
    """Block 0 of the Ethereum genesis that geth must have."""
    engine_url: str
    """geth's Engine API: where decided blocks are executed."""
    jwt_file: str
    """Secret of the Engine API: a file of 64 hex digits, mode 0600."""
    rpc_url: str
    """geth's ordinary HTTP RPC: transactions gathered elsewhere are sent there."""
    gather_from: tuple[str, ...] = ()
    """HTTP RPCs of the other validators' geths: before a proposal, transactions that only they have
    are gathered there."""
    geth_ipc: str
    """geth's unix socket: the only place where it builds blocks for us and takes peers."""
    abci_socket: str
    """Unix socket to serve CometBFT on; CometBFT's `proxy_app` names the same."""
    database: str
    """SQLite file: the payload log and the bridge's own state."""
    registrar_url: str | None
    """Where to ask for peers while geth has none; null: nowhere."""
    static_peers: tuple[str, ...] = ()
    """Enodes that geth was told to keep connected to."""
    health_host: str
    """IP address to listen on for HTTP."""
    health_port: int
    """TCP port of HTTP: /healthz, /readyz, /state, /metrics."""
    block_time_s: int
    """Seconds from block to block."""


class Genesis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`app_state` of CometBFT's genesis: what all bridges of a network agree on from the start."""

    ethereum_genesis_hash: str
    ethereum_genesis_timestamp: int
    fee_recipients: dict[str, str]
    """CometBFT address (40 upper-case hex digits) of each validator → its fee recipient;
    those that are added later bring theirs."""
