"""Which workloads a network consists of, and which ports each of them needs.

Kept apart from the plan because a runtime must find ports, and the vault make keys, before there
can be a plan. Names count from 0 like those of a StatefulSet, so that they mean the same on a
machine and on a cluster.
"""

from __future__ import annotations

import msgspec

from windlass.plan.site import PORT_PROTOCOLS, WELL_KNOWN_PORTS
from windlass.spec.models import Network, Role

_GETH_PORTS = ("rpc", "ws", "engine", "p2p")
_BFT_PORTS = (*_GETH_PORTS, "cometbft_p2p", "cometbft_rpc", "health")


class Member(msgspec.Struct, frozen=True):
    """One workload of a network, by name and role."""

    name: str
    role: Role


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


def roster(network: Network) -> tuple[Member, ...]:
    """The network's workloads in the order in which people read them: block makers first."""
    members: list[Member] = []
    if network.consensus == "solo":
        members.append(Member("sealer", "sealer"))
    else:
        members += (Member(f"validator-{i}", "validator") for i in range(network.validators))
    members += (Member(f"node-{i}", "node") for i in range(network.nodes))
    members += (Member(f"bootnode-{i}", "bootnode") for i in range(network.bootnodes))
    if network.bootnodes:
        members.append(Member("registrar", "registrar"))
    return tuple(members)


def names(network: Network, role: Role) -> tuple[str, ...]:
    """The names of the network's workloads of one role."""
    return tuple(member.name for member in roster(network) if member.role == role)


def block_makers(network: Network) -> tuple[str, ...]:
    """The workloads without which there are no blocks: the validators, or the sealer."""
    return names(network, "sealer" if network.consensus == "solo" else "validator")


def endpoint(network: Network) -> str:
    """The workload whose RPC is the network's: a node, so that no application loads a validator."""
    return (names(network, "node") or block_makers(network))[0]


def port_requests(name: str, network: Network) -> tuple[PortRequest, ...]:
    """Every port of the network called `name`, in the order in which to give out numbers."""
    requests = [
        _request(name, network, member, port)
        for member in roster(network)
        for port in _ports(network, member.role)
    ]
    # What must have a certain number comes first, then what people look for, so that an internal
    # port never sits on a number that somebody asked for.
    return tuple(sorted(requests, key=lambda request: (not request.fixed, request.start is None)))


def _ports(network: Network, role: Role) -> tuple[str, ...]:
    """The names of the ports that a workload of this role listens on."""
    if role == "registrar":
        return ("registrar",)
    if role == "bootnode":
        return ("bootnode", "bootnode_http")
    if role == "sealer":
        return (*_GETH_PORTS, "health")
    return _GETH_PORTS if network.consensus == "solo" else _BFT_PORTS


def _request(name: str, network: Network, member: Member, port: str) -> PortRequest:
    """The port by that name, with the number people would look for it at, if there is one."""
    start, fixed = None, False
    if port in WELL_KNOWN_PORTS and member.role not in ("validator", "sealer"):
        start = WELL_KNOWN_PORTS[port]
    chosen: int | None = getattr(network.ports, port, None)
    if port in WELL_KNOWN_PORTS and member.name in (endpoint(network), "bootnode-0", "registrar"):
        start, fixed = chosen or WELL_KNOWN_PORTS[port], chosen is not None
    return PortRequest(
        network=name,
        workload=member.name,
        name=port,
        protocol=PORT_PROTOCOLS[port],
        start=start,
        fixed=fixed,
    )
