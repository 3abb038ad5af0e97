"""RLP against the `rlp` package, and against bytes that nobody should send."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from windlass.chains.ethereum import rlp
from windlass.chains.ethereum.rlp import DEPTH_MAX, RlpError

oracle: Any = importlib.import_module("rlp")  # has no types

items = st.recursive(st.binary(max_size=300), lambda inner: st.lists(inner, max_size=8))


def _plain(item: Any) -> Any:
    return item if isinstance(item, bytes) else [_plain(element) for element in item]


@given(items)
@example(b"x" * 55)
@example(b"x" * 56)
@example([b"x" * 54])
@example([b"x" * 55])
@example(b"\x7f")
@example(b"\x80")
def test_round_trip_and_oracle(item: rlp.Item) -> None:
    """What is encoded is what the reference writes, and decodes to what it was."""
    encoded = rlp.encode(item)
    assert encoded == oracle.encode(item)
    assert rlp.decode(encoded) == item


@given(st.binary(max_size=200))
@example(b"\xc1\xc0")
@example(b"\x81\x7f")
@example(b"\xb8\x37" + b"x" * 55)
@example(b"\xb9\x00\x38" + b"x" * 56)
@example(b"\xff" * 9)
def test_arbitrary_bytes(data: bytes) -> None:
    """Exactly the bytes that the reference takes are taken; everything else is an RlpError."""
    try:
        expected = _plain(oracle.decode(data, strict=True))
    except oracle.exceptions.DecodingError:
        with pytest.raises(RlpError):
            rlp.decode(data)
    else:
        assert rlp.decode(data) == expected


@given(items, st.data())
def test_damaged_encodings(item: rlp.Item, data: st.DataObject) -> None:
    """A changed, cut or prolonged encoding decodes to another item or is refused; nothing else."""
    encoded = bytearray(rlp.encode(item))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] = data.draw(st.integers(0, 255))
    try:
        decoded = rlp.decode(bytes(encoded))
    except RlpError:
        return
    assert rlp.encode(decoded) == bytes(encoded)


@given(items, st.binary(max_size=20))
def test_prefix(item: rlp.Item, rest: bytes) -> None:
    """The item at the start is found whatever follows it (EIP-8)."""
    encoded = rlp.encode(item)
    assert rlp.decode_prefix(encoded + rest) == (item, len(encoded))


@given(st.integers(0, 2**300))
def test_numbers(number: int) -> None:
    """Numbers are scalars: shortest big-endian form, zero as nothing."""
    assert rlp.encode(number) == oracle.encode(number)
    assert rlp.decode_int(rlp.decode(rlp.encode(number))) == number


@pytest.mark.parametrize("item", [b"\0", b"\0\1", [], [b"\1"]])
def test_what_is_no_number(item: rlp.Item) -> None:
    """A leading zero or a list is no number."""
    with pytest.raises(RlpError):
        rlp.decode_int(item)


def test_depth_is_bounded() -> None:
    """A bomb of nested lists is refused instead of exhausting the stack."""

    def nested(depth: int) -> bytes:
        encoded = b"\xc0"
        for _ in range(depth - 1):
            encoded = oracle.codec.length_prefix(len(encoded), 0xC0) + encoded
        return encoded

    rlp.decode(nested(DEPTH_MAX))
    for depth in (DEPTH_MAX + 1, 20_000):
        with pytest.raises(RlpError, match="nested"):
            rlp.decode(nested(depth))


def test_what_cannot_be_encoded() -> None:
    """Negative numbers and text are refused instead of being written somehow."""
    with pytest.raises(ValueError, match="negative"):
        rlp.encode(-1)
    with pytest.raises(TypeError):
        rlp.encode("text")
