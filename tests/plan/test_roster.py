"""Names and ports that are known before there is a plan."""

from __future__ import annotations

from tests.plan import examples
from windlass.plan.roster import PortRequest, port_requests
from windlass.spec.models import Ports
from windlass.spec.roster import roster


def requests(**fields: object) -> dict[tuple[str, str], PortRequest]:
    """The port requests of a network with these fields, by workload and name."""
    network = examples.network(**fields)
    return {(one.workload, one.name): one for one in port_requests("trade", network)}


def test_names_by_consensus() -> None:
    """A bft network has validators, a solo one has a sealer; both have the same helpers."""
    bft = [one.name for one in roster(examples.network(validators=2))]
    solo = [one.name for one in roster(examples.network(consensus="solo"))]

    helpers = ["bootnode-0", "bootnode-1", "registrar", "gateway", "dashboard"]
    assert bft == ["validator-0", "validator-1", "node-0", *helpers]
    assert solo == ["sealer", "node-0", *helpers]


def test_well_known_ports() -> None:
    """What people look for starts at the number they know; what they don't has none."""
    wanted = requests(nodes=2)

    assert wanted["gateway", "rpc"].start == wanted["node-1", "rpc"].start == 8545
    assert wanted["gateway", "ws"].start == 8546
    assert wanted["dashboard", "dashboard"].start == 3000
    assert wanted["registrar", "registrar"].start == 9898
    assert wanted["bootnode-0", "bootnode"].start == 30301
    assert wanted["bootnode-0", "bootnode"].protocol == "udp"
    assert wanted["bootnode-1", "bootnode_http"].start == 8080
    assert wanted["validator-0", "rpc"].start is None
    assert wanted["node-0", "engine"].start is None
    assert not any(one.fixed for one in wanted.values())


def test_chosen_ports_are_the_first_ones_only() -> None:
    """A number in the spec holds for the gateway, the dashboard, the registrar and the first
    bootnode."""
    ports = Ports(rpc=7000, registrar=7001, bootnode=7002, dashboard=7003)
    wanted = requests(nodes=2, ports=ports)

    fixed = {key: one.start for key, one in wanted.items() if one.fixed}
    assert fixed == {
        ("gateway", "rpc"): 7000,
        ("registrar", "registrar"): 7001,
        ("bootnode-0", "bootnode"): 7002,
        ("dashboard", "dashboard"): 7003,
    }


def test_the_gateway_comes_before_the_nodes() -> None:
    """The numbers that people know are the gateway's, whoever else begins to look at them."""
    order = [one.workload for one in port_requests("trade", examples.network()) if one.start]

    assert order.index("gateway") < order.index("node-0")


def test_fixed_ports_are_given_out_first() -> None:
    """Nothing automatic can take a number that the spec names, nor an internal port a known one."""
    network = examples.network(ports=Ports(registrar=8545))
    order = port_requests("trade", network)

    assert order[0].name == "registrar"
    kinds = [(not one.fixed, one.start is None) for one in order]
    assert kinds == sorted(kinds)
