"""Payloads as bytes: one form, bounded, and nothing but MalformedPayload for the rest."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.payloads import GENESIS_HASH, fields, payload
from windlass.chains.ethereum import payload_codec
from windlass.chains.ethereum.payload import MalformedPayload, Payload, parse

ROOT = "0x" + "55" * 32


def data(length: int | None = None, length_max: int = 80) -> st.SearchStrategy[str]:
    low, high = (length, length) if length is not None else (0, length_max)
    return st.binary(min_size=low, max_size=high).map(lambda raw: "0x" + raw.hex())


def items(count_max: int) -> st.SearchStrategy[list[str]]:
    item = st.binary(min_size=1, max_size=200).map(lambda raw: "0x" + raw.hex())
    return st.lists(item, max_size=count_max)


def quantity(bits: int) -> st.SearchStrategy[str]:
    return st.integers(0, 2**bits - 1).map(hex)


payloads = st.builds(
    parse,
    st.fixed_dictionaries(
        {
            "parentHash": data(32),
            "feeRecipient": data(20),
            "stateRoot": data(32),
            "receiptsRoot": data(32),
            "logsBloom": data(256),
            "prevRandao": data(32),
            "blockNumber": quantity(64),
            "gasLimit": quantity(64),
            "gasUsed": quantity(64),
            "timestamp": quantity(64),
            "extraData": data(length_max=32),
            "baseFeePerGas": quantity(256),
            "blockHash": data(32),
            "transactions": items(5),
            "withdrawals": st.just([]),
            "blobGasUsed": quantity(64),
            "excessBlobGas": quantity(64),
        }
    ),
    items(3),
    data(32),
)


def wrapped(document: Any, version: int = 1) -> bytes:
    text = document if isinstance(document, bytes) else canonical(document)
    return bytes([version]) + zlib.compress(text)


def canonical(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def document(**changes: Any) -> dict[str, Any]:
    return {"p": fields(1, GENESIS_HASH, **changes), "q": [], "r": ROOT}


@given(payloads)
def test_decoding_gives_back_what_was_encoded(original: Payload) -> None:
    """Every well-formed payload survives the way there and back unchanged."""
    assert payload_codec.decode(payload_codec.encode(original)) == original


@given(payloads, st.data())
@settings(max_examples=200)
def test_no_change_of_the_bytes_smuggles_anything_in(
    original: Payload, draw: st.DataObject
) -> None:
    """Flipped, cut or inserted bytes are refused, or mean a payload with the very same JSON."""
    encoded = bytearray(payload_codec.encode(original))
    at = draw.draw(st.integers(0, len(encoded) - 1))
    change = draw.draw(st.sampled_from(["flip", "cut", "insert"]))
    if change == "flip":
        encoded[at] ^= draw.draw(st.integers(1, 255))
    elif change == "cut":
        del encoded[at:]
    else:
        encoded.insert(at, draw.draw(st.integers(0, 255)))
    try:
        read = payload_codec.decode(bytes(encoded))
    except MalformedPayload:
        return
    plain = zlib.decompress(bytes(encoded[1:]))
    assert payload_codec.canonical_json(read) == plain


@given(st.binary(max_size=500))
def test_garbage_is_refused_in_one_way(garbage: bytes) -> None:
    """Whatever bytes come, the only error is MalformedPayload, also behind a valid envelope."""
    for candidate in (garbage, b"\x01" + garbage, wrapped(garbage)):
        with pytest.raises(MalformedPayload):
            payload_codec.decode(candidate)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(st.sampled_from(sorted(fields(1, GENESIS_HASH))), json_values)
def test_a_field_of_any_other_shape_is_refused(name: str, value: Any) -> None:
    """No JSON value in place of a field's own form gets through."""
    if name in ("withdrawals", "transactions") and value == []:
        return
    with pytest.raises(MalformedPayload):
        payload_codec.decode(wrapped(document(**{name: value})))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"parentHash": "0x" + "AB" * 32}, "parentHash"),
        ({"parentHash": "0x" + "ab" * 31}, "parentHash"),
        ({"blockNumber": "0x01"}, "blockNumber"),
        ({"blockNumber": "0x"}, "blockNumber"),
        ({"blockNumber": "1"}, "blockNumber"),
        ({"blockNumber": "0x1" + "0" * 16}, "blockNumber"),
        ({"timestamp": "0x1\n"}, "timestamp"),
        ({"baseFeePerGas": "0x1" + "0" * 64}, "baseFeePerGas"),
        ({"extraData": "0x" + "00" * 33}, "extraData"),
        ({"extraData": "0x0"}, "extraData"),
        ({"transactions": ["0x"]}, "transactions"),
        ({"transactions": "0x00"}, "transactions"),
        ({"withdrawals": ["0x00"]}, "withdrawals"),
        ({"withdrawals": None}, "JSON"),
        ({"slotNumber": "0x1"}, "slotNumber"),
    ],
)
def test_each_strict_rule_names_its_field(changes: dict[str, Any], told: str) -> None:
    """Upper case, leading zeros, odd lengths, oversizes and unknown fields are refused by name."""
    with pytest.raises(MalformedPayload, match=told):
        payload_codec.decode(wrapped(document(**changes)))


def test_every_field_is_needed() -> None:
    """A payload that lacks any one field is refused by that field's name."""
    for name in fields(1, GENESIS_HASH):
        whole = document()
        del whole["p"][name]
        with pytest.raises(MalformedPayload, match=name):
            payload_codec.decode(wrapped(whole))


@pytest.mark.parametrize(
    "text",
    [
        canonical(document()) + b" ",
        json.dumps(document()).encode(),
        canonical(document()).replace(b'"q":[]', b'"q":[],"q":[]'),
        canonical(document()).replace(b'"gasUsed":"0x0"', b'"gasUsed":"0x0","gasUsed":"0x0"'),
        canonical(document()).replace(b'"0x7"', b'"\\u0030x7"'),
        canonical(document()).replace(b'"0x7"', b'"\xff"'),
        canonical(document()).replace(b'"gasUsed"', b'"\xff"'),
        canonical({**document(), "z": 1}),
        b"[" * 100_000,
        canonical(document(transactions=[[]])).replace(b"[[]]", b"[" * 9999 + b"]" * 9999),
    ],
    ids=[
        "space",
        "unsorted",
        "twice",
        "field-twice",
        "escape",
        "not-UTF-8",
        "name-not-UTF-8",
        "unknown",
        "depth",
        "deep-field",
    ],
)
def test_a_payload_has_one_json_only(text: bytes) -> None:
    """White space, order, repetition, escapes and extras are refused: one payload, one text."""
    with pytest.raises(MalformedPayload):
        payload_codec.decode(wrapped(text))


def test_compression_is_whole_alone_and_not_padded() -> None:
    """A cut stream, a tail, a second stream and filler between blocks are refused."""
    text = canonical(document())
    stream = zlib.compress(text)
    # RFC 1951 section 3.2.4: stored blocks, here without content, in front of one with all of it.
    sizes = len(text).to_bytes(2, "little") + (0xFFFF - len(text)).to_bytes(2, "little")
    whole = b"\x01" + sizes + text + zlib.adler32(text).to_bytes(4, "big")
    padded = b"\x78\x01" + b"\x00\x00\x00\xff\xff" * 2000 + whole
    assert zlib.decompress(padded) == text
    for bad in (stream[:-1], stream + b"\x00", stream + stream, padded):
        with pytest.raises(MalformedPayload):
            payload_codec.decode(b"\x01" + bad)
    for level in (0, 1, 9):
        assert payload_codec.decode(b"\x01" + zlib.compress(text, level)) is not None


def test_a_small_stream_that_inflates_without_end_is_refused() -> None:
    """A zip bomb costs no more memory than the stated bound."""
    bomb = zlib.compress(b"0" * (payload_codec.JSON_BYTES_MAX + 1), 9)
    assert len(bomb) < 100_000
    with pytest.raises(MalformedPayload, match="inflates to more"):
        payload_codec.decode(b"\x01" + bomb)


def test_sizes_are_bounded_before_anything_is_read() -> None:
    """More than the stated bytes are refused as they are, in both directions."""
    with pytest.raises(MalformedPayload, match="larger"):
        payload_codec.decode(b"\x01" * (payload_codec.ENCODED_BYTES_MAX + 1))
    huge = "0x" + "00" * (payload_codec.JSON_BYTES_MAX // 2)
    with pytest.raises(MalformedPayload, match="larger"):
        payload_codec.encode(payload(1, transactions=[huge]))


@pytest.mark.parametrize("version", [0, 2, 255])
def test_an_unknown_version_is_refused(version: int) -> None:
    """The first byte says how to read the rest."""
    with pytest.raises(MalformedPayload, match="version"):
        payload_codec.decode(wrapped(document(), version))
