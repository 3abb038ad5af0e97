"""All workloads of one Ethereum network, in the order in which they start."""

from __future__ import annotations

from collections.abc import Callable

from windlass.plan.ethereum.bootnode import bootnode
from windlass.plan.ethereum.context import Context
from windlass.plan.ethereum.dashboard import dashboard
from windlass.plan.ethereum.gateway import gateway
from windlass.plan.ethereum.node import node
from windlass.plan.ethereum.registrar import registrar
from windlass.plan.ethereum.sealer import sealer
from windlass.plan.ethereum.validator import validator
from windlass.plan.site import Site
from windlass.plan.workload import Workload
from windlass.spec.models import Network, Role
from windlass.spec.roster import roster
from windlass.vault.keys import NetworkKeys

_PLANS: dict[Role, Callable[[Context, str], Workload]] = {
    "validator": validator,
    "sealer": sealer,
    "node": node,
    "bootnode": bootnode,
    "registrar": registrar,
    "gateway": gateway,
    "dashboard": dashboard,
}


def plan_network(name: str, network: Network, keys: NetworkKeys, site: Site) -> list[Workload]:
    """The workloads of the network called `name`, low ranks first."""
    context = Context(name=name, network=network, keys=keys, site=site)
    workloads = [_PLANS[member.role](context, member.name) for member in roster(network)]
    return sorted(workloads, key=lambda workload: workload.rank)
