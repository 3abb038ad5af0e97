"""web3.py, which nobody here wrote, works against a network unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from eth_account import Account
from web3 import AsyncWeb3, Web3
from web3.middleware import SignAndSendRawMiddlewareBuilder
from web3.providers import WebSocketProvider
from web3.types import FilterParams

from tests.support.contracts import ABI, CREATION
from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.transfers import Sender

CHAIN_ID = 20262
RECEIPT_TIMEOUT_S = 30


@pytest.fixture(scope="module")
def rich() -> Sender:
    """An account with a million ether, whose key the tests hold."""
    return Sender("journeys", CHAIN_ID)


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, rich: Sender
) -> Iterator[Network]:
    """The network that a person gets by default: four validators and a node."""
    folder = tmp_path_factory.mktemp("web3")
    register(request.config, folder)
    running = Network(folder, spec(chain_id=CHAIN_ID, accounts=[rich.address]))
    try:
        running.up()
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def chain(network: Network, rich: Sender) -> Web3:
    """web3.py with an account that signs what it sends."""
    web3 = Web3(Web3.HTTPProvider(network.network()["endpoints"]["rpc"]))
    account = Account.from_key(rich.secret)
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


def test_the_chain_says_what_the_spec_says(chain: Web3) -> None:
    """Chain id, client and network id are those of the spec and of an unmodified geth."""
    assert chain.eth.chain_id == CHAIN_ID
    assert chain.net.version == str(CHAIN_ID)
    assert chain.client_version.startswith("Geth/v1.17")


def test_a_contract_is_deployed_and_called(chain: Web3, contract: Any) -> None:
    """A transaction changes the contract, a call reads the change, its receipt is final at once."""
    sent = contract.functions.store(42).transact()
    receipt = chain.eth.wait_for_transaction_receipt(sent, timeout=RECEIPT_TIMEOUT_S)
    assert contract.functions.value().call() == 42
    assert chain.eth.get_block("finalized")["number"] >= receipt["blockNumber"]


def test_logs_are_found(chain: Web3, contract: Any) -> None:
    """Events are found by contract, topic and range."""
    sent = contract.functions.store(7).transact()
    receipt = chain.eth.wait_for_transaction_receipt(sent, timeout=RECEIPT_TIMEOUT_S)
    block = receipt["blockNumber"]
    (event,) = contract.events.Stored().get_logs(from_block=block, to_block=block)
    assert (event["args"]["by"], event["args"]["value"]) == (chain.eth.default_account, 7)
    wanted = FilterParams(address=contract.address, fromBlock=0, toBlock="latest")
    assert event["transactionHash"] in [
        one["transactionHash"] for one in chain.eth.get_logs(wanted)
    ]


def test_fee_history_is_answered(chain: Web3) -> None:
    """Wallets estimate fees from it: base fees, ratios and rewards of the last blocks."""
    history = chain.eth.fee_history(3, "latest", [10.0, 90.0])
    assert len(history["baseFeePerGas"]) == len(history["reward"]) + 1
    assert all(fee > 0 for fee in history["baseFeePerGas"])
    assert chain.eth.gas_price > 0


async def test_new_blocks_and_logs_come_over_websocket(network: Network, contract: Any) -> None:
    """A subscription brings each new block and each log as it happens."""
    url = network.network()["endpoints"]["ws"]
    async with asyncio.timeout(60), AsyncWeb3(WebSocketProvider(url)) as web3:
        heads = await web3.eth.subscribe("newHeads")
        logs = await web3.eth.subscribe("logs", {"address": contract.address})
        await asyncio.to_thread(contract.functions.store(99).transact)
        seen: dict[Any, list[Any]] = {heads: [], logs: []}
        async for message in web3.socket.process_subscriptions():
            seen[message["subscription"]].append(message["result"])
            if len(seen[heads]) >= 3 and seen[logs]:
                break
    numbers = [head["number"] for head in seen[heads]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert int(seen[logs][0]["data"].hex(), 16) == 99
