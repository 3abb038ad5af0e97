"""Discovery packets: what is written is read back, and no bytes raise anything but PacketError."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from windlass.chains.ethereum import discovery as wire
from windlass.chains.ethereum import enr, rlp
from windlass.chains.ethereum.enode import Enode
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.keys import PrivateKey, public_key
from windlass.chains.ethereum.relay import is_lan, may_relay

KEY = PrivateKey(b"\x07" * 32)
ports = st.integers(0, 65535)
moments = st.integers(0, 2**64 - 1)
hashes = st.binary(min_size=32, max_size=32)
ips = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str).filter(lambda text: not text.startswith("::ffff:")),
)
keys = st.integers(1, 2**128).map(lambda number: public_key(number.to_bytes(32, "big")))
endpoints = st.builds(wire.Endpoint, ips, ports, ports)
sequences = st.none() | moments
nodes = st.lists(st.builds(Enode, keys, ips, ports, ports), max_size=12).map(tuple)
packets: st.SearchStrategy[wire.Packet] = st.one_of(
    st.builds(wire.Ping, endpoints, endpoints, moments, sequences),
    st.builds(wire.Pong, endpoints, hashes, moments, sequences),
    st.builds(wire.FindNode, st.binary(min_size=64, max_size=64), moments),
    st.builds(wire.Neighbours, nodes, moments),
    st.builds(wire.RecordRequest, moments),
    st.tuples(hashes, st.lists(st.binary(max_size=40), max_size=6)).map(
        lambda parts: wire.RecordResponse(parts[0], list(parts[1]))
    ),
)


def _signed(kind: int, content: bytes) -> bytes:
    body = bytes([kind]) + content
    signed = KEY.sign(keccak256(body)) + body
    return keccak256(signed) + signed


@given(packets)
def test_round_trip(packet: wire.Packet) -> None:
    """Each kind is read back as it was, with its signer; none is larger than the limit."""
    data, packet_hash = wire.encode(KEY, packet)
    received = wire.decode(data)
    assert received == wire.Received(packet, KEY.public_key, packet_hash)
    assert len(data) <= wire.PACKET_BYTES_MAX


@given(st.binary(max_size=1500))
def test_arbitrary_datagrams(data: bytes) -> None:
    """Bytes of a stranger are refused with PacketError."""
    with pytest.raises(wire.PacketError):
        wire.decode(data)


@given(st.integers(0, 255), st.binary(max_size=300))
@example(1, b"\xc0")
@example(4, bytes.fromhex("c3c1c080"))
def test_signed_garbage(kind: int, content: bytes) -> None:
    """Bytes under a true signature, which get further in, are refused just so."""
    try:
        wire.decode(_signed(kind, content))
    except wire.PacketError as error:
        assert str(error) in {"content", "type"}  # noqa: PT017 - PacketError or nothing


items: st.SearchStrategy[Any] = st.recursive(
    st.binary(max_size=70), lambda inner: st.lists(inner, max_size=6), max_leaves=12
)


@given(st.integers(1, 6), st.lists(items, max_size=6))
def test_signed_lists_of_anything(kind: int, content: list[Any]) -> None:
    """Well-formed RLP of the wrong shape is refused just so."""
    try:
        wire.decode(_signed(kind, rlp.encode(content)))
    except wire.PacketError as error:
        assert str(error) == "content"  # noqa: PT017 - PacketError or nothing


@given(packets, st.data())
def test_damage_is_noticed(packet: wire.Packet, data: st.DataObject) -> None:
    """A single changed byte is never taken for what was sent."""
    encoded = bytearray(wire.encode(KEY, packet)[0])
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(wire.PacketError):
        wire.decode(bytes(encoded))


@given(packets, st.lists(items, max_size=3), st.binary(max_size=30))
def test_forward_compatibility(packet: wire.Packet, more: list[Any], rest: bytes) -> None:
    """Further list elements and bytes after the list are ignored (EIP-8)."""
    content = rlp.decode(rlp.encode(packet.items()))
    assert isinstance(content, list)
    if isinstance(packet, wire.Ping | wire.Pong) and packet.record_sequence is None:
        content.append(b"\1")
    data = _signed(packet.KIND, rlp.encode([*content, *more]) + rest)
    if len(data) <= wire.PACKET_BYTES_MAX:
        assert type(wire.decode(data).packet) is type(packet)


def test_eip_8_vectors() -> None:
    """The packets that EIP-8 publishes are understood."""
    ping = bytes.fromhex(
        "e9614ccfd9fc3e74360018522d30e1419a143407ffcce748de3e22116b7e8dc92ff74788c0b6663a"
        "aa3d67d641936511c8f8d6ad8698b820a7cf9e1be7155e9a241f556658c55428ec0563514365799a"
        "4be2be5a685a80971ddcfa80cb422cdd0101ec04cb847f000001820cfa8215a8d790000000000000"
        "000000000000000000018208ae820d058443b9a3550102"
    )
    packet = wire.decode(ping).packet
    assert isinstance(packet, wire.Ping)
    assert packet.sender == wire.Endpoint("127.0.0.1", 3322, 5544)
    assert packet.receiver == wire.Endpoint("::1", 2222, 3333)
    assert packet.expiration == 1136239445


@pytest.mark.parametrize(
    ("expiration", "expired"),
    [(0, True), (999, True), (1000, False), (2**63 - 1, False), (2**63, True), (2**64 - 1, True)],
)
def test_expiration(expiration: int, expired: bool) -> None:
    """geth reads the number as signed: what is beyond 2⁶³ lies in the past for it, and for us."""
    assert wire.is_expired(expiration, 1000.0) is expired


def test_unusual_addresses_in_endpoints() -> None:
    """What a node says about addresses is not relied on, so an odd address is no error."""
    for ip in (b"", b"\1" * 5, b"\0" * 16):
        endpoint: list[rlp.Encodable] = [ip, 30303, 30303]
        content = rlp.encode([4, endpoint, endpoint, 2**40])
        packet = wire.decode(_signed(1, content)).packet
        assert isinstance(packet, wire.Ping)
        assert packet.sender.tcp == 30303


@pytest.mark.parametrize("ip", ["127.0.0.1", "10.1.2.3", "2001:4860::1"])
def test_record_against_devp2p(devp2p_binary: Path, ip: str, tmp_path: Path) -> None:
    """go-ethereum's own tool takes our record and reads the endpoint from it."""
    record = enr.record(KEY, 7, ip, 30301)
    path = tmp_path / "record"
    path.write_bytes(rlp.encode(record))
    run = subprocess.run(
        [devp2p_binary, "enrdump", "--file", path],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    shown = run.stdout + run.stderr
    assert run.returncode == 0, shown
    assert re.search(r"seq.*\b7\b", shown), shown
    assert ip in shown
    assert "30301" in shown


@pytest.mark.parametrize(
    ("ip", "receiver", "may"),
    [
        ("127.0.0.1", "127.0.0.2", True),
        ("127.0.0.1", "10.0.0.1", False),
        ("127.0.0.1", "8.8.8.8", False),
        ("10.0.0.1", "127.0.0.1", True),
        ("10.0.0.1", "192.168.1.1", True),
        ("10.0.0.1", "8.8.8.8", False),
        ("8.8.8.8", "10.0.0.1", True),
        ("8.8.8.8", "9.9.9.9", True),
        ("0.0.0.0", "127.0.0.1", False),
        ("192.0.2.1", "127.0.0.1", False),
        ("198.18.0.1", "8.8.8.8", False),
        ("224.0.0.1", "8.8.8.8", False),
        ("::1", "127.0.0.1", True),
        ("fd00::1", "8.8.8.8", False),
        ("2001:db8::1", "::1", False),
        ("2a00::1", "8.8.8.8", True),
    ],
)
def test_relay_rules(ip: str, receiver: str, may: bool) -> None:
    """An address is told to those who, by geth's rules, will take it."""
    assert may_relay(ip, receiver) is may


def test_lan() -> None:
    """LAN as geth has it: private, link-local and loopback."""
    assert all(is_lan(ip) for ip in ("172.16.0.1", "169.254.1.1", "127.9.9.9", "fe80::1", "::1"))
    assert not any(is_lan(ip) for ip in ("172.32.0.1", "100.64.0.1", "2a00::1"))
