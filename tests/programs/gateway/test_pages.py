"""What a gateway says about itself, and its orderly end."""

from __future__ import annotations

import contextlib
import json
import time

from websockets.exceptions import ConnectionClosed

from tests.support.gateway import GatewayNetwork
from tests.support.rpc import Rpc
from tests.support.wait import until
from tests.support.wire import Wire

TO = "0x" + "99" * 20


def test_state_tells_of_head_nodes_and_journal(network: GatewayNetwork) -> None:
    """Every field that others read; what waits is pending, with what is known of it."""
    rpc, sender = network.gateway.rpc, network.senders[4]
    sender.transfer(TO)  # never sent: the next one waits for it
    waiting = sender.transfer(TO)
    rpc("eth_sendRawTransaction", waiting.raw)
    state = network.gateway.state()
    assert state["schema"] == 1
    assert (state["network"], state["node"]) == ("solo", "gateway")
    assert state["head"]["number"] <= rpc.height()
    assert [(node["name"], node["usable"], node["reason"]) for node in state["nodes"]] == [
        ("geth-1", True, ""), ("geth-2", True, ""), ("geth-0", True, ""),
    ]  # fmt: skip
    assert (state["journal"]["pending"], state["journal"]["limit"]) == (1, 100_000)
    assert state["stuck"] == []
    status, page = network.gateway.page(f"/transaction?hash={waiting.hash}")
    fate = json.loads(page)
    assert (status, fate["schema"], fate["status"], fate["nonce"]) == (200, 1, "pending", 1)
    assert abs(fate["accepted_at"] - time.time()) < 60
    assert network.gateway.page("/transaction?hash=0x12")[0] == 400
    until(lambda: _sent(network, waiting.hash) > 1, "it is offered again")
    rpc("eth_sendRawTransaction", sender.signed[0].raw)
    until(lambda: network.gateway.state()["journal"]["pending"] == 0, "both are final")


def test_metrics_count_what_happens(network: GatewayNetwork) -> None:
    """Calls by method; what strangers call methods does not become a label."""
    rpc = network.gateway.rpc
    rpc("eth_chainId")
    with Wire(network.gateway.ws_url) as wire:
        wire("eth_subscribe", "newHeads")
        with contextlib.suppress(Exception):
            rpc("eth_nonsenseOfAStranger")
        text = network.gateway.page("/metrics")[1]
    assert 'windlass_gateway_requests_total{method="eth_chainId",outcome="result"}' in text
    assert "nonsense" not in text
    assert "windlass_gateway_nodes_usable 3.0" in text
    assert "windlass_gateway_subscriptions 1.0" in text
    assert "windlass_gateway_websocket_connections 1.0" in text
    for name in ("head", "journal_pending", "request_seconds_bucket", "http_connections"):
        assert f"windlass_gateway_{name}" in text


def test_it_ends_in_order(network: GatewayNetwork) -> None:
    """SIGTERM with clients connected: they are told, and the exit code is 0."""
    with Wire(network.gateway.ws_url) as wire:
        wire("eth_subscribe", "newHeads")
        kept = Rpc(network.gateway.url)
        kept("eth_chainId")
        assert network.gateway.stop() == 0
        with contextlib.suppress(ConnectionClosed):
            while True:
                wire.receive()
        assert wire.socket.close_code == 1001
    log = (network.gateway.folder / "gateway.log").read_text()
    assert "Traceback" not in log
    network.gateway.start()


def _sent(network: GatewayNetwork, known: str) -> int:
    page = network.gateway.page(f"/transaction?hash={known}")[1]
    return int(json.loads(page).get("sent", 0))
