"""Signed transactions, held against eth_account."""

from __future__ import annotations

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from windlass.chains.ethereum.keys import address_from_private_key
from windlass.chains.ethereum.quantities import Address, Wei
from windlass.chains.ethereum.transactions import Transaction, sign

KEY = bytes(range(1, 33))

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: Address("0x" + raw.hex()))
FEES = st.integers(0, 10**12)
TRANSACTIONS = st.builds(
    lambda low, high, **rest: Transaction(
        max_priority_fee_wei=min(low, high), max_fee_wei=max(low, high), **rest
    ),
    FEES,
    FEES,
    chain_id=st.integers(1, 2**52),
    nonce=st.integers(0, 2**63),
    to=st.none() | ADDRESSES,
    value=st.integers(0, 2**256 - 1).map(Wei),
    gas_limit=st.integers(21_000, 30_000_000),
    data=st.binary(max_size=200),
)


@given(TRANSACTIONS, st.integers(1, 2**255).map(lambda number: number.to_bytes(32, "big")))
def test_bytes_equal_eth_accounts(transaction: Transaction, key: bytes) -> None:
    """Any transaction is signed to the same bytes and hash as by the field's own library."""
    fields = {
        "type": 2,
        "chainId": transaction.chain_id,
        "nonce": transaction.nonce,
        "value": transaction.value,
        "gas": transaction.gas_limit,
        "maxFeePerGas": transaction.max_fee_wei,
        "maxPriorityFeePerGas": transaction.max_priority_fee_wei,
        "data": transaction.data,
    }
    if transaction.to is not None:
        fields["to"] = bytes.fromhex(transaction.to[2:])
    theirs = Account.sign_transaction(fields, key)
    ours = sign(transaction, key)

    assert ours.raw == bytes(theirs.raw_transaction)
    assert ours.hash == "0x" + bytes(theirs.hash).hex()
    assert Account.recover_transaction(ours.raw).lower() == address_from_private_key(key)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_priority_fee_wei": 2, "max_fee_wei": 1},
        {"value": Wei(2**256)},
        {"nonce": 2**64},
        {"value": Wei(-1)},
    ],
)
def test_what_no_node_takes_is_not_signed(changes: dict[str, int]) -> None:
    """Values that the protocol has no room for are refused instead of signed."""
    fields: dict[str, int] = {
        "chain_id": 1,
        "nonce": 0,
        "value": 0,
        "max_fee_wei": 1,
        "max_priority_fee_wei": 1,
    }

    with pytest.raises(ValueError, match=r"fee|value|negative"):
        sign(Transaction(to=None, **{**fields, **changes}), KEY)  # type: ignore[arg-type]
