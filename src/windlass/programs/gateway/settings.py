"""What a gateway is told: one JSON file read at start, and one of nodes that is read again."""

from __future__ import annotations

import msgspec


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node behind the gateway. Those of a lower `priority` are used while any of them can be:
    0 for RPC nodes, 1 for the block makers, which stand in when all RPC nodes are gone."""

    name: str
    """The node's name."""
    rpc_url: str
    """Its HTTP RPC, e.g. http://127.0.0.1:8547."""
    ws_url: str
    """Its WebSocket RPC, e.g. ws://127.0.0.1:8548."""
    priority: int = 0
    """0 is used first."""


class Nodes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file of nodes; it may be replaced while the gateway runs."""

    nodes: tuple[Node, ...]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `windlass run gateway`. No field holds a secret."""

    network: str
    """Name of the network; it is shown on /state."""
    node: str
    """This program's own name; it is shown on /state."""
    chain_id: int
    """Chain id that every node must have."""
    genesis_hash: str
    """Hash of block 0 that every node must have."""
    block_time_s: int
    """Seconds from block to block."""
    nodes_file: str
    """JSON file with the nodes: {"nodes": [{name, rpc_url, ws_url, priority}]}. It is read again
    when it changes."""
    database: str
    """SQLite file of the journal of accepted transactions."""
    host: str
    """IP address on which HTTP and WebSocket listen."""
    http_port: int
    """TCP port of JSON-RPC over HTTP."""
    ws_port: int
    """TCP port of JSON-RPC over WebSocket."""
    health_host: str
    """IP address for /healthz, /readyz, /state, /metrics and /transaction?hash=0xHASH."""
    health_port: int
    """TCP port for the same."""
    journal_transactions_max: int = 100_000
    """Accepted transactions that are not final yet; when there are so many, new ones are refused
    with a JSON-RPC error."""
    journal_sender_transactions_max: int = 16_384
    """How many of them one sender may have, so that nobody fills the journal alone."""
