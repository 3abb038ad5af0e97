"""Raw transactions taken apart: what eth_account signed is what we read, garbage is refused."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from windlass.chains.ethereum import rlp
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.keys import PrivateKey
from windlass.chains.ethereum.raw_transaction import MalformedTransaction, decode

ACCOUNT = Account.from_key("0x" + "11" * 32)
TO = "0x" + "12" * 20
ACCESS = [{"address": TO, "storageKeys": ["0x" + "01" * 32, "0x" + "02" * 32]}]


def _kinds(nonce: int) -> list[tuple[int, dict[str, Any]]]:
    common: dict[str, Any] = {
        "to": TO, "value": 5, "gas": 60_000, "nonce": nonce, "data": "0x1234", "chainId": 20261,
    }  # fmt: skip
    fees = {"maxFeePerGas": 900, "maxPriorityFeePerGas": 7}
    authorization = ACCOUNT.sign_authorization({"chainId": 20261, "address": TO, "nonce": 3})
    return [
        (0, {**common, "gasPrice": 900}),
        (1, {**common, "gasPrice": 900, "accessList": ACCESS, "type": 1}),
        (2, {**common, **fees, "accessList": ACCESS, "type": 2}),
        (4, {**common, **fees, "authorizationList": [authorization], "type": 4}),
    ]


@given(nonce=st.integers(0, 2**64 - 2))
def test_every_type_is_read_as_it_was_signed(nonce: int) -> None:
    """Hash, sender, chain id, nonce and fees are those of an independent signer."""
    for kind, fields in _kinds(nonce):
        signed = ACCOUNT.sign_transaction(fields)
        found = decode(bytes(signed.raw_transaction))
        assert found.type == kind
        assert found.hash == "0x" + bytes(signed.hash).hex()
        assert found.sender() == ACCOUNT.address.lower()
        assert (found.chain_id, found.nonce, found.gas_limit) == (20261, nonce, 60_000)
        assert found.max_fee_wei == 900
        assert found.max_priority_fee_wei == (7 if kind > 1 else 900)


def test_one_that_is_valid_on_every_chain_has_no_chain_id() -> None:
    """Before EIP-155 the chain was not signed."""
    fields = {"to": TO, "value": 5, "gas": 21_000, "nonce": 1, "gasPrice": 9}
    signed = ACCOUNT.sign_transaction(fields)
    found = decode(bytes(signed.raw_transaction))
    assert (found.chain_id, found.sender()) == (None, ACCOUNT.address.lower())


def test_a_blob_transaction_is_read_with_and_without_its_blobs() -> None:
    """Both forms have the same hash and sender: that of the form without."""
    fields: list[Any] = [20261, 4, 7, 900, 60_000, bytes(20), 0, b"", [], 3, [b"\x01" * 32]]
    key = PrivateKey(b"\x11" * 32)
    signature = key.sign(keccak256(b"\x03" + rlp.encode(fields)))
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    body = [*fields, signature[64], r, s]
    bare = decode(b"\x03" + rlp.encode(body))
    assert bare == decode(b"\x03" + rlp.encode([body, [b"blob"], [b"commitment"], [b"proof"]]))
    assert (bare.nonce, bare.max_fee_wei, bare.chain_id) == (4, 900, 20261)
    assert bare.sender() == key.address


@given(data=st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    """Whatever the bytes are, nothing but MalformedTransaction comes out, or a transaction."""
    for raw in (data, b"\x02" + data, b"\x02" + rlp.encode([data] * 12), rlp.encode([data] * 9)):
        try:
            decode(raw).sender()
        except MalformedTransaction:
            continue


@given(data=st.binary(min_size=1, max_size=4), position=st.integers(0, 200))
def test_a_changed_byte_is_never_the_same_transaction(data: bytes, position: int) -> None:
    """What is not the signed bytes has another hash or is refused."""
    signed = ACCOUNT.sign_transaction(_kinds(1)[2][1])
    raw = bytearray(signed.raw_transaction)
    position %= len(raw)
    raw[position : position + len(data)] = data
    if bytes(raw) == bytes(signed.raw_transaction):
        return
    try:
        assert decode(bytes(raw)).hash != "0x" + bytes(signed.hash).hex()
    except MalformedTransaction:
        return


def test_lists_within_are_not_walked() -> None:
    """An access list of a hundred thousand items is no more than bytes here."""
    fields: list[Any] = [1, 1, 1, 1, 1, bytes(20), 0, b"", [b"\x01"] * 100_000, 0, 5, 6]
    encoded = b"\x02" + rlp.encode(fields)
    items = rlp.split(encoded[1:], items_max=16)
    assert len(items) == 12
    assert rlp.join(items) == encoded[1:]
    with pytest.raises(rlp.RlpError):
        rlp.split(encoded[1:], items_max=11)
