"""Transactions as nodes take them: typed (EIP-2718), with EIP-1559 fees, signed by one key.

Older kinds exist but nothing here makes them: a base fee is part of every chain that we start, and
the chain id inside the signature keeps a transaction from being valid anywhere else.
"""

from __future__ import annotations

import msgspec

from windlass.chains.ethereum import rlp
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.keys import PrivateKey
from windlass.chains.ethereum.quantities import Address, TransactionHash, Wei

TRANSFER_GAS = 21_000
"""What a transfer to an account without code uses (yellow paper, appendix G: G_transaction)."""

_FEE_MARKET_TYPE = b"\x02"


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be signed. `to` is None for the deployment of a contract, whose code is `data`.

    The fees are per unit of gas: at most `max_fee_wei` in all, of which at most
    `max_priority_fee_wei` go to the block's maker.
    """

    chain_id: int
    nonce: int
    to: Address | None
    value: Wei
    max_fee_wei: int
    max_priority_fee_wei: int
    gas_limit: int = TRANSFER_GAS
    data: bytes = b""


class Signed(msgspec.Struct, frozen=True):
    """A transaction to send: `raw` for eth_sendRawTransaction and the hash that it will have."""

    raw: bytes
    hash: TransactionHash


def sign(transaction: Transaction, private_key: bytes) -> Signed:
    """Signs with a 32-byte secp256k1 key. Raises keys.InvalidKeyError, ValueError if out of range.

    The same transaction and key always give the same bytes (RFC 6979), so sending twice is safe.
    """
    if transaction.max_priority_fee_wei > transaction.max_fee_wei:
        raise ValueError("the fee for the block's maker is larger than the whole fee")
    if transaction.value >= 2**256 or transaction.nonce >= 2**64 - 1:
        raise ValueError("the value or the nonce is larger than the protocol allows")
    fields: list[rlp.Encodable] = [
        transaction.chain_id,
        transaction.nonce,
        transaction.max_priority_fee_wei,
        transaction.max_fee_wei,
        transaction.gas_limit,
        b"" if transaction.to is None else bytes.fromhex(transaction.to[2:]),
        transaction.value,
        transaction.data,
        [],  # access list (EIP-2930): it only pays where many cold slots are read
    ]
    digest = keccak256(_FEE_MARKET_TYPE + rlp.encode(fields))
    signature = PrivateKey(private_key).sign(digest)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    raw = _FEE_MARKET_TYPE + rlp.encode([*fields, signature[64], r, s])
    return Signed(raw, TransactionHash("0x" + keccak256(raw).hex()))
