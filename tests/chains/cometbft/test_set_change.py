"""The document of a change: one form, strict fields, and signatures that hold for it alone."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.set_changes import change, key
from windlass.chains.cometbft.configuration import CHANGE_BYTES_MAX
from windlass.chains.cometbft.set_change import (
    DOMAIN,
    VALIDATORS_MAX,
    MalformedChange,
    SetChange,
    decode,
    encode,
    from_file,
    public_key_from,
    to_file,
)

ADDED = change("add", key("new"), signers=[key("a"), key("b")])


def test_there_and_back() -> None:
    """A change is the same after a file and after a transaction."""
    assert decode(encode(ADDED)) == ADDED
    assert from_file(to_file(ADDED)) == ADDED
    removed = change("remove", key("a"))
    assert decode(encode(removed)) == removed


def test_the_largest_fits() -> None:
    """The signatures of a hundred validators fit into what CometBFT's mempool takes."""
    signers = [key(str(number)) for number in range(VALIDATORS_MAX)]
    largest = change("add", key("new"), name="x" * 40, signers=signers)

    assert decode(encode(largest)) == largest
    assert len(encode(largest)) <= CHANGE_BYTES_MAX
    with pytest.raises(ValueError, match="more than 100 signatures"):
        largest.signed(key("one more"))


def test_signed_bytes_are_no_message_of_cometbft() -> None:
    """CometBFT signs what begins with its length, never zero; a change begins with a zero byte."""
    assert ADDED.signed_bytes().startswith(DOMAIN)
    assert DOMAIN[0] == 0


@pytest.mark.parametrize(
    "other",
    [
        {"network": "other-1"},
        {"genesis": "0x" + "cd" * 32},
        {"name": "another"},
        {"fee_recipient": "0x" + "66" * 20},
        {"sequence": 2},
        {"expires": 7},
        {"public_key": change("add", key("thief")).public_key},
    ],
)
def test_a_signature_holds_for_its_change_alone(other: dict[str, object]) -> None:
    """Whatever is altered, nobody has signed it."""
    signature = ADDED.signatures[0]
    assert ADDED.holds(signature)
    assert not msgspec.structs.replace(ADDED, **other).holds(signature)


def test_there_is_one_encoding() -> None:
    """White space, another order or an escape is refused: two encodings would be two changes."""
    text = encode(ADDED)[1:]
    for variant in (
        text.replace(b'":', b'": '),
        text + b" ",
        text.replace(b'"add"', b'"\\u0061dd"'),
        b'{"network":' + text.split(b'"network":')[1].split(b",")[0] + b"," + text[1:],
    ):
        with pytest.raises(MalformedChange):
            decode(b"\x02" + variant)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("schema", 2, "schema"),
        ("action", "replace", "action"),
        ("public_key", "AAAA", "32 bytes"),
        ("public_key", "é" * 44, "32 bytes"),
        ("name", "", "name"),
        ("name", "two\nlines", "name"),
        ("fee_recipient", "", "fee_recipient"),
        ("fee_recipient", "0x" + "AB" * 20, "fee_recipient"),
        ("power", 11, "power"),
        ("power", -10, "power"),
        ("sequence", 0, "sequence"),
        ("expires", 1 << 63, "expires"),
        ("network", "", "network"),
        ("network", 'quo"te', "network"),
        ("genesis", "0x12", "genesis"),
        ("more", 1, "more"),
    ],
)
def test_what_is_no_change(field: str, value: object, told: str) -> None:
    """A field that is not as it must be is refused by its name."""
    document = {**msgspec.to_builtins(ADDED), field: value}

    with pytest.raises(MalformedChange, match=told):
        from_file(msgspec.json.encode(document))


@given(st.binary(max_size=300))
def test_garbage(content: bytes) -> None:
    """Any bytes are a change or a MalformedChange, nothing else."""
    for read in (decode, from_file):
        try:
            found = read(content)
        except MalformedChange:
            continue
        assert isinstance(found, SetChange)


@pytest.mark.parametrize("text", ["", "x", "A" * 44, "AAAA"])
def test_no_public_key(text: str) -> None:
    """What is passed on as a public key is 32 bytes in Base64."""
    with pytest.raises(ValueError, match="32 bytes in Base64"):
        public_key_from(text)
