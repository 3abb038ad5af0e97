"""Subscriptions and filters of a gateway: geth's shapes, every block once, whoever dies."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address

from tests.support.contracts import CREATION, STORE, STORED
from tests.support.gateway import Gateway, GatewayNetwork
from tests.support.rpc import Rpc, RpcError
from tests.support.transfers import Sender
from tests.support.wait import until
from tests.support.wire import Wire

TO = "0x" + "77" * 20


def _write(rpc: Rpc, sender: Sender, nonce: int, to: str | None, data: str) -> str:
    fields: dict[str, Any] = {
        "value": 0, "gas": 300_000, "nonce": nonce, "chainId": sender.chain_id, "type": 2,
        "maxFeePerGas": 10**12, "maxPriorityFeePerGas": 10**9, "data": data,
    }  # fmt: skip
    if to is not None:
        fields["to"] = to_checksum_address(to)
    signed = Account.from_key(sender.secret).sign_transaction(fields)
    return str(rpc("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex()))


def _receipt(rpc: Rpc, transaction: str) -> dict[str, Any]:
    found: dict[str, Any] = until(
        lambda: rpc("eth_getTransactionReceipt", transaction), "the receipt"
    )
    return found


def test_new_heads_have_the_shape_of_geth(network: GatewayNetwork) -> None:
    """The very objects that a geth sends of the same blocks, each once and in order."""
    with Wire(network.gateway.ws_url) as ours, Wire(network.nodes[0].ws_url) as geths:
        mine, its = ours("eth_subscribe", "newHeads"), geths("eth_subscribe", "newHeads")
        expected = {head["number"]: head for head in geths.until_events(its, 4)}
        found = ours.until_events(mine, 4)
    numbers = [int(head["number"], 16) for head in found]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    shared = [head for head in found if head["number"] in expected]
    assert len(shared) >= 2
    for head in shared:
        assert head == expected[head["number"]]


def test_logs_are_matched_as_geth_matches_them(network: GatewayNetwork) -> None:
    """For each way to ask, the same logs as geth's own subscription gives."""
    rpc, sender = network.gateway.rpc, network.senders[0]
    store = _receipt(rpc, _write(rpc, sender, 0, None, "0x" + CREATION))["contractAddress"]
    by = "0x" + sender.address[2:].rjust(64, "0")
    other = "0x" + "00" * 32
    wishes: list[dict[str, Any]] = [
        {}, {"address": store}, {"address": [store, TO]}, {"address": TO},
        {"topics": ["0x" + STORED]}, {"topics": [None, by]}, {"topics": [["0x" + STORED, other]]},
        {"topics": [other]}, {"topics": [["0x" + STORED], [other]]}, {"topics": [None, None, None]},
        {"address": store, "topics": [[None, other], by]}, {"fromBlock": "latest"},
    ]  # fmt: skip
    with Wire(network.gateway.ws_url) as ours, Wire(network.nodes[0].ws_url) as geths:
        pairs = [
            (ours("eth_subscribe", "logs", one), geths("eth_subscribe", "logs", one))
            for one in wishes
        ]
        ends = (ours("eth_subscribe", "newHeads"), geths("eth_subscribe", "newHeads"))
        hashes = [
            _write(rpc, sender, nonce, store, f"0x{STORE}{nonce:064x}") for nonce in range(1, 4)
        ]
        last = int(_receipt(rpc, hashes[-1])["blockNumber"], 16)
        for wire, heads in zip((ours, geths), ends, strict=True):
            while not any(int(head["number"], 16) > last for head in wire.of(heads)):
                wire.receive()
        for (mine, its), wish in zip(pairs, wishes, strict=True):
            assert ours.of(mine) == geths.of(its), wish
        assert [len(ours.of(mine)) for mine, _ in pairs] == [3, 3, 3, 0, 3, 3, 3, 0, 0, 0, 3, 3]


def test_receipts_are_told_as_by_geth(network: GatewayNetwork) -> None:
    """Of all transactions of a block, or of those that were named."""
    rpc, sender = network.gateway.rpc, network.senders[4]
    signed = [sender.transfer(TO) for _ in range(3)]
    wishes: list[list[dict[str, Any]]] = [[], [{"transactionHashes": [signed[1].hash]}]]
    with Wire(network.gateway.ws_url) as ours, Wire(network.nodes[0].ws_url) as geths:
        pairs = [
            (
                ours("eth_subscribe", "transactionReceipts", *wish),
                geths("eth_subscribe", "transactionReceipts", *wish),
            )
            for wish in wishes
        ]
        for one in signed:
            rpc("eth_sendRawTransaction", one.raw)
        for (mine, its), count in zip(pairs, (3, 1), strict=True):
            found: list[list[Any]] = []
            for wire, known in ((ours, mine), (geths, its)):
                while len([one for batch in wire.of(known) for one in batch]) < count:
                    wire.receive()
                found.append([one for batch in wire.of(known) for one in batch])
            assert found[0] == found[1]
            assert len(found[0]) == count


def test_wishes_that_make_no_sense_are_refused_as_by_geth(network: GatewayNetwork) -> None:
    """Same code for each, whatever is wrong with it."""
    cases: list[tuple[Any, ...]] = [
        (), ("nonsense",), (5,), ("logs", {"address": "0x12"}), ("logs", {"address": 7}),
        ("logs", {"topics": ["0x12"]}), ("logs", {"topics": [None] * 5}), ("logs", 5),
        ("logs", {"topics": [5]}), ("logs", {"fromBlock": "0x5", "toBlock": "0x1"}),
        ("logs", {"fromBlock": "pending"}), ("logs", {"fromBlock": "x"}),
        ("newPendingTransactions", "x"),
    ]  # fmt: skip
    with Wire(network.gateway.ws_url) as ours, Wire(network.nodes[0].ws_url) as geths:
        for params in cases:
            with pytest.raises(RpcError) as expected:
                geths("eth_subscribe", *params)
            with pytest.raises(RpcError) as found:
                ours("eth_subscribe", *params)
            assert found.value.code == expected.value.code, params
        with pytest.raises(RpcError, match="subscription not found"):
            ours("eth_unsubscribe", "0x12")
    for method in ("eth_subscribe", "eth_unsubscribe"):
        with pytest.raises(RpcError, match="notifications not supported"):
            network.gateway.rpc(method, "newHeads")


def test_pending_transactions_are_told_once(network: GatewayNetwork) -> None:
    """Each one that enters a pool, though two nodes report it; hashes, or all of it on request."""
    rpc, sender = network.gateway.rpc, network.senders[1]
    with Wire(network.gateway.ws_url) as wire:
        hashes = wire("eth_subscribe", "newPendingTransactions")
        full = wire("eth_subscribe", "newPendingTransactions", True)
        pending_filter = rpc("eth_newPendingTransactionFilter")
        wire("eth_subscribe", "newHeads")
        seen: set[str] = set()
        while not seen:  # the nodes begin to report within a second of the first wish
            rpc("eth_sendRawTransaction", sender.transfer(TO).raw)
            wire.receive()
            seen.update(wire.of(hashes))
        sent = [rpc("eth_sendRawTransaction", sender.transfer(TO).raw) for _ in range(5)]
        _receipt(rpc, sent[-1])
        wire.until_events(full, len(wire.of(hashes)))
        while not set(sent) <= {one["hash"] for one in wire.of(full)}:
            wire.receive()
        told = wire.of(hashes)
        assert len(told) == len(set(told))
        assert set(sent) <= set(told)
        assert [one["from"] for one in wire.of(full)] == [sender.address] * len(wire.of(full))
        polled = rpc("eth_getFilterChanges", pending_filter)
        assert set(sent) <= set(polled)
        assert len(polled) == len(set(polled))
        assert rpc("eth_getFilterChanges", pending_filter) == []
        assert wire("eth_unsubscribe", full) is True


def test_an_id_comes_before_its_first_event(network: GatewayNetwork) -> None:
    """Whatever the moment, a client can tell whose event it is."""
    with Wire(network.gateway.ws_url) as wire:
        subscriptions = [wire("eth_subscribe", "newHeads") for _ in range(200)]
        for one in subscriptions:
            wire.until_events(one, 1)
        for one in subscriptions:
            assert wire.order.index(f"id {one}") < wire.order.index(f"event {one}")


def test_filters_tell_what_is_new(network: GatewayNetwork) -> None:
    """Blocks and logs since the last question, each once; and all logs of the filter on demand."""
    rpc, sender = network.gateway.rpc, network.senders[2]
    blocks = rpc("eth_newBlockFilter")
    begin = rpc.height()
    store = _receipt(rpc, _write(rpc, sender, 0, None, "0x" + CREATION))["contractAddress"]
    logs = rpc("eth_newFilter", {"address": store, "fromBlock": hex(begin)})
    values = []
    hashes: list[str] = []
    for nonce in range(1, 4):
        _receipt(rpc, _write(rpc, sender, nonce, store, f"0x{STORE}{nonce:064x}"))
        values += [int(log["data"], 16) for log in rpc("eth_getFilterChanges", logs)]
        hashes += rpc("eth_getFilterChanges", blocks)
    assert values == [1, 2, 3]
    assert rpc("eth_getFilterChanges", logs) == []
    assert [int(log["data"], 16) for log in rpc("eth_getFilterLogs", logs)] == [1, 2, 3]
    numbers = [int(rpc("eth_getBlockByHash", one, False)["number"], 16) for one in hashes]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert begin <= numbers[0] <= begin + 1
    assert rpc("eth_uninstallFilter", logs) is True
    assert rpc("eth_uninstallFilter", logs) is False
    with pytest.raises(RpcError, match="filter not found"):
        rpc("eth_getFilterChanges", logs)


def test_no_block_is_missed_or_told_twice_when_nodes_die(network: GatewayNetwork) -> None:
    """Both RPC nodes are killed, one after the other: heads go on, gapless; so do filters."""
    with Wire(network.gateway.ws_url) as wire:
        heads = wire("eth_subscribe", "newHeads")
        blocks = network.gateway.rpc("eth_newBlockFilter")
        wire.until_events(heads, 2)
        for node in network.nodes:
            node.kill()
            wire.until_events(heads, len(wire.of(heads)) + 4, 40)
            node.spawn()
            until(
                lambda: all(one["usable"] for one in network.gateway.state()["nodes"]),
                "the node is used again",
                timeout_s=60,
            )
        found = wire.until_events(heads, len(wire.of(heads)) + 2)
    numbers = [int(head["number"], 16) for head in found]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    for before, after in itertools.pairwise(found):
        assert after["parentHash"] == before["hash"]
    polled = network.gateway.rpc("eth_getFilterChanges", blocks)
    hashes = [head["hash"] for head in found]
    assert set(hashes) - set(polled) <= {hashes[0]}
    assert len(polled) == len(set(polled))


def _calls(gateway: Gateway, method: str) -> float:
    """How often clients have called that."""
    lines = gateway.page("/metrics")[1].splitlines()
    wanted = f'method="{method}"'
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("windlass_gateway_requests_total") and wanted in line
    )


def test_a_client_that_does_not_read_harms_nobody(
    network: GatewayNetwork,
) -> None:
    """One that asks for much and reads nothing is worked for no further, and cut off after half a
    minute, while another is served as ever."""
    gateway: Gateway = network.gateway
    deaf = Wire(gateway.ws_url)
    block = '{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x0",true]}'
    batch = "[" + ",".join([block] * 1000) + "]"
    with Wire(gateway.ws_url) as wire:
        heads = wire("eth_subscribe", "newHeads")
        for _ in range(60):  # 1.5 MB each
            deaf.socket.send(batch)
        before = len(wire.of(heads))
        wire.until_events(heads, before + 3)
        assert wire("eth_chainId")
    log = gateway.folder / "gateway.log"
    until(lambda: "cut off" in log.read_text(), "it is cut off", timeout_s=90)
    # Eight megabytes that it has not read, what the system takes, and what was asked for then.
    assert 0 < _calls(gateway, "eth_getBlockByNumber") < 30_000
    deaf.close()
