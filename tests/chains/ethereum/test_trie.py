"""The root of a trie, held against the `trie` package."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.trie import EMPTY_ROOT, secure_root


def of_the_package(entries: dict[bytes, bytes]) -> bytes:
    """The root as the field's own library computes it."""
    trie = HexaryTrie({})
    for key, value in entries.items():
        trie[keccak256(key)] = value
    return bytes(trie.root_hash)


def test_empty_root_is_the_known_one() -> None:
    """A trie without entries has the root that every empty block carries."""
    known = "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"

    assert EMPTY_ROOT.hex() == known
    assert secure_root({}).hex() == known


@given(st.dictionaries(st.binary(max_size=40), st.binary(min_size=1, max_size=120), max_size=60))
def test_root_equals_the_package(entries: dict[bytes, bytes]) -> None:
    """Any set of entries gives the root that the `trie` package gives."""
    assert secure_root(entries) == of_the_package(entries)


@pytest.mark.parametrize("count", [1, 2, 17, 1000])
def test_root_of_many_short_values(count: int) -> None:
    """Values so short that leaves lie inside their branches are placed like the package does."""
    entries = {number.to_bytes(2, "big"): b"\x01" for number in range(count)}

    assert secure_root(entries) == of_the_package(entries)


def test_order_does_not_matter() -> None:
    """The root depends on what is in the trie, not on the order in which it came."""
    entries = {bytes([number]): bytes([number + 1]) for number in range(50)}

    assert secure_root(entries) == secure_root(dict(reversed(entries.items())))
