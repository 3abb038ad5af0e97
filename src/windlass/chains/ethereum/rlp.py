"""RLP, Ethereum's encoding of nested lists of byte strings (yellow paper, appendix B).

Decoding is strict: one text has exactly one meaning, so every form that a conforming encoder would
not write is refused. It works on hostile bytes: lengths are checked before anything is taken, the
nesting is bounded, and `RlpError` is all that ever comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, Union

DEPTH_MAX = 64  # Ethereum's deepest structure, a trie node in a proof, nests less than ten deep

Item: TypeAlias = Union[bytes, "list[Item]"]
Encodable: TypeAlias = Union[bytes, int, "Sequence[Encodable]"]
"""Whole numbers are written as RLP scalars: big-endian without leading zeros, 0 as no bytes."""


class RlpError(ValueError):
    """The bytes are not RLP."""


def encode(item: Encodable) -> bytes:
    """The one RLP form. Raises ValueError for a negative number."""
    if isinstance(item, (bytes, bytearray, memoryview)):
        data = bytes(item)
        if len(data) == 1 and data[0] < 0x80:
            return data
        return _prefix(len(data), 0x80) + data
    if isinstance(item, int):
        return encode(encode_int(item))
    if isinstance(item, str):
        raise TypeError("RLP has no text: encode it to bytes first")
    payload = b"".join([encode(element) for element in item])
    return _prefix(len(payload), 0xC0) + payload


def encode_int(number: int) -> bytes:
    """Big-endian without leading zeros; 0 is b"". Raises ValueError for a negative number."""
    if number < 0:
        raise ValueError(f"RLP has no negative numbers, got {number}")
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode(data: bytes) -> Item:
    """The one item that these bytes are. Raises RlpError, also for bytes after it."""
    item, end = decode_prefix(data)
    if end != len(data):
        raise RlpError(f"{len(data) - end} bytes follow the item")
    return item


def decode_prefix(data: bytes) -> tuple[Item, int]:
    """The item at the start and where it ends; what follows is left alone. Raises RlpError."""
    if not data:
        raise RlpError("there is nothing")
    return _decode_at(data, 0, len(data), 0)


def split(data: bytes, *, items_max: int) -> list[bytes]:
    """The items of the one list that these bytes are, each still encoded.

    What lies in nested lists is not looked at, so the time does not depend on how many items a
    stranger has put there. Raises RlpError, also for more than `items_max` items.
    """
    if not data or data[0] < 0xC0:
        raise RlpError("a list is needed")
    position, end = _extent(data, 0, len(data), data[0] - 0xC0)
    if end != len(data):
        raise RlpError(f"{len(data) - end} bytes follow the list")
    items: list[bytes] = []
    while position < end:
        if len(items) >= items_max:
            raise RlpError(f"the list has more than {items_max} items")
        first = data[position]
        until = position + 1
        if first >= 0x80:
            code = first - (0xC0 if first >= 0xC0 else 0x80)
            _, until = _extent(data, position, end, code)
        items.append(data[position:until])
        position = until
    return items


def join(items: Sequence[bytes]) -> bytes:
    """The list of items that are encoded already; what `split` took apart."""
    payload = b"".join(items)
    return _prefix(len(payload), 0xC0) + payload


def decode_int(item: Item) -> int:
    """The number that a scalar means. Raises RlpError for a list or a leading zero."""
    if not isinstance(item, bytes):
        raise RlpError("a number is needed, not a list")
    if item[:1] == b"\0":
        raise RlpError("a number has a leading zero")
    return int.from_bytes(item, "big")


def _prefix(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = encode_int(length)
    return bytes([offset + 55 + len(size)]) + size


def _decode_at(data: bytes, start: int, limit: int, depth: int) -> tuple[Item, int]:
    first = data[start]
    if first < 0x80:
        return data[start : start + 1], start + 1
    is_list = first >= 0xC0
    begin, end = _extent(data, start, limit, first - (0xC0 if is_list else 0x80))
    if not is_list:
        if end - begin == 1 and data[begin] < 0x80:
            raise RlpError(f"a single byte is written with a length at {start}")
        return data[begin:end], end
    if depth >= DEPTH_MAX:
        raise RlpError(f"lists are nested more than {DEPTH_MAX} deep")
    items: list[Item] = []
    position = begin
    while position < end:
        item, position = _decode_at(data, position, end, depth + 1)
        items.append(item)
    return items, end


def _extent(data: bytes, start: int, limit: int, code: int) -> tuple[int, int]:
    """Where the content of the string or list at `start` begins and ends."""
    if code < 56:
        begin, length = start + 1, code
    else:
        begin = start + 1 + code - 55
        size = data[start + 1 : min(begin, limit)]
        if len(size) < code - 55:
            raise RlpError(f"the length at {start} is cut off")
        length = int.from_bytes(size, "big")
        if size[0] == 0 or length < 56:
            raise RlpError(f"the length at {start} is not in its shortest form")
    if length > limit - begin:
        raise RlpError(f"the item at {start} is cut off")
    return begin, begin + length
