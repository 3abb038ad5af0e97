"""Two specs on one machine never meet, even if everything in them is called the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.support import chain
from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.wait import until
from windlass.runtimes.local.state import State


@pytest.fixture(scope="module")
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Network, Network]]:
    """Two running networks from the same text in two folders."""
    text = spec("twin", consensus="solo", chain_id=20263, bootnodes=1)
    networks = []
    try:
        for _ in range(2):
            folder = tmp_path_factory.mktemp("twin")
            register(request.config, folder)
            networks.append(Network(folder, text))
            networks[-1].up()
        yield networks[0], networks[1]
    finally:
        for network in networks:
            network.close()


def ports(network: Network) -> set[tuple[str, int]]:
    """Every port that the network's programs were given, by protocol."""
    with State.open(network.state) as state:
        return {
            (protocol, port.number)
            for workload in state.workloads()
            for port in workload.ports
            for protocol in (("tcp", "udp") if port.protocol == "both" else (port.protocol,))
        }


def _peers(network: Network, name: str) -> int:
    return int(network.node(name)["peers"] or 0)


@pytest.mark.timeout(300)
def test_they_share_no_port(pair: tuple[Network, Network]) -> None:
    """No port number is used by both."""
    first, second = map(ports, pair)
    assert first
    assert second
    assert not first & second


def test_they_share_no_process_and_no_data(pair: tuple[Network, Network]) -> None:
    """Every process belongs to one of them."""
    first, second = (set(network.pids()) for network in pair)
    assert first
    assert second
    assert not first & second


def test_no_node_of_one_knows_a_node_of_the_other(pair: tuple[Network, Network]) -> None:
    """With discovery running, each node's peers are its own network's, and the chains differ."""
    for network in pair:
        own = len(network.rpc_urls())
        for node in network.nodes("sealer", "node"):
            peers = until(partial(_peers, network, node["name"]), "peers", timeout_s=60)
            assert peers <= own - 1
    first, second = (chain.blocks(network.rpc(), 0, 0)[0][0] for network in pair)
    assert first != second


def test_stopping_one_leaves_the_other(pair: tuple[Network, Network]) -> None:
    """After `down --purge` of one, the other makes blocks and has its data."""
    gone, stays = pair
    gone.run("down", "--purge", "--yes")
    until(lambda: not gone.pids(), "the supervisor, too, has ended")
    height = stays.rpc().height()
    until(lambda: stays.rpc().height() > height + 1, "blocks of the one that stays")
    assert stays.run("status").returncode == 0
