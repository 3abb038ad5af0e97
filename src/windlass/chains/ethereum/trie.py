"""The root of a Merkle Patricia trie, for tries that are known whole and never change.

Ethereum names a state by the root hash of a trie over its accounts (yellow paper, appendix D).
Block 0 is all that we ever hash ourselves, so there is no database and no update: the root falls
out of one pass over the sorted keys. Keys are hashed first (a "secure" trie), as state and storage
tries do; all keys are thus 32 bytes long and none is the beginning of another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from windlass.chains.ethereum import rlp
from windlass.chains.ethereum.keccak import keccak256

EMPTY_ROOT = keccak256(rlp.encode(b""))
"""Of a trie without entries: 0x56e81f…"""

_Leaf = tuple[str, bytes]
"""The key as hex digits, one per nibble, and the value."""


def secure_root(entries: Mapping[bytes, bytes]) -> bytes:
    """The 32-byte root over the hashes of the keys. Values are RLP already and not empty."""
    if not entries:
        return EMPTY_ROOT
    leaves = sorted((keccak256(key).hex(), value) for key, value in entries.items())
    return keccak256(rlp.encode(_node(leaves, 0)))


def _node(leaves: Sequence[_Leaf], depth: int) -> rlp.Item:
    """The node that holds these sorted leaves, whose keys agree in the first `depth` nibbles."""
    first, value = leaves[0]
    if len(leaves) == 1:
        return [_path(first[depth:], leaf=True), value]
    shared = _shared(first, leaves[-1][0], depth)
    if shared > depth:
        return [_path(first[depth:shared], leaf=False), _reference(_node(leaves, shared))]
    branch: list[rlp.Item] = [b""] * 17  # the 17th is for a key that ends here: none does
    start = 0
    while start < len(leaves):
        nibble = leaves[start][0][depth]
        end = start
        while end < len(leaves) and leaves[end][0][depth] == nibble:
            end += 1
        branch[int(nibble, 16)] = _reference(_node(leaves[start:end], depth + 1))
        start = end
    return branch


def _shared(first: str, last: str, depth: int) -> int:
    """How many nibbles all leaves share: as many as the first and the last of the sorted ones."""
    while first[depth] == last[depth]:
        depth += 1
    return depth


def _path(nibbles: str, *, leaf: bool) -> bytes:
    """Hex-prefix encoding: leaf or extension, and whether the number of nibbles is odd."""
    flag = 2 if leaf else 0
    odd = len(nibbles) % 2
    return bytes.fromhex(f"{flag + odd:x}" + ("" if odd else "0") + nibbles)


def _reference(node: rlp.Item) -> rlp.Item:
    """How a node is named in the one above it: by its hash, or as itself if that is shorter."""
    encoded = rlp.encode(node)
    return node if len(encoded) < 32 else keccak256(encoded)
