"""Sends money: what it costs, which nonce, signed here, and waited for until it is final.

The key never leaves this process: geth gets the signed transaction (eth_sendRawTransaction).

Two commands that send from one account at the same moment are given the same nonce, and one of them
is refused. That one takes the next nonce and tries again, a few times. For this it must know which
of the two it is, also when its connection broke after sending; so each transaction gets a tip that
is a few wei its own, and with it a hash of its own: a transaction of this hash is this command's.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from windlass.chains.ethereum.keys import checksum_address
from windlass.chains.ethereum.quantities import (
    Address,
    Height,
    TransactionHash,
    Wei,
    format_ether,
    from_hex,
    to_hex,
)
from windlass.chains.ethereum.transactions import TRANSFER_GAS, Signed, Transaction, sign
from windlass.kit.errors import WindlassError
from windlass.kit.http_client import HttpClient
from windlass.kit.json_rpc import JsonRpc, JsonRpcError
from windlass.kit.transport import TransportError

CALL_TIMEOUT_S = 10.0
POLL_S = 0.1
TIP_WEI = 10**9  # any tip is enough on a chain of one's own; one gwei also passes foreign minimums
TIP_OWN_WEI = 10**6  # what makes a hash its own: far below the 10 % that would replace another's
BASE_FEE_FACTOR = 2  # the base fee can rise by an eighth per block: six full blocks are covered
ATTEMPTS = 8  # each is lost only to another sender's success

# What geth says of a nonce that another transaction has (core/txpool/errors.go, core/error.go).
NONCE_TAKEN = ("nonce too low", "replacement transaction underpriced", "already known")
TOO_LITTLE = "insufficient funds"


class NotEnoughMoney(WindlassError):
    """The account can't pay the amount and the fee."""

    code = "not_enough_money"

    def __init__(self, sender: Address, balance: Wei, value: Wei, needed: Wei) -> None:
        fee = format_ether(Wei(needed - value))
        super().__init__(
            f"{checksum_address(sender)} has {format_ether(balance)}, but sending "
            f"{format_ether(value)} takes up to {format_ether(needed)} ({fee} of it for the fee).",
            "Send less, or give it more first: `windlass fund ADDRESS AMOUNT`.",
        )
        self.sender, self.balance, self.value, self.needed = sender, balance, value, needed


class NonceConflict(WindlassError):
    """Others send from the same account at the same time and were first each time."""

    code = "nonce_conflict"

    def __init__(self, sender: Address, nonce: int) -> None:
        super().__init__(
            f"Other transactions from {checksum_address(sender)} took number {nonce} and the ones "
            "before it at the same moment. Nothing was sent.",
            "Run it again.",
        )
        self.sender, self.nonce = sender, nonce


class Replaced(WindlassError):
    """Another transaction with the same nonce is final instead."""

    code = "replaced"

    def __init__(self, transaction: TransactionHash, sender: Address, nonce: int) -> None:
        super().__init__(
            f"Transaction {transaction} was replaced: another one of {checksum_address(sender)} "
            f"has its number {nonce}. No money was moved by this one.",
            "Run it again if you want it all the same.",
        )
        self.transaction = transaction


class NotFinal(WindlassError):
    """The transaction was accepted but did not become final in time."""

    code = "not_final"

    def __init__(self, transaction: TransactionHash, timeout_s: float, why: str = "") -> None:
        detail = f" ({why.rstrip('.')})" if why else ""
        super().__init__(
            f"Transaction {transaction} is not final after {timeout_s:.0f} s{detail}.",
            "It may still become so: look for it before you send again. `windlass doctor` tells "
            "whether blocks are made.",
        )
        self.transaction = transaction


class TransactionFailed(WindlassError):
    """The receiver is a contract that does not take the money."""

    code = "transaction_failed"


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A final transfer. `fee` is what it cost the sender on top of the amount."""

    hash: TransactionHash
    block: Height
    sender: Address
    to: Address
    value: Wei
    fee: Wei


OnSent = Callable[[TransactionHash], None]


class Wallet:
    """Talks to one RPC URL of a network."""

    def __init__(self, rpc_url: str, chain_id: int) -> None:
        self._rpc = JsonRpc(HttpClient(rpc_url, timeout_s=CALL_TIMEOUT_S))
        self._chain_id = chain_id

    async def close(self) -> None:
        """Closes the connection."""
        await self._rpc.close()

    async def balances(self, addresses: Sequence[Address]) -> list[Wei]:
        """Each address's balance in the latest block. Raises JsonRpcError and TransportError."""
        found = await self._rpc.batch([("eth_getBalance", [one, "latest"]) for one in addresses])
        return [Wei(from_hex(one)) for one in _all(found)]

    async def transfer(
        self,
        private_key: bytes,
        sender: Address,
        to: Address,
        value: Wei,
        *,
        timeout_s: float,
        on_sent: OnSent = lambda _: None,
    ) -> Receipt:
        """Sends and waits until the block is final. `on_sent` gets the hash once geth has it.

        Raises NotEnoughMoney, NonceConflict and TransactionFailed: then nothing was moved. Raises
        Replaced and NotFinal after sending; JsonRpcError and TransportError before it.
        """
        nonce = -1
        for _ in range(ATTEMPTS):
            transaction = await self._prepared(sender, to, value)
            nonce = transaction.nonce
            signed = sign(transaction, private_key)
            if await self._sent(signed, sender, transaction):
                on_sent(signed.hash)
                return await self._final(signed.hash, sender, transaction, timeout_s)
        raise NonceConflict(sender, nonce)

    async def _prepared(self, sender: Address, to: Address, value: Wei) -> Transaction:
        block, nonce, balance, gas = await self._rpc.batch(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getTransactionCount", [sender, "pending"]),
                ("eth_getBalance", [sender, "latest"]),
                ("eth_estimateGas", [{"from": sender, "to": to, "value": to_hex(value)}]),
            ]
        )
        block, nonce, balance = _all([block, nonce, balance])
        tip_wei = TIP_WEI + secrets.randbelow(TIP_OWN_WEI)
        max_fee_wei = BASE_FEE_FACTOR * from_hex(block["baseFeePerGas"]) + tip_wei
        gas_limit = TRANSFER_GAS if isinstance(gas, JsonRpcError) else from_hex(gas)
        needed = Wei(value + gas_limit * max_fee_wei)
        if from_hex(balance) < needed:
            raise NotEnoughMoney(sender, Wei(from_hex(balance)), value, needed)
        if isinstance(gas, JsonRpcError):
            raise TransactionFailed(f"{checksum_address(to)} does not take it: {gas.message}.")
        return Transaction(
            chain_id=self._chain_id,
            nonce=from_hex(nonce),
            to=to,
            value=value,
            max_fee_wei=max_fee_wei,
            max_priority_fee_wei=tip_wei,
            gas_limit=gas_limit,
        )

    async def _sent(self, signed: Signed, sender: Address, transaction: Transaction) -> bool:
        """Hands it to geth; False if its nonce is another's."""
        try:
            await self._rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        except JsonRpcError as error:
            if any(words in error.message for words in NONCE_TAKEN):
                return await self._is_known(signed.hash)
            if TOO_LITTLE in error.message:  # what the account has is promised to pending ones
                raise await self._too_little(sender, transaction, error) from error
            raise
        except TransportError:
            # It answered a moment ago, so it may have got this all the same: we look, never send
            # anything twice.
            return True
        return True

    async def _is_known(self, transaction: TransactionHash) -> bool:
        return await self._rpc.call("eth_getTransactionByHash", transaction) is not None

    async def _too_little(
        self, sender: Address, transaction: Transaction, error: JsonRpcError
    ) -> WindlassError:
        balance = Wei(from_hex(await self._rpc.call("eth_getBalance", sender, "latest")))
        needed = Wei(transaction.value + transaction.gas_limit * transaction.max_fee_wei)
        if balance < needed:
            return NotEnoughMoney(sender, balance, transaction.value, needed)
        refusal = TransactionFailed(
            f"{checksum_address(sender)} has {format_ether(balance)}, but transactions of it that "
            f"are not in a block yet leave less than the {format_ether(needed)} that this takes.",
            "Try again when they are final, in some seconds.",
        )
        refusal.__cause__ = error
        return refusal

    async def _final(
        self, hash_: TransactionHash, sender: Address, sent: Transaction, timeout_s: float
    ) -> Receipt:
        deadline = time.monotonic() + timeout_s
        why = ""
        gone = 0  # once can be a batch that a new block fell into
        while time.monotonic() < deadline:
            try:
                receipt, final, count = _all(
                    await self._rpc.batch(
                        [
                            ("eth_getTransactionReceipt", [hash_]),
                            ("eth_getBlockByNumber", ["finalized", False]),
                            ("eth_getTransactionCount", [sender, "latest"]),
                        ]
                    )
                )
                why = ""
            except (TransportError, JsonRpcError) as error:  # a node that restarts comes back
                why = error.sentence
                await asyncio.sleep(POLL_S)
                continue
            if receipt is None:
                gone = gone + 1 if from_hex(count) > sent.nonce else 0
                if gone > 1:
                    raise Replaced(hash_, sender, sent.nonce)
            elif final and from_hex(final["number"]) >= from_hex(receipt["blockNumber"]):
                return _receipt(receipt, hash_, sender, sent)
            await asyncio.sleep(POLL_S)
        raise NotFinal(hash_, timeout_s, why)


def _receipt(
    found: Mapping[str, Any], hash_: TransactionHash, sender: Address, sent: Transaction
) -> Receipt:
    assert sent.to is not None
    if from_hex(found["status"]) != 1:
        raise TransactionFailed(f"Transaction {hash_} was reverted by {checksum_address(sent.to)}.")
    return Receipt(
        hash=hash_,
        block=Height(from_hex(found["blockNumber"])),
        sender=sender,
        to=sent.to,
        value=sent.value,
        fee=Wei(from_hex(found["gasUsed"]) * from_hex(found["effectiveGasPrice"])),
    )


def _all(results: list[Any]) -> list[Any]:
    """The results of a batch. Raises the first JsonRpcError among them."""
    for one in results:
        if isinstance(one, JsonRpcError):
            raise one
    return results
