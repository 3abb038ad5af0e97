"""Packets of node discovery v4 (devp2p discv4, with EIP-8 and EIP-868), to and from bytes.

A packet is hash ‖ signature ‖ type ‖ RLP list. The hash only guards against damage; who sent it
follows from the signature. As EIP-8 asks, further list elements, bytes after the list and other
versions are ignored. Whatever else is wrong raises `PacketError` and nothing else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import ClassVar, TypeAlias

import msgspec

from windlass.chains.ethereum import rlp
from windlass.chains.ethereum.enode import Enode, is_public_key
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.keys import InvalidKeyError, PrivateKey, recover

PACKET_BYTES_MAX = 1280
"""No packet is larger, so that none is fragmented."""
NEIGHBOURS_PER_PACKET = 12
"""As many as fit with IPv6 addresses."""
VERSION = 4

_HASH_BYTES = 32
_HEAD_BYTES = _HASH_BYTES + 65
_INT64_MAX = (1 << 63) - 1
_UINT64_MAX = (1 << 64) - 1


class PacketError(ValueError):
    """The bytes are not a valid packet; the text is one of few, fit to be counted by."""


class Endpoint(msgspec.Struct, frozen=True):
    """Where a packet comes from or goes to. The IP address is text."""

    ip: str
    udp: int
    tcp: int

    def items(self) -> list[rlp.Encodable]:
        return [ipaddress.ip_address(self.ip).packed, self.udp, self.tcp]


class Ping(msgspec.Struct, frozen=True):
    """Are you there? Only the sender's TCP port is read: the rest of what it says about addresses
    is known better from the packet itself."""

    KIND: ClassVar[int] = 1
    sender: Endpoint
    receiver: Endpoint
    expiration: int
    record_sequence: int | None = None

    def items(self) -> list[rlp.Encodable]:
        sequence = [] if self.record_sequence is None else [self.record_sequence]
        return [VERSION, self.sender.items(), self.receiver.items(), self.expiration, *sequence]


class Pong(msgspec.Struct, frozen=True):
    """I am, at the address that you used. `ping_hash` proves that the ping arrived there."""

    KIND: ClassVar[int] = 2
    receiver: Endpoint
    ping_hash: bytes
    expiration: int
    record_sequence: int | None = None

    def items(self) -> list[rlp.Encodable]:
        sequence = [] if self.record_sequence is None else [self.record_sequence]
        return [self.receiver.items(), self.ping_hash, self.expiration, *sequence]


class FindNode(msgspec.Struct, frozen=True):
    """Whom do you know near this 64-byte key?"""

    KIND: ClassVar[int] = 3
    target: bytes
    expiration: int

    def items(self) -> list[rlp.Encodable]:
        return [self.target, self.expiration]


class Neighbours(msgspec.Struct, frozen=True):
    """These."""

    KIND: ClassVar[int] = 4
    nodes: tuple[Enode, ...]
    expiration: int

    def items(self) -> list[rlp.Encodable]:
        nodes: list[rlp.Encodable] = [
            [ipaddress.ip_address(node.ip).packed, node.udp, node.tcp, node.public_key]
            for node in self.nodes
        ]
        return [nodes, self.expiration]


class RecordRequest(msgspec.Struct, frozen=True):
    """What is your node record (EIP-868)?"""

    KIND: ClassVar[int] = 5
    expiration: int

    def items(self) -> list[rlp.Encodable]:
        return [self.expiration]


class RecordResponse(msgspec.Struct, frozen=True):
    """My node record. The record itself is checked by whoever uses it."""

    KIND: ClassVar[int] = 6
    request_hash: bytes
    record: list[rlp.Item]

    def items(self) -> list[rlp.Encodable]:
        return [self.request_hash, self.record]


Packet: TypeAlias = Ping | Pong | FindNode | Neighbours | RecordRequest | RecordResponse


class Received(msgspec.Struct, frozen=True):
    """A packet, who signed it (64-byte key), and the hash by which replies refer to it."""

    packet: Packet
    public_key: bytes
    hash: bytes


def encode(key: PrivateKey, packet: Packet) -> tuple[bytes, bytes]:
    """The signed bytes and their hash."""
    body = bytes([packet.KIND]) + rlp.encode(packet.items())
    signed = key.sign(keccak256(body)) + body
    packet_hash = keccak256(signed)
    return packet_hash + signed, packet_hash


def decode(data: bytes) -> Received:
    """The packet in a datagram. Raises PacketError; expired packets are decoded like others."""
    if not _HEAD_BYTES < len(data) <= PACKET_BYTES_MAX:
        raise PacketError("size")
    packet_hash, body = data[:_HASH_BYTES], data[_HEAD_BYTES:]
    if keccak256(data[_HASH_BYTES:]) != packet_hash:
        raise PacketError("hash")
    reader = _READERS.get(body[0])
    if reader is None:
        raise PacketError("type")
    try:
        # The cheap part first: recovering the key costs ten times as much.
        items, _ = rlp.decode_prefix(body[1:])
        packet = reader(_list(items))
        public_key = recover(data[_HASH_BYTES:_HEAD_BYTES], keccak256(body))
    except (rlp.RlpError, IndexError) as error:
        raise PacketError("content") from error
    except InvalidKeyError as error:
        raise PacketError("signature") from error
    return Received(packet, public_key, packet_hash)


def is_expired(expiration: int, now_s: float) -> bool:
    """Whether a packet is too old. Beyond 2⁶³ is expired too: geth reads the number as signed."""
    return expiration < now_s or expiration > _INT64_MAX


def _ping(items: list[rlp.Item]) -> Ping:
    return Ping(
        _endpoint(items[1]),
        _endpoint(items[2]),
        _number(items[3], _UINT64_MAX),
        _number(items[4], _UINT64_MAX) if len(items) > 4 else None,
    )


def _pong(items: list[rlp.Item]) -> Pong:
    return Pong(
        _endpoint(items[0]),
        _bytes(items[1]),
        _number(items[2], _UINT64_MAX),
        _number(items[3], _UINT64_MAX) if len(items) > 3 else None,
    )


def _find_node(items: list[rlp.Item]) -> FindNode:
    return FindNode(_bytes(items[0], 64), _number(items[1], _UINT64_MAX))


def _neighbours(items: list[rlp.Item]) -> Neighbours:
    nodes = []
    for item in _list(items[0]):
        fields = _list(item)
        public_key = _bytes(fields[3], 64)
        if not is_public_key(public_key):
            raise PacketError("content")
        ip, udp, tcp = _ip(fields[0]), _number(fields[1], 65535), _number(fields[2], 65535)
        nodes.append(Enode(public_key, ip, tcp, udp))
    return Neighbours(tuple(nodes), _number(items[1], _UINT64_MAX))


def _record_request(items: list[rlp.Item]) -> RecordRequest:
    return RecordRequest(_number(items[0], _UINT64_MAX))


def _record_response(items: list[rlp.Item]) -> RecordResponse:
    return RecordResponse(_bytes(items[0], 32), _list(items[1]))


_READERS: dict[int, Callable[[list[rlp.Item]], Packet]] = {
    Ping.KIND: _ping,
    Pong.KIND: _pong,
    FindNode.KIND: _find_node,
    Neighbours.KIND: _neighbours,
    RecordRequest.KIND: _record_request,
    RecordResponse.KIND: _record_response,
}


def _endpoint(item: rlp.Item) -> Endpoint:
    """A missing or odd IP address is taken for 0.0.0.0: nobody relies on it (discv4: "from")."""
    items = _list(item)
    try:
        ip = _ip(items[0])
    except PacketError:
        ip = "0.0.0.0"  # noqa: S104 - a value, not something to listen on
    return Endpoint(ip, _number(items[1], 65535), _number(items[2], 65535))


def _ip(item: rlp.Item) -> str:
    data = _bytes(item)
    if len(data) == 16:
        address = ipaddress.IPv6Address(data)
        return str(address.ipv4_mapped or address)
    if len(data) == 4:
        return str(ipaddress.IPv4Address(data))
    raise PacketError("content")


def _list(item: rlp.Item) -> list[rlp.Item]:
    if not isinstance(item, list):
        raise PacketError("content")
    return item


def _bytes(item: rlp.Item, length: int | None = None) -> bytes:
    if not isinstance(item, bytes) or length not in (None, len(item)):
        raise PacketError("content")
    return item


def _number(item: rlp.Item, most: int) -> int:
    number = rlp.decode_int(item)
    if number > most:
        raise PacketError("content")
    return number
