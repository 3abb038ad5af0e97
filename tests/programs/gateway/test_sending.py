"""Transactions through a gateway: accepted once, seen by their sender at once, and never lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from tests.support.gateway import GatewayNetwork
from tests.support.logs import register
from tests.support.rpc import RpcError
from tests.support.transfers import Sender, Signed
from tests.support.wait import until

TO = "0x" + "77" * 20


@pytest.fixture(scope="module")
def fresh(network: GatewayNetwork) -> Iterator[Sender]:
    """Accounts in turn."""
    return iter(network.senders)


@pytest.fixture
def sender(fresh: Iterator[Sender]) -> Sender:
    """An account that nobody used before."""
    return next(fresh)


def _receipt(network: GatewayNetwork, signed: Signed) -> dict[str, Any]:
    rpc = network.gateway.rpc
    found: dict[str, Any] = until(
        lambda: rpc("eth_getTransactionReceipt", signed.hash), "the receipt"
    )
    return found


def _fate(network: GatewayNetwork, signed: Signed) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(network.gateway.page(f"/transaction?hash={signed.hash}")[1])
    return found


def test_a_sender_sees_its_transaction_at_once(network: GatewayNetwork, sender: Sender) -> None:
    """Right after the hash came: pending nonce, the transaction in geth's shape, then a receipt of
    a block no later than the height told."""
    rpc = network.gateway.rpc
    for count in range(1, 6):
        signed = sender.transfer(TO)
        assert rpc("eth_sendRawTransaction", signed.raw) == signed.hash
        assert int(rpc("eth_getTransactionCount", sender.address, "pending"), 16) == count
        shown = rpc("eth_getTransactionByHash", signed.hash)
        assert (shown["hash"], shown["from"]) == (signed.hash, sender.address)
    receipt = _receipt(network, signed)
    assert rpc.height() >= int(receipt["blockNumber"], 16)
    assert int(rpc("eth_getTransactionCount", sender.address, "latest"), 16) == 5
    until(lambda: network.gateway.state()["journal"]["pending"] == 0, "the journal is empty")
    assert _fate(network, signed)["status"] == "unknown"


def test_refusals_are_those_of_geth(network: GatewayNetwork, sender: Sender) -> None:
    """What geth refuses has geth's very answer, and nothing of it stays in the journal."""
    rpc, geth = network.gateway.rpc, network.maker.rpc
    poor = Sender("poor", network.solo.chain.chain_id)
    elsewhere = Sender("gateway-7", 1)
    used = sender.transfer(TO)
    rpc("eth_sendRawTransaction", used.raw)
    _receipt(network, used)
    cheap = _signed(sender, nonce=1, maxFeePerGas=1, maxPriorityFeePerGas=0)
    cases = [poor.transfer(TO).raw, elsewhere.transfer(TO).raw, used.raw, cheap, "0x", "0x12",
             "0x02c0", "zz", "0x" + "ff" * 200_000]  # fmt: skip
    for raw in cases:
        with pytest.raises(RpcError) as expected:
            geth("eth_sendRawTransaction", raw)
        with pytest.raises(RpcError) as found:
            rpc("eth_sendRawTransaction", raw)
        assert (found.value.code, found.value.message) == (
            expected.value.code,
            expected.value.message,
        )
    nonsense: list[list[Any]] = [[], [1], [None], [{}]]
    for params in nonsense:
        with pytest.raises(RpcError):
            rpc("eth_sendRawTransaction", *params)
    until(lambda: network.gateway.state()["journal"]["pending"] == 0, "the journal is empty")


def test_the_same_one_twice_is_already_known(network: GatewayNetwork, sender: Sender) -> None:
    """As at geth; and it is in a block once."""
    rpc = network.gateway.rpc
    sender.transfer(TO)
    late = sender.transfer(TO)  # waits for the first, which nobody has sent yet
    assert rpc("eth_sendRawTransaction", late.raw) == late.hash
    with pytest.raises(RpcError, match="already known"):
        rpc("eth_sendRawTransaction", late.raw)
    assert int(rpc("eth_getTransactionCount", sender.address, "pending"), 16) == 0
    rpc("eth_sendRawTransaction", sender.signed[0].raw)
    assert int(rpc("eth_getTransactionCount", sender.address, "pending"), 16) == 2
    _receipt(network, late)


def test_a_replaced_one_is_kept_as_dropped(network: GatewayNetwork, sender: Sender) -> None:
    """Another transaction with its nonce is final: the reason names it."""
    rpc = network.gateway.rpc
    first = sender.transfer(TO)
    second = sender.transfer(TO)
    rpc("eth_sendRawTransaction", second.raw)  # nonce 1 waits for nonce 0
    better = _signed(sender, nonce=1, maxFeePerGas=20_000 * 10**9, maxPriorityFeePerGas=5 * 10**9)
    replaced_by = rpc("eth_sendRawTransaction", better)
    rpc("eth_sendRawTransaction", first.raw)
    until(lambda: rpc("eth_getTransactionReceipt", replaced_by), "the replacement's receipt")
    until(lambda: _fate(network, second)["status"] == "dropped", "it is dropped")
    fate = _fate(network, second)
    assert fate["nonce"] == 1
    assert fate["sender"] == sender.address
    assert replaced_by in fate["reason"]


def test_sync_sending_answers_with_the_receipt(network: GatewayNetwork, sender: Sender) -> None:
    """eth_sendRawTransactionSync waits for the block, and says so if there is none in time."""
    rpc = network.gateway.rpc
    signed = sender.transfer(TO)
    receipt = rpc("eth_sendRawTransactionSync", signed.raw)
    assert (receipt["transactionHash"], receipt["status"]) == (signed.hash, "0x1")
    sender.transfer(TO)
    with pytest.raises(RpcError, match="wasn't processed") as late:
        rpc("eth_sendRawTransactionSync", sender.transfer(TO).raw, 300)
    assert late.value.code == 4
    rpc("eth_sendRawTransaction", sender.signed[1].raw)


def _signed(sender: Sender, **fields: Any) -> str:
    signed = Account.from_key(sender.secret).sign_transaction(
        {"to": TO, "value": 1, "gas": 21_000, "chainId": sender.chain_id, "type": 2, **fields}
    )
    return "0x" + bytes(signed.raw_transaction).hex()


def test_a_full_journal_refuses(
    geth_binary: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """At the limits: a JSON-RPC error with a sentence, until there is room again."""
    register(request.config, tmp_path)
    small = GatewayNetwork(
        geth_binary, tmp_path, nodes=1,
        journal_transactions_max=5, journal_sender_transactions_max=3,
    )  # fmt: skip
    try:
        rpc = small.start().gateway.rpc
        one, two = small.senders[:2]
        for sender in (one, two):
            sender.transfer(TO)  # not sent: those behind it wait
        for _ in range(3):
            rpc("eth_sendRawTransaction", one.transfer(TO).raw)
        with pytest.raises(RpcError, match="has 3 transactions") as sender_full:
            rpc("eth_sendRawTransaction", one.transfer(TO).raw)
        for _ in range(2):
            rpc("eth_sendRawTransaction", two.transfer(TO).raw)
        with pytest.raises(RpcError, match="keeps 5 transactions") as full:
            rpc("eth_sendRawTransaction", two.transfer(TO).raw)
        assert {sender_full.value.code, full.value.code} == {-32005}
        small.nodes[0].rpc("eth_sendRawTransaction", one.signed[0].raw)
        until(lambda: small.gateway.state()["journal"]["pending"] == 2, "there is room")
        assert rpc("eth_sendRawTransaction", one.signed[4].raw) == one.signed[4].hash
    finally:
        small.close()
