"""The wallet on a real chain: money arrives finally and once, or the reason is a sentence."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.geth import CHAIN_ID
from tests.support.logs import register
from tests.support.rpc import Rpc
from tests.support.sealing import Solo
from tests.support.wait import until
from windlass.chains.ethereum.keys import PrivateKey
from windlass.chains.ethereum.quantities import Address, TransactionHash, Wei, from_hex
from windlass.chains.ethereum.transactions import Transaction, sign
from windlass.chains.ethereum.wallet import (
    NonceConflict,
    NotEnoughMoney,
    NotFinal,
    Receipt,
    Replaced,
    TransactionFailed,
    Wallet,
)
from windlass.kit.transport import TransportError

ETHER = 10**18
TIMEOUT_S = 60.0


class Owner:
    """An account with a million ether, whose key the test holds."""

    def __init__(self, label: str) -> None:
        self.secret = hashlib.sha256(label.encode()).digest()
        self.address: Address = PrivateKey(self.secret).address


OWNERS = {name: Owner(f"wallet {name}") for name in ("payer", "crowd", "racer", "stuck")}
POOR = Owner("wallet poor")


@pytest.fixture(scope="module")
def solo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, geth_binary: Path
) -> Iterator[Solo]:
    """A sealer and its geth."""
    folder = tmp_path_factory.mktemp("wallet")
    register(request.config, folder)
    chain = Solo(
        geth_binary,
        folder,
        followers=0,
        accounts=tuple(owner.address for owner in OWNERS.values()),
    )
    try:
        chain.start()
        chain.until_block(1)
        yield chain
    finally:
        chain.close()


@pytest.fixture
async def wallet(solo: Solo) -> AsyncIterator[Wallet]:
    """A wallet on the sealer's geth."""
    opened = Wallet(solo.own.rpc_url, CHAIN_ID)
    yield opened
    await opened.close()


def address(number: int) -> Address:
    """An address of nobody."""
    return Address(f"0x{number:040x}")


async def pay(
    wallet: Wallet, owner: Owner, to: Address, value: int, timeout_s: float = TIMEOUT_S
) -> Receipt:
    """A transfer of so many wei."""
    return await wallet.transfer(owner.secret, owner.address, to, Wei(value), timeout_s=timeout_s)


async def test_a_transfer_is_final_and_exact(solo: Solo, wallet: Wallet) -> None:
    """The receipt is in a finalized block, and the two balances differ by amount and fee."""
    payer, to = OWNERS["payer"], address(0xA11CE)
    before = await wallet.balances([payer.address, to])
    told: list[TransactionHash] = []
    receipt = await wallet.transfer(
        payer.secret, payer.address, to, Wei(3 * ETHER), timeout_s=TIMEOUT_S, on_sent=told.append
    )
    after = await wallet.balances([payer.address, to])
    final = solo.own.rpc("eth_getBlockByNumber", "finalized", False)
    assert told == [receipt.hash]
    assert receipt.block <= from_hex(final["number"])
    assert after[1] - before[1] == receipt.value == 3 * ETHER
    assert before[0] - after[0] == 3 * ETHER + receipt.fee
    assert receipt.fee > 0


async def test_too_little_is_refused_with_numbers(solo: Solo, wallet: Wallet) -> None:
    """An amount that can't be paid together with its fee is not sent."""
    payer = OWNERS["payer"]
    (balance,) = await wallet.balances([payer.address])
    nonce = solo.own.rpc("eth_getTransactionCount", payer.address, "pending")
    with pytest.raises(NotEnoughMoney) as refusal:
        await pay(wallet, payer, address(0xE5), balance)
    assert (refusal.value.balance, refusal.value.value) == (balance, balance)
    assert refusal.value.needed > balance
    with pytest.raises(NotEnoughMoney, match="has 0 ether"):
        await pay(wallet, POOR, address(0xE5), 0)
    assert solo.own.rpc("eth_getTransactionCount", payer.address, "pending") == nonce


async def test_transfers_at_the_same_moment_all_arrive(solo: Solo, wallet: Wallet) -> None:
    """Six wallets of one account ask for the same nonce; each pays exactly once."""
    crowd, to = OWNERS["crowd"], address(0xC0)
    wallets = [Wallet(solo.own.rpc_url, CHAIN_ID) for _ in range(6)]
    try:
        receipts = await asyncio.gather(*(pay(one, crowd, to, ETHER) for one in wallets))
    finally:
        for one in wallets:
            await one.close()
    assert len({receipt.hash for receipt in receipts}) == 6
    assert await wallet.balances([to]) == [6 * ETHER]
    assert solo.own.rpc("eth_getTransactionCount", crowd.address, "latest") == "0x6"


class Crowded(Wallet):
    """A wallet before whose every sending somebody else takes the nonce."""

    def __init__(self, solo: Solo, owner: Owner) -> None:
        super().__init__(solo.own.rpc_url, CHAIN_ID)
        self._solo, self._owner = solo, owner

    async def _prepared(self, sender: Address, to: Address, value: Wei) -> Transaction:
        transaction = await super()._prepared(sender, to, value)
        other = Transaction(
            chain_id=CHAIN_ID,
            nonce=transaction.nonce,
            to=address(0xE1),
            value=Wei(1),
            max_fee_wei=transaction.max_fee_wei,
            max_priority_fee_wei=transaction.max_priority_fee_wei,
        )
        raw = sign(other, self._owner.secret).raw
        await asyncio.to_thread(self._solo.own.rpc, "eth_sendRawTransaction", "0x" + raw.hex())
        return transaction


async def test_a_nonce_that_is_always_taken_is_told(solo: Solo, wallet: Wallet) -> None:
    """Whoever loses every race is told so, and nothing of this command was sent."""
    racer, to = OWNERS["racer"], address(0xBAD)
    crowded = Crowded(solo, racer)
    try:
        with pytest.raises(NonceConflict, match="Nothing was sent"):
            await pay(crowded, racer, to, ETHER)
    finally:
        await crowded.close()
    assert await wallet.balances([to]) == [0]


async def test_a_replaced_transaction_is_told(solo: Solo, wallet: Wallet) -> None:
    """Another one with the same nonce and a higher fee is final instead: this is said at once."""
    stuck = OWNERS["stuck"]

    def replace(_: TransactionHash) -> None:
        # Sent while the first one is in the pool, before a block can have it.
        better = Transaction(
            chain_id=CHAIN_ID,
            nonce=0,
            to=address(0xE2),
            value=Wei(7),
            max_fee_wei=100 * 10**9,
            max_priority_fee_wei=50 * 10**9,
        )
        raw = sign(better, stuck.secret).raw
        Rpc(solo.own.rpc.url)("eth_sendRawTransaction", "0x" + raw.hex())

    solo.kill_sealer()
    try:
        waiting = asyncio.create_task(
            wallet.transfer(
                stuck.secret,
                stuck.address,
                address(0xE3),
                Wei(ETHER),
                timeout_s=TIMEOUT_S,
                on_sent=replace,
            )
        )
        await asyncio.to_thread(
            until,
            lambda: solo.own.rpc("txpool_status")["pending"] != "0x0",
            "it is in the pool",
        )
    finally:
        solo.start_sealer()
    with pytest.raises(Replaced, match="No money was moved"):
        await waiting
    assert await wallet.balances([address(0xE2), address(0xE3)]) == [7, 0]


async def test_without_blocks_it_is_not_final(solo: Solo, wallet: Wallet) -> None:
    """It ends in time, names the hash, and says not to send it again unseen."""
    solo.kill_sealer()
    try:
        with pytest.raises(NotFinal) as refusal:
            await pay(wallet, OWNERS["payer"], address(0xE4), 1, timeout_s=1.5)
    finally:
        solo.start_sealer()
    sent = refusal.value.transaction
    assert sent in refusal.value.sentence
    until(lambda: solo.own.rpc("eth_getTransactionReceipt", sent), "it is in a block after all")


async def test_a_contract_that_takes_nothing(solo: Solo, wallet: Wallet) -> None:
    """What the receiver would revert is refused before it is sent."""
    deposit = Address("0x00000961Ef480Eb55e80D19ad83579A64c007002".lower())  # EIP-7002: fee needed
    with pytest.raises(TransactionFailed, match="does not take it"):
        await pay(wallet, OWNERS["payer"], deposit, 1)


async def test_nobody_there_is_a_sentence() -> None:
    """A node that is not up is named by its address."""
    wallet = Wallet("http://127.0.0.1:1", CHAIN_ID)
    try:
        with pytest.raises(TransportError, match=r"127\.0\.0\.1:1"):
            await wallet.balances([POOR.address])
    finally:
        await wallet.close()
