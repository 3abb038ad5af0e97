"""Where workloads will live, as a runtime tells the plan: directories, addresses and ports.

The plan asks for what it needs by name; the local runtime answers with paths below the state and
ports that it keeps, a cluster with mount points and the well-known numbers.
"""

from __future__ import annotations

from typing import Protocol

WELL_KNOWN_PORTS = {
    "rpc": 8545,
    "ws": 8546,
    "dashboard": 3000,
    "registrar": 9898,
    "bootnode": 30301,
    "bootnode_http": 8080,
}
"""The ports people look for. Keys are the fields of `ports` in the spec."""

PORT_PROTOCOLS = {
    "rpc": "tcp",  # the gateway's or a geth's HTTP RPC
    "ws": "tcp",  # the gateway's or a geth's WebSocket RPC
    "engine": "tcp",  # geth's Engine API
    "p2p": "both",  # geth's devp2p: TCP for peers, UDP for discovery
    "cometbft_p2p": "tcp",
    "cometbft_rpc": "tcp",
    "health": "tcp",  # our own programs' /healthz, /readyz, /metrics, /state
    "registrar": "tcp",
    "bootnode": "udp",
    "bootnode_http": "tcp",
    "dashboard": "tcp",  # pages, and the nodes' ethstats reports
}


class Site(Protocol):
    """A runtime's answers; each is stable for as long as the workload exists."""

    def directory(self, network: str, workload: str) -> str:
        """Absolute path of the workload's own directory (data and files)."""
        ...

    def socket(self, network: str, workload: str, name: str) -> str:
        """Absolute path for a unix socket, short enough for the kernel (107 bytes)."""
        ...

    def port(self, network: str, workload: str, name: str) -> int:
        """The number of the port of that name (a key of PORT_PROTOCOLS)."""
        ...

    def host(self, network: str, workload: str) -> str:
        """The IP address at which others reach the workload."""
        ...

    def bind(self, network: str, workload: str) -> str:
        """The IP address to listen on for peers and discovery."""
        ...
