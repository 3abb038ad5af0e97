"""Which ports a network's workloads need.

Kept apart from the plan because a runtime must find ports before there can be a plan.
"""

from __future__ import annotations

import msgspec

from windlass.plan.site import PORT_PROTOCOLS, WELL_KNOWN_PORTS
from windlass.spec.models import Network, Role
from windlass.spec.roster import BLOCK_MAKERS, Member, roster

ENDPOINT = "gateway"
"""The workload whose RPC is the network's."""

_CHOSEN = (ENDPOINT, "dashboard", "registrar", "bootnode-0")
"""Whose ports the numbers in the spec are."""

_GETH_PORTS = ("rpc", "ws", "engine", "p2p")
_BFT_PORTS = (*_GETH_PORTS, "cometbft_p2p", "cometbft_rpc", "health")


class PortRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A port that a workload needs before it can be planned.

    `start` is the number to try first (None: any will do); if it is `fixed`, no other will do.
    `protocol` is tcp, udp or both.
    """

    network: str
    workload: str
    name: str
    protocol: str
    start: int | None
    fixed: bool


def port_requests(name: str, network: Network) -> tuple[PortRequest, ...]:
    """Every port of the network called `name`, in the order in which to give out numbers."""
    requests = [
        _request(name, network, member, port)
        for member in roster(network)
        for port in _ports(network, member.role)
    ]
    # What must have a certain number comes first, then what people look for, so that an internal
    # port never sits on a number that somebody asked for; the network's own before its nodes'.
    return tuple(
        sorted(
            requests,
            key=lambda request: (
                not request.fixed,
                request.start is None,
                request.workload != ENDPOINT,
            ),
        )
    )


def _ports(network: Network, role: Role) -> tuple[str, ...]:
    """The names of the ports that a workload of this role listens on."""
    if role == "registrar":
        return ("registrar",)
    if role == "bootnode":
        return ("bootnode", "bootnode_http")
    if role == "gateway":
        return ("rpc", "ws", "health")
    if role == "dashboard":
        return ("dashboard",)
    if role == "sealer":
        return (*_GETH_PORTS, "health")
    return _GETH_PORTS if network.consensus == "solo" else _BFT_PORTS


def _request(name: str, network: Network, member: Member, port: str) -> PortRequest:
    """The port by that name, with the number people would look for it at, if there is one."""
    start, fixed = None, False
    if port in WELL_KNOWN_PORTS and member.role not in BLOCK_MAKERS:
        start = WELL_KNOWN_PORTS[port]
    chosen: int | None = getattr(network.ports, port, None)
    if port in WELL_KNOWN_PORTS and member.name in _CHOSEN:
        start, fixed = chosen or WELL_KNOWN_PORTS[port], chosen is not None
    return PortRequest(
        network=name,
        workload=member.name,
        name=port,
        protocol=PORT_PROTOCOLS[port],
        start=start,
        fixed=fixed,
    )
