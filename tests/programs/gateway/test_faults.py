"""Nothing that was acknowledged is lost: whoever is killed, frozen or wiped, and whenever."""

from __future__ import annotations

import contextlib
import http.client
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import GatewayNetwork, WebSocketGeth
from tests.support.logs import register
from tests.support.rpc import Rpc, RpcError
from tests.support.transfers import Sender, Signed
from tests.support.wait import until

TO = "0x" + "88" * 20
POINTS = (
    "journal-before-commit",
    "journal-after-commit",
    "node-answered",
    "before-answer",
    "block-followed",
)


@pytest.fixture(scope="module")
def network(
    geth_binary: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[GatewayNetwork]:
    """One of this module's own: its tests kill everything."""
    folder = tmp_path_factory.mktemp("faults")
    register(request.config, folder)
    network = GatewayNetwork(geth_binary, folder, accounts=12)
    try:
        yield network.start()
    finally:
        network.close()


def _included(network: GatewayNetwork, signed: list[Signed]) -> None:
    """All of them are final, each once, as the maker says."""
    rpc = network.maker.rpc
    for one in signed:
        until(
            lambda one=one: rpc("eth_getTransactionReceipt", one.hash),  # type: ignore[misc]
            f"{one.hash} is final",
            timeout_s=60,
        )


def _healthy(network: GatewayNetwork) -> None:
    for geth in network.geths:
        if geth.process is None:
            geth.spawn()
    gateway = network.gateway
    if gateway.process is None or gateway.process.poll() is not None:
        gateway.start()
    until(
        lambda: all(node["usable"] for node in gateway.state()["nodes"]),
        "all nodes are used",
        timeout_s=60,
    )


def _send(rpc: Rpc, sender: Sender, count: int) -> list[Signed]:
    """Sends so many; returns those that were acknowledged, and ends at the first that was not."""
    accepted: list[Signed] = []
    with contextlib.suppress(OSError, http.client.HTTPException):
        for _ in range(count):
            signed = sender.transfer(TO)
            rpc("eth_sendRawTransaction", signed.raw)
            accepted.append(signed)
    return accepted


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_it_loses_nothing(network: GatewayNetwork, point: str) -> None:
    """The gateway dies there while a client sends: what was acknowledged becomes final, and what
    was not acknowledged can be sent again."""
    _healthy(network)
    sender = network.senders[POINTS.index(point)]
    height = network.gateway.rpc.height()
    assert network.gateway.stop() == 0
    network.gateway.start(fault=f"{point}:6")
    accepted = _send(network.gateway.rpc, sender, 30)
    if point == "block-followed":
        until(lambda: network.gateway.process.poll() is not None, "it has died")  # type: ignore[union-attr]
    assert network.gateway.died() == -signal.SIGKILL
    network.gateway.start()
    rpc = network.gateway.rpc
    assert rpc.height() >= height
    for signed in sender.signed[len(accepted) :]:
        with contextlib.suppress(RpcError):  # it may be known, or in a block already
            rpc("eth_sendRawTransaction", signed.raw)
    _included(network, sender.signed)
    until(lambda: network.gateway.state()["journal"]["pending"] == 0, "the journal is empty")
    assert network.gateway.state()["journal"]["dropped"] == 0


def test_killed_nodes_lose_nothing(network: GatewayNetwork) -> None:
    """Every geth is killed with a full pool, and started again: what was accepted is final."""
    _healthy(network)
    sender = network.senders[7]
    network.solo.kill_sealer()  # nothing is included, so everything is in pools only
    accepted = _send(network.gateway.rpc, sender, 50)
    assert len(accepted) == 50
    for geth in network.geths:
        geth.kill()
    until(lambda: network.gateway.page("/readyz")[0] == 503, "it is not ready")
    assert "geth-1" in network.gateway.page("/readyz")[1]
    with pytest.raises(RpcError, match="no node of this network can answer") as refused:
        network.gateway.rpc("eth_getBalance", sender.address, "latest")
    assert refused.value.code == -32002
    network.solo.start()
    _included(network, accepted)


def test_a_call_goes_to_another_node_when_its_own_dies(network: GatewayNetwork) -> None:
    """Reads and writes go on without an error while RPC nodes are killed under them."""
    _healthy(network)
    sender = network.senders[8]
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        rpc = network.gateway.rpc
        height = 0
        try:
            while not stop.is_set():
                now = rpc.height()
                assert now >= height
                height = now
                rpc("eth_getBalance", sender.address, "latest")
                rpc("eth_getBlockByNumber", hex(height), False)["hash"]
        except BaseException as error:
            failures.append(error)
            raise

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    accepted: list[Signed] = []
    try:
        for node in network.nodes:
            accepted += _send(network.gateway.rpc, sender, 10)
            node.kill()
            accepted += _send(network.gateway.rpc, sender, 10)
            node.spawn()
            _healthy(network)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert failures == []
    assert accepted == sender.signed
    assert len(accepted) == 40
    _included(network, accepted)


def test_a_frozen_node_is_given_up(network: GatewayNetwork) -> None:
    """It keeps its ports and answers nothing: it is left out, and calls that it had are answered
    by another one."""
    _healthy(network)
    rpc = Rpc(network.gateway.url, timeout_s=30)
    frozen = network.nodes[0]
    frozen.freeze()
    try:
        for _ in range(6):
            assert int(rpc("eth_getBalance", network.senders[0].address, "latest"), 16) > 0
        until(lambda: not _node(network, frozen)["usable"], "it is left out")
        before = rpc.height()
        until(lambda: rpc.height() > before + 1, "heights go on")
    finally:
        frozen.thaw()
    until(lambda: _node(network, frozen)["usable"], "it is used again")


def test_a_node_of_another_network_is_not_used(
    network: GatewayNetwork, geth_binary: Path, tmp_path: Path
) -> None:
    """Another genesis: it is named with the reason, and the others serve. The file of nodes is read
    again while the gateway runs."""
    _healthy(network)
    from tests.support.geth import genesis

    stranger = WebSocketGeth(geth_binary, tmp_path / "stranger", genesis(timestamp=5))
    listed = [(geth, 0) for geth in network.nodes]
    try:
        stranger.start()
        network.gateway.write_nodes([*listed, (stranger, 0)])
        until(lambda: "genesis" in _node(network, stranger)["reason"], "the stranger is recognised")
        assert not _node(network, stranger)["usable"]
        assert int(network.gateway.rpc("eth_getBalance", network.senders[0].address), 16) > 0
    finally:
        network.gateway.write_nodes([*listed, (network.maker, 1)])
        stranger.close()
    until(
        lambda: (
            len(network.gateway.state()["nodes"]) == 3 and _node(network, network.maker)["usable"]
        ),
        "the file is followed",
    )


def _node(network: GatewayNetwork, geth: WebSocketGeth) -> dict[str, Any]:
    nodes = {node["name"]: node for node in network.gateway.state()["nodes"]}
    found: dict[str, Any] = nodes.get(geth.folder.name, {"usable": None, "reason": ""})
    return found
