"""The plan of a whole spec. Pure: the same spec, keys and site always give the same workloads."""

from __future__ import annotations

from collections.abc import Mapping

from windlass.plan.ethereum.network import plan_network
from windlass.plan.site import Site
from windlass.plan.workload import Workload
from windlass.spec.models import Spec
from windlass.vault.keys import NetworkKeys


def plan(spec: Spec, keys: Mapping[str, NetworkKeys], site: Site) -> list[Workload]:
    """Every workload of every network of the spec; `keys` has an entry for each network's name."""
    return [
        workload
        for name, network in spec.networks.items()
        for workload in plan_network(name, network, keys[name], site)
    ]
