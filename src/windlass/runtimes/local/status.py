"""What `windlass status --json` says, as types: the documented form is made from these.

What does not apply to a node (the height of a registrar) is null, never left out.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA = 1

FOR_PEOPLE = ("uptime_s", "reason")
"""Fields of a node that tables show and the JSON document does not have."""

NodeState = Literal["starting", "healthy", "degraded", "stopped", "failed"]
ProcessState = Literal["starting", "running", "backing_off", "stopped", "failed"]


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One process of a node, as its supervisor sees it."""

    name: str
    pid: int | None
    state: ProcessState
    restarts: int


class NodeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One workload.

    `pid` is the chain client's or the program's; `rpc` is this node's own URL; `restarts` and
    `rss_bytes` (resident memory) are sums over its processes. `reason`, why it is not healthy, and
    `uptime_s` are for people only: machines ask the doctor.
    """

    name: str
    role: str
    state: NodeState
    pid: int | None
    height: int | None
    finalized: int | None
    block_hash: str | None
    peers: int | None
    rpc: str | None
    restarts: int
    rss_bytes: int | None
    uptime_s: int | None
    reason: str
    processes: list[ProcessStatus]


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Where people and programs reach the network; null where there is none."""

    rpc: str | None
    ws: str | None
    registrar: str | None
    ethstats: str | None
    dashboard: str | None


class NetworkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One network. `height` and `finalized` are the highest that any healthy validator or sealer
    reports."""

    name: str
    family: str
    consensus: str
    chain_id: int
    height: int | None
    finalized: int | None
    block_time_s: int
    endpoints: Endpoints
    nodes: list[NodeStatus]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that runs from one spec. `healthy` only if every node is."""

    schema: int = SCHEMA
    healthy: bool
    networks: list[NetworkStatus]


def to_json_value(status: Status) -> dict[str, Any]:
    """The document that `windlass status --json` prints."""
    value: dict[str, Any] = msgspec.to_builtins(status)
    for network in value["networks"]:
        for node in network["nodes"]:
            for name in FOR_PEOPLE:
                del node[name]
    return value
