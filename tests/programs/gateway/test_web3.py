"""web3.py, which nobody here wrote, works against a gateway unchanged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from eth_account import Account
from eth_typing import HexStr
from web3 import AsyncWeb3, Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError
from web3.middleware import SignAndSendRawMiddlewareBuilder
from web3.providers import WebSocketProvider
from web3.types import FilterParams

from tests.support.contracts import ABI, CREATION
from tests.support.gateway import GatewayNetwork

RECEIPT_TIMEOUT_S = 30


@pytest.fixture(scope="module")
def chain(network: GatewayNetwork) -> Web3:
    """web3.py with an account that signs what it sends."""
    web3 = Web3(Web3.HTTPProvider(network.gateway.url))
    account = Account.from_key(network.senders[3].secret)
    web3.middleware_onion.inject(SignAndSendRawMiddlewareBuilder.build(account), layer=0)
    web3.eth.default_account = account.address
    return web3


@pytest.fixture(scope="module")
def contract(chain: Web3) -> Any:
    """The deployed test contract."""
    sent = chain.eth.contract(abi=ABI, bytecode=CREATION).constructor().transact()
    receipt = chain.eth.wait_for_transaction_receipt(sent, timeout=RECEIPT_TIMEOUT_S)
    assert receipt["status"] == 1
    return chain.eth.contract(address=receipt["contractAddress"], abi=ABI)


def test_a_contract_is_deployed_called_and_read(chain: Web3, contract: Any) -> None:
    """Transactions, calls, logs, filters, receipts, fee history: as at any node."""
    logs = contract.events.Stored.create_filter(from_block=chain.eth.block_number)
    for value in (42, 43):
        sent = contract.functions.store(value).transact()
        assert chain.eth.get_transaction(sent)["hash"] == sent
        receipt = chain.eth.wait_for_transaction_receipt(sent, timeout=RECEIPT_TIMEOUT_S)
        assert receipt["status"] == 1
        assert contract.functions.value().call() == value
        assert chain.eth.block_number >= receipt["blockNumber"]
    assert [one["args"]["value"] for one in logs.get_new_entries()] == [42, 43]
    found = chain.eth.get_logs(FilterParams(address=contract.address, fromBlock=0))
    assert len(found) == 2
    history = chain.eth.fee_history(3, "latest", [50])
    assert len(history["baseFeePerGas"]) == 4
    assert chain.eth.get_block("finalized")["number"] <= chain.eth.block_number
    assert chain.eth.max_priority_fee > 0
    assert chain.is_connected()


def test_errors_are_the_ones_that_web3_knows(chain: Web3, contract: Any) -> None:
    """A revert, a transaction that is not there, one that can't be paid."""
    with pytest.raises(ContractLogicError):
        chain.eth.call({"to": contract.address, "data": HexStr("0xdeadbeef")})
    with pytest.raises(TransactionNotFound):
        chain.eth.get_transaction_receipt("0x" + "12" * 32)  # type: ignore[arg-type]
    with pytest.raises(Web3RPCError, match="insufficient funds"):
        chain.eth.send_transaction({"to": contract.address, "value": 10**30, "gas": 21_000})  # type: ignore[typeddict-item]


async def test_subscriptions_arrive(network: GatewayNetwork, contract: Any) -> None:
    """New heads and the contract's logs, over WebSocket."""
    del contract
    provider = WebSocketProvider(network.gateway.ws_url)
    async with asyncio.timeout(30), AsyncWeb3(provider) as web3:
        heads = await web3.eth.subscribe("newHeads")
        numbers: list[int] = []
        async for event in web3.socket.process_subscriptions():
            assert event["subscription"] == heads
            numbers.append(event["result"]["number"])
            if len(numbers) == 3:
                break
        assert numbers == list(range(numbers[0], numbers[0] + 3))
        assert await web3.eth.unsubscribe(heads)
