"""Reads through a gateway: what geth says, at one head that never goes back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.gateway import GatewayNetwork
from tests.support.rpc import RpcError
from tests.support.wait import until


def test_it_answers_as_geth_does(network: GatewayNetwork) -> None:
    """At a given block, every read has the very answer that geth gives."""
    gateway, geth = network.gateway.rpc, network.nodes[0].rpc
    account = network.senders[0].address
    calls: list[tuple[str, list[Any]]] = [
        ("eth_chainId", []),
        ("net_version", []),
        ("web3_clientVersion", []),
        ("rpc_modules", []),
        ("eth_syncing", []),
        ("eth_getBlockByNumber", ["0x1", True]),
        ("eth_getBlockByNumber", ["earliest", False]),
        ("eth_getBalance", [account, "0x1"]),
        ("eth_getTransactionCount", [account, "0x1"]),
        ("eth_feeHistory", ["0x1", "0x1", [50]]),
        ("eth_call", [{"to": account, "data": "0x"}, "0x1"]),
        ("eth_getLogs", [{"fromBlock": "0x0", "toBlock": "0x1"}]),
    ]
    for method, params in calls:
        expected = geth(method, *params)
        if method != "rpc_modules":
            assert gateway(method, *params) == expected, method


def test_latest_is_the_head_whether_it_is_said_or_not(network: GatewayNetwork) -> None:
    """`latest`, `safe`, `finalized` and nothing are answered, and no lower than the height told."""
    gateway = network.gateway.rpc
    account = network.senders[0].address
    for tag in ("latest", "safe", "finalized"):
        height = gateway.height()
        assert int(gateway("eth_getBlockByNumber", tag, False)["number"], 16) >= height
        assert int(gateway("eth_getBalance", account, tag), 16) > 0
    assert int(gateway("eth_getBalance", account), 16) > 0
    assert gateway("eth_getLogs", {}) == []
    assert int(gateway("eth_estimateGas", {"from": account, "to": account}), 16) == 21_000


def test_heights_never_go_back(network: GatewayNetwork) -> None:
    """Over some blocks, no two calls on any methods show a lower height after a higher one."""
    gateway = network.gateway.rpc
    seen = gateway.height()
    last = seen + 3
    while seen < last:
        for height in (
            gateway.height(),
            int(gateway("eth_getBlockByNumber", "latest", False)["number"], 16),
        ):
            assert height >= seen
            seen = height


@pytest.mark.parametrize(
    "method",
    ["admin_peers", "debug_traceBlockByNumber", "personal_listAccounts", "miner_start",
     "engine_newPayloadV4", "testing_x", "nonsense", "eth", "", 'eth_"x'],
)  # fmt: skip
def test_other_namespaces_do_not_exist(network: GatewayNetwork, method: str) -> None:
    """Whatever the node behind offers: geth's own answer to an unknown method."""
    with pytest.raises(RpcError) as refused:
        network.gateway.rpc(method)
    code = -32600 if method == "" else -32601
    assert refused.value.code == code
    if method:
        expected = f"the method {method} does not exist/is not available"
        assert refused.value.message == expected


def test_the_head_follows_the_chain(network: GatewayNetwork) -> None:
    """A new block is told soon after the nodes have it."""
    want = network.maker.height() + 2
    until(lambda: network.gateway.rpc.height() >= want, f"block {want} at the gateway")
