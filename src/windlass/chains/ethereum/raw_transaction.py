"""A signed transaction as clients send it → its hash, nonce and fees, and who sent it.

Only what a gateway has to know is taken out of the bytes; whether the rest makes sense the node
says. So the time that it takes does not depend on what a stranger puts into the lists. All kinds
that geth takes: legacy (EIP-155 or older), 1 (EIP-2930), 2 (EIP-1559), 3 (EIP-4844), 4 (EIP-7702).
"""

from __future__ import annotations

import msgspec

from windlass.chains.ethereum import rlp
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.keys import InvalidKeyError, address_from_public_key, recover
from windlass.chains.ethereum.quantities import Address, TransactionHash, Wei
from windlass.chains.ethereum.rlp import RlpError

LEGACY = 0
BLOB = 3
_ITEMS_MAX = 16
_SIGNED = {1: 8, 2: 9, 3: 11, 4: 10}
"""How many fields of each type are signed; parity, r and s follow them."""
_LEGACY_SIGNED = 6
_FIRST_PROTECTED_V = 35  # EIP-155: v is 35 or 36 plus twice the chain id


class MalformedTransaction(ValueError):
    """The bytes are no signed transaction of a known kind."""


class RawTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """What the sender has signed, as far as it is needed. `chain_id` is None in a transaction that
    is valid on every chain (before EIP-155). `fields` are the signed and the signature's fields,
    still encoded; `digest` is what the signature is over."""

    type: int
    hash: TransactionHash
    digest: bytes
    chain_id: int | None
    nonce: int
    gas_limit: int
    max_fee_wei: Wei
    max_priority_fee_wei: Wei
    fields: tuple[bytes, ...]
    parity: int
    v: int

    def sender(self) -> Address:
        """Who signed it. Raises MalformedTransaction if nobody can have.

        The key is recovered at every call, which takes longer than all of `decode`: whoever is in
        a hurry does something else first.
        """
        try:
            r, s = (_number(field).to_bytes(32, "big") for field in self.fields[-2:])
            key = recover(r + s + bytes([self.parity]), self.digest)
        except (RlpError, InvalidKeyError, OverflowError) as error:
            raise MalformedTransaction(str(error)) from error
        return address_from_public_key(key)


def decode(raw: bytes) -> RawTransaction:
    """Takes it apart; the signature is not looked at. Raises MalformedTransaction."""
    try:
        if not raw:
            raise MalformedTransaction("there is nothing")
        if raw[0] >= 0xC0:
            return _legacy(raw)
        return _typed(raw[0], raw)
    except RlpError as error:
        raise MalformedTransaction(str(error)) from error


def _legacy(raw: bytes) -> RawTransaction:
    fields = rlp.split(raw, items_max=_ITEMS_MAX)
    if len(fields) != _LEGACY_SIGNED + 3:
        raise MalformedTransaction(f"a legacy transaction has 9 fields, not {len(fields)}")
    v = _number(fields[6])
    signed = fields[:_LEGACY_SIGNED]
    chain_id: int | None = None
    if v >= _FIRST_PROTECTED_V:
        chain_id, parity = divmod(v - _FIRST_PROTECTED_V, 2)
        signed = [*signed, rlp.encode(chain_id), rlp.encode(b""), rlp.encode(b"")]
    elif v in (27, 28):
        parity = v - 27
    else:
        raise MalformedTransaction("its signature has no valid v")
    price_wei = _number(fields[1])
    return RawTransaction(
        type=LEGACY,
        hash=_hash(raw),
        digest=keccak256(rlp.join(signed)),
        chain_id=chain_id,
        nonce=_number(fields[0]),
        gas_limit=_number(fields[2]),
        max_fee_wei=Wei(price_wei),
        max_priority_fee_wei=Wei(price_wei),
        fields=tuple(fields),
        parity=parity,
        v=v,
    )


def _typed(kind: int, raw: bytes) -> RawTransaction:
    count = _SIGNED.get(kind)
    if count is None:
        raise MalformedTransaction(f"there is no type {kind} of transactions")
    body = raw[1:]
    fields = rlp.split(body, items_max=_ITEMS_MAX)
    if kind == BLOB and fields and fields[0][0] >= 0xC0:
        # On its way to a pool it carries its blobs, which are no part of its hash.
        body = fields[0]
        fields = rlp.split(body, items_max=_ITEMS_MAX)
    if len(fields) != count + 3:
        raise MalformedTransaction(f"type {kind} has {count + 3} fields, not {len(fields)}")
    prefix = bytes([kind])
    parity = _number(fields[count])
    if parity > 1:
        raise MalformedTransaction("its signature has no valid parity")
    # The fees stand behind chain id and nonce: one gas price in type 1, priority and whole later.
    whole, gas = (2, 3) if kind == 1 else (3, 4)
    return RawTransaction(
        type=kind,
        hash=_hash(prefix + body),
        digest=keccak256(prefix + rlp.join(fields[:count])),
        chain_id=_number(fields[0]),
        nonce=_number(fields[1]),
        gas_limit=_number(fields[gas]),
        max_fee_wei=Wei(_number(fields[whole])),
        max_priority_fee_wei=Wei(_number(fields[2])),
        fields=tuple(fields),
        parity=parity,
        v=parity,
    )


def _hash(encoded: bytes) -> TransactionHash:
    return TransactionHash("0x" + keccak256(encoded).hex())


def _number(field: bytes) -> int:
    if field[0] >= 0xC0:
        raise RlpError("a number is needed, not a list")
    if len(field) > 33 + 1:
        raise RlpError("a number is too large")
    if field[0] > 0x81 and field[1]:  # a string of several bytes, its length checked by `split`
        return int.from_bytes(field[1:], "big")
    return rlp.decode_int(rlp.decode(field))
