"""Sends money: what it costs, which nonce, signed here, and waited for until it is final.

The key never leaves this process: geth gets the signed transaction (eth_sendRawTransaction).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from windlass.chains.ethereum.quantities import (
    Address,
    Height,
    TransactionHash,
    Wei,
    format_ether,
    from_hex,
    to_hex,
)
from windlass.chains.ethereum.transactions import Transaction, sign
from windlass.kit.errors import WindlassError
from windlass.kit.http import HttpClient
from windlass.kit.json_rpc import JsonRpc, JsonRpcError

CALL_TIMEOUT_S = 10.0
POLL_S = 0.1
TIP_WEI = 10**9  # any tip is enough on a chain of one's own; one gwei also passes foreign minimums
BASE_FEE_FACTOR = 2  # the base fee can rise by an eighth per block: six full blocks are covered


class NotEnoughMoney(WindlassError):
    """The account can't pay the amount and the fee."""

    code = "not_enough_money"

    def __init__(self, sender: Address, balance: Wei, needed: Wei) -> None:
        super().__init__(
            f"{sender} has {format_ether(balance)}, sending takes up to {format_ether(needed)}.",
            "Send less, or fund the account first: `windlass fund ADDRESS AMOUNT`.",
        )
        self.sender, self.balance, self.needed = sender, balance, needed


class NotFinal(WindlassError):
    """The transaction was accepted but did not become final in time."""

    code = "not_final"

    def __init__(self, transaction: TransactionHash, timeout_s: float) -> None:
        super().__init__(
            f"Transaction {transaction} is not final after {timeout_s:.0f} s.",
            "It may still be: `windlass doctor` tells whether blocks are made.",
        )
        self.transaction = transaction


class TransactionFailed(WindlassError):
    """The transaction is in a final block, but its execution was reverted."""

    code = "transaction_failed"


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A final transfer. `fee` is what it cost the sender on top of the amount."""

    hash: TransactionHash
    block: Height
    sender: Address
    to: Address
    value: Wei
    fee: Wei


class Wallet:
    """Talks to one RPC URL of a network."""

    def __init__(self, rpc_url: str, chain_id: int) -> None:
        self._rpc = JsonRpc(HttpClient(rpc_url, timeout_s=CALL_TIMEOUT_S))
        self._chain_id = chain_id

    async def close(self) -> None:
        """Closes the connection."""
        await self._rpc.close()

    async def balances(self, addresses: list[Address]) -> list[Wei]:
        """Each address's balance in the latest block."""
        found = await self._rpc.batch([("eth_getBalance", [one, "latest"]) for one in addresses])
        return [Wei(from_hex(one)) for one in found]

    async def transfer(
        self, private_key: bytes, sender: Address, to: Address, value: Wei, *, timeout_s: float
    ) -> Receipt:
        """Sends and waits until the block is final.

        Raises NotEnoughMoney, NotFinal, TransactionFailed, JsonRpcError and TransportError.
        """
        block, nonce, balance, gas = await self._rpc.batch(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getTransactionCount", [sender, "pending"]),
                ("eth_getBalance", [sender, "latest"]),
                ("eth_estimateGas", [{"from": sender, "to": to, "value": to_hex(value)}]),
            ]
        )
        max_fee_wei = BASE_FEE_FACTOR * from_hex(block["baseFeePerGas"]) + TIP_WEI
        gas_limit = 21_000 if isinstance(gas, JsonRpcError) else from_hex(gas)
        needed = Wei(value + gas_limit * max_fee_wei)
        if from_hex(balance) < needed:
            raise NotEnoughMoney(sender, Wei(from_hex(balance)), needed)
        if isinstance(gas, JsonRpcError):
            raise gas
        signed = sign(
            Transaction(
                chain_id=self._chain_id,
                nonce=from_hex(nonce),
                to=to,
                value=value,
                max_fee_wei=max_fee_wei,
                max_priority_fee_wei=TIP_WEI,
                gas_limit=gas_limit,
            ),
            private_key,
        )
        await self._rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        receipt = await self._final(signed.hash, timeout_s)
        if from_hex(receipt["status"]) != 1:
            raise TransactionFailed(f"Transaction {signed.hash} was reverted by the receiver.")
        fee = from_hex(receipt["gasUsed"]) * from_hex(receipt["effectiveGasPrice"])
        return Receipt(
            hash=signed.hash,
            block=Height(from_hex(receipt["blockNumber"])),
            sender=sender,
            to=to,
            value=value,
            fee=Wei(fee),
        )

    async def _final(self, transaction: TransactionHash, timeout_s: float) -> Mapping[str, Any]:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            receipt, final = await self._rpc.batch(
                [
                    ("eth_getTransactionReceipt", [transaction]),
                    ("eth_getBlockByNumber", ["finalized", False]),
                ]
            )
            if isinstance(receipt, Mapping) and isinstance(final, Mapping):
                if from_hex(final["number"]) >= from_hex(receipt["blockNumber"]):
                    return receipt
            await asyncio.sleep(POLL_S)
        raise NotFinal(transaction, timeout_s)
