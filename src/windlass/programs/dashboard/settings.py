"""What a dashboard is told: one JSON file read at start, and one of nodes that is read again."""

from __future__ import annotations

import msgspec


class Node(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A node that is expected to report.

    `cometbft_url` is the RPC of its CometBFT, which says who signed which block, and `validator`
    the address of its voting key (40 hex digits); both null where there is none."""

    name: str
    """The node's name, with which it logs in."""
    role: str
    """validator, sealer or node."""
    cometbft_url: str | None = None
    """RPC of its CometBFT."""
    validator: str | None = None
    """Address of its voting key, 40 hex digits."""
    fee_recipient: str | None = None
    """Address that gets the fees of the blocks that it makes: how a block's maker is named."""


class Nodes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file of nodes; it may be replaced while the dashboard runs."""

    nodes: tuple[Node, ...]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of `windlass run dashboard`. No field holds a secret."""

    network: str
    """Name of the network; every page shows it."""
    node: str
    """This program's own name; it is shown on /state."""
    chain_id: int
    """Chain id, which the pages show."""
    consensus: str
    """bft or solo."""
    block_time_s: int
    """Seconds from block to block; a head that is much older is an alert."""
    nodes_file: str
    """JSON file with the nodes that are expected: {"nodes": [{name, role, cometbft_url, validator,
    fee_recipient}]}. It is read again when it changes."""
    secret_file: str
    """File with the network's ethstats secret, 64 hex digits. What a node logs in with is
    HMAC-SHA256 of this secret and the node's name, in hex."""
    database: str
    """SQLite file of the history."""
    host: str
    """IP address to listen on."""
    port: int
    """TCP port of the pages, the JSON API, nodes' reports (WebSocket on /api), /healthz, /readyz,
    /state and /metrics."""
    history_hours: int = 24
    """Hours of history that are kept."""
