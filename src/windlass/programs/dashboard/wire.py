"""What nodes say over ethstats, brought to one shape: geth's numbers, Besu's hex strings.

A reporter may be anybody's program, so every number has a bound (a browser counts exactly to 2**53
only), every text a length and no control characters, and whatever does not fit is MalformedReport.
Two traps of Besu are undone here: its `syncing` means the opposite, and its latency is the whole
round trip. The `id` inside a message is not even read: who speaks is known from the login.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from windlass.kit import json
from windlass.kit.json import JsonError

NUMBER_MAX = 2**53 - 1
TIMESTAMP_MAX_S = 253_402_300_799  # the end of the year 9999
GAS_PRICE_MAX_WEI = 2**256 - 1
DIGITS_MAX = 78  # of 2**256 in decimal
LATENCY_MAX_MS = 600_000
NANOSECONDS_PER_MS = 1_000_000
TRANSACTIONS_MAX = 1_000_000
HISTORY_BLOCKS_MAX = 100
TEXT_CHARACTERS_MAX = 120
CLIENT_TIME_CHARACTERS_MAX = 80

_HASH = re.compile(r"0x[0-9a-f]{64}\Z")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,64}\Z")
_DECIMAL = re.compile(r"[0-9]{1,78}\Z", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,63}\Z", re.ASCII)

_GO_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})\.?([0-9]{0,9}) ([+-][0-9]{4})",
    re.ASCII,
)
_MILLISECONDS = re.compile(r"[0-9]{12,14}\Z", re.ASCII)

_UNSHOWN = "\N{REPLACEMENT CHARACTER}"

Quantity: TypeAlias = int | str


class MalformedReport(ValueError):
    """The message is not what ethstats clients send; it is dropped."""


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """The login. `inverted` tells a client whose `syncing` means "in sync" (Besu)."""

    name: str
    secret: str
    client: str
    os: str
    network_id: str
    protocol: str
    port: str
    api: str
    contact: str
    sampled: bool


class Ping(msgspec.Struct, frozen=True):
    """Wants a pong with the same text. `clock_ms` is the node's clock, if it can be read."""

    client_time: str
    clock_ms: int | None


class Latency(msgspec.Struct, frozen=True):
    """What the node measured with ping and pong, as it says it."""

    ms: int


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A block as a node has it."""

    number: int
    hash: str
    parent_hash: str
    timestamp_s: int
    miner: str
    transactions: int
    gas_used: int
    gas_limit: int


class Head(msgspec.Struct, frozen=True):
    """The node's newest block; said again every 15 s though it is old."""

    block: Block


class History(msgspec.Struct, frozen=True):
    """Older blocks that were asked for."""

    blocks: tuple[Block, ...]


class Pending(msgspec.Struct, frozen=True):
    """Transactions that wait in the node's pool."""

    count: int


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """How the node is; `syncing` as it says it."""

    syncing: bool
    peers: int
    gas_price_wei: int


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """How long the node took to execute a block."""

    number: int
    processing_ms: int


class Nothing(msgspec.Struct, frozen=True):
    """A message that needs no answer and tells nothing, such as a pong."""


Message: TypeAlias = Ping | Latency | Head | History | Pending | Stats | Payload | Nothing


class _Envelope(msgspec.Struct):
    emit: list[msgspec.Raw]


class _Info(msgspec.Struct, rename="camel"):
    name: str = ""
    node: str = ""
    net: Quantity = ""
    port: Quantity = ""
    protocol: str = ""
    api: str = ""
    os: str = ""
    os_v: str = msgspec.field(default="", name="os_v")
    contact: str | None = None


class _Hello(msgspec.Struct):
    info: _Info
    id: str = ""
    secret: str = ""


class _Ping(msgspec.Struct, rename="camel"):
    client_time: Quantity = ""


class _Latency(msgspec.Struct):
    latency: Quantity


class _Block(msgspec.Struct, rename="camel"):
    number: Quantity
    hash: str
    parent_hash: str
    timestamp: Quantity
    gas_used: Quantity
    gas_limit: Quantity
    miner: str = ""
    transactions: list[msgspec.Raw] = []


class _Head(msgspec.Struct):
    block: _Block


class _History(msgspec.Struct):
    history: list[_Block | None] | None = None


class _PendingStats(msgspec.Struct):
    pending: Quantity


class _Pending(msgspec.Struct):
    stats: _PendingStats


class _NodeStats(msgspec.Struct, rename="camel"):
    peers: Quantity
    syncing: bool = False
    gas_price: Quantity = 0


class _Stats(msgspec.Struct):
    stats: _NodeStats


class _PayloadBlock(msgspec.Struct, rename="camel"):
    number: Quantity
    processing_time: Quantity


class _Payload(msgspec.Struct):
    block: _PayloadBlock


def is_name(text: str) -> bool:
    """Whether a node that nobody expects may be called so."""
    return _NAME.match(text) is not None


def plain(text: str, length: int = TEXT_CHARACTERS_MAX) -> str:
    """A stranger's text, cut, and without characters that move a cursor or hide others."""
    return "".join(
        one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text[:length]
    )


def hello(text: str) -> Hello:
    """Reads the first message of a connection. Raises MalformedReport."""
    name, body = _open(text)
    if name != b'"hello"':
        raise MalformedReport("the first message is no hello")
    said = _decode(body, _Hello)
    info = said.info
    return Hello(
        # Besu's id is its public key; the name that a person gave is in `info`.
        name=(info.name or said.id)[:256],
        secret=said.secret[:256],
        client=plain(info.node),
        os=plain(f"{info.os} {info.os_v}".strip()),
        network_id=plain(str(info.net)),
        protocol=plain(info.protocol),
        port=plain(str(info.port)),
        api=plain(info.api),
        contact=plain(info.contact or ""),
        sampled=info.node.lower().startswith("besu"),
    )


def message(text: str) -> Message:
    """Reads any later message. Raises MalformedReport."""
    if text.startswith('"primus::pong::'):
        return Nothing()
    name, body = _open(text)
    read = _READERS.get(name)
    if read is None:
        raise MalformedReport("nobody knows a message of that name")
    return read(body)


def _open(text: str) -> tuple[bytes, msgspec.Raw]:
    parts = _decode(text, _Envelope).emit
    if len(parts) != 2:
        raise MalformedReport("emit has not two parts")
    return bytes(parts[0]), parts[1]


def _decode(data: str | msgspec.Raw, kind: type[Any]) -> Any:
    try:
        return json.decode(data, kind)
    except JsonError as error:
        raise MalformedReport(str(error)) from error


def _quantity(value: Quantity, maximum: int = NUMBER_MAX) -> int:
    if isinstance(value, str):
        if _HEX.match(value):
            value = int(value, 16)
        elif _DECIMAL.match(value):
            value = int(value)
        else:
            raise MalformedReport(f"{value[:40]!r} is no quantity")
    if not 0 <= value <= maximum:
        raise MalformedReport("a quantity is out of bounds")
    return value


def _hash(text: str) -> str:
    lower = text.lower()
    if not _HASH.match(lower):
        raise MalformedReport("a hash is no hash")
    return lower


def _block(said: _Block) -> Block:
    miner = said.miner.lower()
    if len(said.transactions) > TRANSACTIONS_MAX:
        raise MalformedReport("a block has too many transactions")
    return Block(
        number=_quantity(said.number),
        hash=_hash(said.hash),
        parent_hash=_hash(said.parent_hash),
        timestamp_s=_quantity(said.timestamp, TIMESTAMP_MAX_S),
        miner=miner if _ADDRESS.match(miner) else "",
        transactions=len(said.transactions),
        gas_used=_quantity(said.gas_used),
        gas_limit=_quantity(said.gas_limit),
    )


def _ping(body: msgspec.Raw) -> Message:
    text = plain(str(_decode(body, _Ping).client_time), CLIENT_TIME_CHARACTERS_MAX)
    return Ping(text, _clock_ms(text))


def _clock_ms(text: str) -> int | None:
    """Go's `2026-01-02 15:04:05.123 +0100 CET m=+0.1`, or milliseconds as Besu has them."""
    if _MILLISECONDS.match(text):
        return int(text)
    match = _GO_TIME.match(text)
    if not match:
        return None
    day, fraction, zone = match.groups()
    try:
        moment = datetime.strptime(f"{day} {zone}", "%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return None
    return int(moment.timestamp()) * 1000 + int(fraction.ljust(3, "0")[:3])


def _latency(body: msgspec.Raw) -> Message:
    return Latency(_quantity(_decode(body, _Latency).latency, LATENCY_MAX_MS))


def _head(body: msgspec.Raw) -> Message:
    return Head(_block(_decode(body, _Head).block))


def _history(body: msgspec.Raw) -> Message:
    blocks = _decode(body, _History).history or []
    if len(blocks) > HISTORY_BLOCKS_MAX:
        raise MalformedReport("the history is longer than was asked for")
    return History(tuple(_block(one) for one in blocks if one is not None))


def _pending(body: msgspec.Raw) -> Message:
    return Pending(_quantity(_decode(body, _Pending).stats.pending))


def _stats(body: msgspec.Raw) -> Message:
    said = _decode(body, _Stats).stats
    return Stats(
        syncing=said.syncing,
        peers=_quantity(said.peers),
        gas_price_wei=_quantity(said.gas_price, GAS_PRICE_MAX_WEI),
    )


def _payload(body: msgspec.Raw) -> Message:
    said = _decode(body, _Payload).block
    nanoseconds = _quantity(said.processing_time)
    return Payload(number=_quantity(said.number), processing_ms=nanoseconds // NANOSECONDS_PER_MS)


_READERS: dict[bytes, Callable[[msgspec.Raw], Message]] = {
    b'"node-ping"': _ping,
    b'"latency"': _latency,
    b'"block"': _head,
    b'"history"': _history,
    b'"pending"': _pending,
    b'"stats"': _stats,
    b'"block_new_payload"': _payload,
}
