"""Which workloads a network consists of, by name and role.

The one rule that the vault makes keys by and the plan workloads. Names count from 0 like those of a
StatefulSet, so that they mean the same on a machine and on a cluster.
"""

from __future__ import annotations

import msgspec

from windlass.spec.models import Network, Role

BLOCK_MAKERS: tuple[Role, ...] = ("validator", "sealer")
"""The roles without which there are no blocks, and who get the fees of those that they make."""


class Member(msgspec.Struct, frozen=True):
    """One workload of a network, by name and role."""

    name: str
    role: Role


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
    members += (Member("gateway", "gateway"), Member("dashboard", "dashboard"))
    return tuple(members)


def names(network: Network, *roles: Role) -> tuple[str, ...]:
    """The names of the network's workloads in these roles."""
    return tuple(member.name for member in roster(network) if member.role in roles)
