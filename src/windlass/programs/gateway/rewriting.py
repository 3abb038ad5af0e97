"""Block parameters: `latest`, `safe` and `finalized` become the gateway's head, said or not said.

Every block of these networks is final, so the three are one. What geth takes as `latest` when it is
left out is put in. Whatever is not understood is passed on as it came: geth refuses it in its own
words.
"""

from __future__ import annotations

from typing import Any

import msgspec

from windlass.chains.ethereum.quantities import from_hex
from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.programs.gateway import messages

TAGS = ("latest", "safe", "finalized")
PENDING = b'"pending"'
_QUOTED = tuple(f'"{tag}"'.encode() for tag in TAGS)

_REQUIRED = {
    "eth_getBlockByNumber": 0,
    "eth_getHeaderByNumber": 0,
    "eth_getBlockReceipts": 0,
    "eth_getBlockTransactionCountByNumber": 0,
    "eth_getUncleCountByBlockNumber": 0,
    "eth_getUncleByBlockNumberAndIndex": 0,
    "eth_getTransactionByBlockNumberAndIndex": 0,
    "eth_getRawTransactionByBlockNumberAndIndex": 0,
    "eth_feeHistory": 1,
}
_OPTIONAL = {
    "eth_getBalance": 1,
    "eth_getCode": 1,
    "eth_getTransactionCount": 1,
    "eth_getStorageValues": 1,
    "eth_call": 1,
    "eth_estimateGas": 1,
    "eth_createAccessList": 1,
    "eth_simulateV1": 1,
    "eth_getStorageAt": 2,
    "eth_getProof": 2,
}
_POSITIONS = {**_REQUIRED, **_OPTIONAL}


class Rewritten(msgspec.Struct, gc=False):
    """Parameters to send. `block` is the highest block that they name, None if they name none by
    number; `pending` if they name what is not in a block yet."""

    params: bytes
    block: int | None = None
    pending: bool = False


def rewrite(method: str, params: msgspec.Raw | bytes, head: int) -> Rewritten:
    """The parameters with the head in place of tags."""
    position = _POSITIONS.get(method)
    if position is None:
        if method == "eth_getLogs":
            return _rewrite_logs(params, head)
        return Rewritten(bytes(params) or b"[]")
    items = messages.positional(params)
    if items is None:
        return Rewritten(bytes(params))
    if len(items) <= position or items[position] == messages.NULL:
        if method in _REQUIRED or len(items) < position:
            return Rewritten(messages.joined(items))
        items[position:] = [quantity(head), *items[position + 1 :]]
        return Rewritten(messages.joined(items), head)
    text = items[position] = _plain(items[position])
    if text in _QUOTED:
        items[position] = quantity(head)
        return Rewritten(messages.joined(items), head)
    if text == PENDING:
        return Rewritten(messages.joined(items), None, pending=True)
    if text[:1] == b"{":
        return _rewrite_object(items, position, head)
    return Rewritten(messages.joined(items), number_of(text))


def quantity(number: int) -> bytes:
    """A number as JSON-RPC writes it, with its quotes."""
    return b'"0x%x"' % number


def number_of(text: bytes) -> int | None:
    """The block that this JSON names by number, None if it names none so."""
    if text == b'"earliest"':
        return 0
    if not text.startswith(b'"0x') or len(text) > 20:  # a hash is longer, a number is not
        return None
    try:
        return from_hex(text[1:-1].decode())
    except ValueError:
        return None


def _plain(text: bytes) -> bytes:
    """A string without needless escapes, which geth unescapes before it looks for tags."""
    if b"\\" not in text or text[:1] != b'"':
        return text
    try:
        return msgspec.json.encode(json.decode(text, str))
    except JsonError:
        return text


def _rewrite_object(items: list[bytes], position: int, head: int) -> Rewritten:
    """EIP-1898: {"blockNumber": …} or {"blockHash": …}."""
    try:
        named = json.decode(items[position], dict[str, Any])
    except JsonError:
        return Rewritten(messages.joined(items))
    block = named.get("blockNumber")
    if block in TAGS:
        items[position] = quantity(head)
        return Rewritten(messages.joined(items), head)
    if not isinstance(block, str):
        return Rewritten(messages.joined(items))
    return Rewritten(
        messages.joined(items),
        number_of(msgspec.json.encode(block)),
        pending=block == "pending",
    )


def _rewrite_logs(params: msgspec.Raw | bytes, head: int) -> Rewritten:
    items = messages.positional(params)
    if not items:
        return Rewritten(bytes(params) or b"[]")
    try:
        wanted = json.decode(items[0], dict[str, msgspec.Raw])
    except JsonError:
        return Rewritten(messages.joined(items))
    if _given(wanted.get("blockHash")):
        return Rewritten(messages.joined(items))
    highest = 0
    for name in ("fromBlock", "toBlock"):
        text = bytes(wanted.get(name, messages.NULL))
        if text == messages.NULL or text in _QUOTED:
            wanted[name] = msgspec.Raw(quantity(head))
            highest = max(highest, head)
        else:
            highest = max(highest, number_of(text) or 0)
    items[0] = msgspec.json.encode(wanted)
    return Rewritten(messages.joined(items), highest)


def _given(value: msgspec.Raw | None) -> bool:
    return value is not None and bytes(value) != messages.NULL
