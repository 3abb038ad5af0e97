"""A network gets nodes and loses them, with and without their data, with and without a registrar.

The tests share one network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.processes import alive
from tests.support.transfers import Sender
from tests.support.wait import until

CHAIN_ID = 20272
LOADED = re.compile(r"Loaded most recent local block\s+number=([\d,]+)")


@pytest.fixture(scope="module")
def rich() -> Sender:
    """An account with a million ether, whose key the tests hold."""
    return Sender("scale", CHAIN_ID)


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, rich: Sender
) -> Iterator[Network]:
    """A validator and a node that find one another through a bootnode."""
    folder = tmp_path_factory.mktemp("scale")
    register(request.config, folder)
    text = spec("tide", chain_id=CHAIN_ID, accounts=[rich.address], validators=1, bootnodes=1)
    running = Network(folder, text)
    try:
        running.up()
        yield running
    finally:
        running.close()


def scale(network: Network, *words: str) -> set[str]:
    """Runs `windlass scale`; returns the names of the nodes that there are then."""
    network.run("scale", "tide", *words)
    return {one["name"] for one in network.nodes("node")}


def data(network: Network) -> Path:
    """Where the data of the second node lie."""
    return network.state / "nodes" / "tide" / "node-1"


def pids(network: Network) -> dict[str, int]:
    """The processes of the second node."""
    return {one["name"]: one["pid"] for one in network.node("node-1")["processes"]}


def loaded_at_start(network: Network) -> list[int]:
    """At which block the second node's geth began, for each of its starts."""
    log = (network.state / "logs" / "tide" / "node-1" / "geth.log").read_text()
    return [int(number.replace(",", "")) for number in LOADED.findall(log)]


@pytest.mark.timeout(300)
def test_a_node_joins_when_the_registrar_is_back(network: Network, rich: Sender) -> None:
    """A node that is started while the registrar is down has no peers; once the registrar is back
    it gets some by itself, is at the network's height, and what it is sent becomes final."""
    network.run("stop", "registrar")
    assert scale(network, "nodes=2") == {"node-0", "node-1"}
    assert network.node("node-1")["peers"] == 0
    started = pids(network)

    network.run("start", "registrar")
    until(lambda: network.node("node-1")["peers"], "the late node has peers", timeout_s=60)

    target, late = network.rpc().height(), network.rpc("node-1")
    until(lambda: late.height() >= target, "the late node is at the network's height")
    sent = rich.transfer("0x" + "cd" * 20)
    late("eth_sendRawTransaction", sent.raw)
    other = network.rpc("validator-0")
    until(lambda: other("eth_getTransactionReceipt", sent.hash), "its transfer is in a block")
    assert pids(network) == started, "it was not restarted for it"


@pytest.mark.timeout(300)
def test_data_of_a_node_that_goes(network: Network) -> None:
    """`scale` down ends the node's programs and keeps its data, from which it goes on when it is
    back; with --purge its data are deleted, and nobody else's."""
    scale(network, "nodes=2")
    until(lambda: network.rpc("node-1").height() > 2, "the node has blocks")
    height, before = network.rpc("node-1").height(), pids(network)
    starts = len(loaded_at_start(network))

    assert scale(network, "nodes=1") == {"node-0"}
    assert not [pid for pid in before.values() if alive(pid)]
    assert data(network).is_dir()

    assert scale(network, "nodes=2") == {"node-0", "node-1"}
    assert loaded_at_start(network)[starts] >= height

    assert scale(network, "nodes=1", "--purge") == {"node-0"}
    assert not data(network).exists()
    assert data(network).with_name("node-0").is_dir()
    assert network.status()["healthy"] is True


@pytest.mark.parametrize("away", ["gateway", "node-0"])
def test_money_moves_while_one_is_away(network: Network, away: str) -> None:
    """With the gateway stopped the verbs ask a node; with the only node stopped the gateway asks
    the validator."""
    network.run("stop", away)
    try:
        sent = json.loads(network.run("send", "treasury", "1", "--json").stdout)
        assert sent["value_wei"] == str(10**18)
        listed = json.loads(network.run("accounts", "list", "--json").stdout)
        assert all(one["balance_wei"] is not None for one in listed["accounts"])
    finally:
        network.run("start", away)


def test_clients_stay_connected_while_nodes_come_and_go(network: Network) -> None:
    """The gateway hears of other nodes without a restart: one connection outlives all of them."""
    endpoints = network.network()["endpoints"]
    gateway = network.node("gateway")["pid"]
    with connect(endpoints["ws"]) as client:
        for nodes in ("nodes=0", "nodes=2", "nodes=1"):
            scale(network, nodes)
            client.send('{"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}')
            assert int(json.loads(client.recv(timeout=30))["result"], 16) > 0
    assert network.node("gateway")["pid"] == gateway
    assert network.network()["endpoints"] == endpoints


def test_a_network_that_is_down_has_no_balances(network: Network) -> None:
    """Accounts are listed all the same, and why there are no balances is said; to send fails."""
    network.run("down")
    try:
        listed = network.run("accounts", "list")
        assert "treasury" in listed.stdout
        assert "No balances: Nobody answers for tide" in listed.stderr
        refused = network.run("send", "treasury", "1", check=False)
        assert refused.returncode == 1
        assert "Nobody answers for tide" in refused.stderr
    finally:
        network.up()
