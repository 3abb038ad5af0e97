"""Two networks in one file: all verbs know which one is meant, or ask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.journeys.conftest import together
from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.rpc import Rpc
from tests.support.wait import until

ADDRESS = "0x" + "ab" * 20
AMBIGUOUS = [
    ("accounts", "list"),
    ("accounts", "new", "shop"),
    ("fund", ADDRESS),
    ("send", ADDRESS, "1"),
    ("logs", "sealer"),
    ("start", "sealer"),
    ("stop", "sealer"),
    ("restart", "sealer"),
]


@pytest.fixture(scope="module")
def networks(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Network]:
    """`east` and `west`, a sealer each, from one windlass.yaml and one `up`."""
    folder = tmp_path_factory.mktemp("networks")
    register(request.config, folder)
    text = together(
        spec("east", consensus="solo", chain_id=20270, nodes=0, bootnodes=1),
        spec("west", consensus="solo", chain_id=20271, nodes=0, bootnodes=1),
    )
    running = Network(folder, text)
    try:
        running.up()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def clients(networks: Network) -> dict[str, Rpc]:
    """A client of each network's own address."""
    return {one["name"]: Rpc(one["endpoints"]["rpc"]) for one in networks.status()["networks"]}


def states(networks: Network) -> dict[str, str]:
    """The state of each network's sealer."""
    return {
        f"{one['name']}/{node['name']}": node["state"]
        for one in networks.status()["networks"]
        for node in one["nodes"]
        if node["role"] == "sealer"
    }


def _has_block(client: Rpc, number: int) -> bool:
    return client.height() >= number


def balance(client: Rpc) -> int:
    """What the address of these tests has there, in wei."""
    return int(client("eth_getBalance", ADDRESS, "latest"), 16)


@pytest.mark.timeout(300)
def test_one_up_starts_both(networks: Network, clients: dict[str, Rpc]) -> None:
    """Both are healthy, both make blocks, each of its own chain, and the status shows both."""
    status = networks.run("status")
    assert status.returncode == 0
    assert "east" in status.stdout
    assert "west" in status.stdout
    assert states(networks) == {"east/sealer": "healthy", "west/sealer": "healthy"}
    for name, chain_id in (("east", 20270), ("west", 20271)):
        assert int(clients[name]("eth_chainId"), 16) == chain_id
        after = clients[name].height() + 1
        until(partial(_has_block, clients[name], after), f"blocks of {name}")


@pytest.mark.parametrize("arguments", AMBIGUOUS, ids=" ".join)
def test_what_fits_both_is_refused(networks: Network, arguments: tuple[str, ...]) -> None:
    """Without --network it is wrong usage, and the sentence names both and the option."""
    running = set(networks.pids())
    refused = networks.run(*arguments, check=False)
    assert refused.returncode == 2
    for word in ("east", "west", "--network"):
        assert word in refused.stderr
    assert set(networks.pids()) == running


def test_money_goes_to_the_network_that_is_named(
    networks: Network, clients: dict[str, Rpc]
) -> None:
    """`send` and `fund` on one network change nothing on the other; each has its own accounts."""
    networks.run("fund", ADDRESS, "3", "--network", "east")
    networks.run("send", ADDRESS, "2", "--network", "west")
    assert balance(clients["east"]) == 3 * 10**18
    assert balance(clients["west"]) == 2 * 10**18
    networks.run("accounts", "new", "shop", "--network", "east")
    assert "shop" in networks.run("accounts", "list", "--network", "east").stdout
    assert "shop" not in networks.run("accounts", "list", "--network", "west").stdout


def test_logs_of_one_network(networks: Network) -> None:
    """With --network the logs are that network's; without it and without a node they are all."""
    everything = networks.run("logs").stdout
    assert "east/sealer/geth |" in everything
    assert "west/sealer/geth |" in everything
    only = networks.run("logs", "sealer", "--network", "west").stdout
    assert "Chain ID:  20271" in only
    assert "20270" not in only


def test_stopping_in_one_leaves_the_other(networks: Network, clients: dict[str, Rpc]) -> None:
    """`stop --network` ends that sealer alone; the other network goes on, and `start` mends it."""
    networks.run("stop", "sealer", "--network", "east")
    assert states(networks) == {"east/sealer": "stopped", "west/sealer": "healthy"}
    after = clients["west"].height() + 2
    until(partial(_has_block, clients["west"], after), "blocks of the other")
    networks.run("start", "sealer", "--network", "east")
    until(lambda: networks.status()["healthy"], "both are healthy again")


def test_down_removes_both(networks: Network) -> None:
    """`down --purge --yes` leaves no process and no data of either."""
    assert networks.pids() != []
    networks.run("down", "--purge", "--yes")
    until(lambda: not networks.pids(), "the supervisor, too, has ended")
    assert not (networks.state / "nodes").exists()
    assert not (networks.state / "vault").exists()
