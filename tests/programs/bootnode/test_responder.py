"""The responder on a socket of the test's: proofs, floods, and both families of addresses."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from windlass.chains.ethereum import discovery as wire
from windlass.chains.ethereum.enode import Enode
from windlass.chains.ethereum.keys import PrivateKey
from windlass.kit.listening import ListenError
from windlass.kit.metrics import Registry
from windlass.programs.bootnode.metrics import Metrics
from windlass.programs.bootnode.rate_limit import BURST
from windlass.programs.bootnode.responder import Responder
from windlass.programs.bootnode.table import Table

OWN = PrivateKey(b"\x11" * 32)
PEER = PrivateKey(b"\x22" * 32)
PENDING_MAX = 50
ANYWHERE = wire.Endpoint("127.0.0.1", 30303, 30303)


class Peer:
    """The other side: a plain socket and a key."""

    def __init__(self, responder_port: int) -> None:
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = responder_port

    def send(self, packet: wire.Packet, key: PrivateKey = PEER) -> bytes:
        """Sends a packet; its hash."""
        data, packet_hash = wire.encode(key, packet)
        self.socket.sendto(data, ("127.0.0.1", self.port))
        return packet_hash

    async def receive(self, timeout_s: float = 5) -> wire.Received:
        """The next packet."""
        loop = asyncio.get_running_loop()
        return wire.decode(await asyncio.wait_for(loop.sock_recv(self.socket, 2000), timeout_s))

    async def bond(self) -> None:
        """Ping and pong both ways."""
        self.send(wire.Ping(ANYWHERE, ANYWHERE, _soon()))
        kinds = set()
        for _ in range(2):
            received = await self.receive()
            kinds.add(type(received.packet))
            if isinstance(received.packet, wire.Ping):
                self.send(wire.Pong(ANYWHERE, received.hash, _soon()))
        assert kinds == {wire.Ping, wire.Pong}
        # Answered in order: with this answer the pong has been seen.
        self.send(wire.FindNode(b"\1" * 64, _soon()))
        assert isinstance((await self.receive()).packet, wire.Neighbours)


def _soon() -> int:
    return int(time.time()) + 20


@asynccontextmanager
async def _talking(
    tmp_path: Path, bind: str = "127.0.0.1"
) -> AsyncGenerator[tuple[Peer, Responder, Table, Metrics]]:
    table = Table(tmp_path / "table.json", OWN.public_key)
    metrics = Metrics(Registry(), table)
    responder = Responder(
        OWN, "127.0.0.1", 30301, table, metrics, revalidate_s=10, pending_max=PENDING_MAX
    )
    await responder.start(bind, 0)
    assert responder.port
    peer = Peer(responder.port)
    try:
        yield peer, responder, table, metrics
    finally:
        responder.stop()
        peer.socket.close()


async def test_bond_then_ask(tmp_path: Path) -> None:
    """Who has proved its address gets neighbours and our record, and is in the table."""
    async with _talking(tmp_path) as (peer, _, table, _):
        await peer.bond()
        peer.send(wire.FindNode(b"\1" * 64, _soon()))
        answer = (await peer.receive()).packet
        assert isinstance(answer, wire.Neighbours)
        assert answer.nodes == ()
        asked = peer.send(wire.RecordRequest(_soon()))
        record = (await peer.receive()).packet
        assert isinstance(record, wire.RecordResponse)
        assert record.request_hash == asked
        assert [node.enode.public_key for node in table.live()] == [PEER.public_key]


async def test_unproven_gets_a_ping_only(tmp_path: Path) -> None:
    """A stranger that asks for neighbours is asked for its proof; that is less than it sent."""
    async with _talking(tmp_path) as (peer, _, table, _):
        peer.send(wire.FindNode(b"\1" * 64, _soon()))
        received = await peer.receive()
        assert isinstance(received.packet, wire.Ping)
        assert len(table) == 0
        peer.send(wire.Pong(ANYWHERE, received.hash, _soon()))
        peer.send(wire.FindNode(b"\1" * 64, _soon()))
        assert isinstance((await peer.receive()).packet, wire.Neighbours)


async def test_pong_by_another_key_or_to_another_ping(tmp_path: Path) -> None:
    """A pong proves something only if it names our ping and has the key that was asked."""
    async with _talking(tmp_path) as (peer, _, table, metrics):
        peer.send(wire.FindNode(b"\1" * 64, _soon()))
        ping = await peer.receive()
        peer.send(wire.Pong(ANYWHERE, b"\0" * 32, _soon()))
        peer.send(wire.Pong(ANYWHERE, ping.hash, _soon()), PrivateKey(b"\x33" * 32))
        peer.send(wire.Pong(ANYWHERE, ping.hash, 1))
        peer.send(wire.Ping(ANYWHERE, ANYWHERE, _soon()))
        await peer.receive()
        assert len(table) == 0
        assert metrics.refused.value("unasked") == 2
        assert metrics.refused.value("expired") == 1


async def test_many_nodes_come_in_two_packets(tmp_path: Path) -> None:
    """Sixteen neighbours are split 12 + 4, each packet small enough not to be fragmented."""
    async with _talking(tmp_path) as (peer, _, table, _):
        await peer.bond()
        for number in range(40):
            key = PrivateKey((number + 1).to_bytes(32, "big")).public_key
            table.answered(Enode(key, "127.0.0.1", 30303, 30303))
        peer.send(wire.FindNode(b"\1" * 64, _soon()))
        sizes = []
        for _ in range(2):
            packet = (await peer.receive()).packet
            assert isinstance(packet, wire.Neighbours)
            sizes.append(len(packet.nodes))
        assert sizes == [12, 4]


async def test_flood_of_one_address(tmp_path: Path) -> None:
    """Beyond its share an address is not answered, and costs no signature check."""
    async with _talking(tmp_path) as (_, responder, _, metrics):
        for _ in range(int(BURST) + 500):
            responder.datagram_received(b"x", ("8.8.8.8", 30303))
        assert metrics.refused.value("rate") >= 400
        responder.datagram_received(b"x", ("9.9.9.9", 30303))
        assert metrics.refused.value("size") >= BURST


async def test_pending_pings_are_bounded(tmp_path: Path) -> None:
    """Strangers, however many, cannot make us remember more than so many pings."""
    async with _talking(tmp_path) as (_, responder, _, _):
        data, _ = wire.encode(PEER, wire.FindNode(b"\1" * 64, _soon()))
        for number in range(PENDING_MAX + 20):
            address = f"127.{number >> 8}.{number & 255}.1"
            responder.datagram_received(data, (address, 30303))
        assert responder.pending == PENDING_MAX
        responder.tick()


async def test_own_packets_are_ignored(tmp_path: Path) -> None:
    """A packet that was sent back to us is not taken for a neighbour's."""
    async with _talking(tmp_path) as (peer, _, table, metrics):
        peer.send(wire.Ping(ANYWHERE, ANYWHERE, _soon()), OWN)
        await peer.bond()
        assert metrics.received.value("Ping") == 1
        assert len(table) == 1


async def test_ipv4_over_an_ipv6_socket(tmp_path: Path) -> None:
    """Bound to all addresses of both families, an IPv4 peer is known by its IPv4 address.

    Where the kernel has no IPv6, that is what is said.
    """
    if not socket.has_dualstack_ipv6():
        with pytest.raises(ListenError, match="UDP port"):
            async with _talking(tmp_path, "::"):
                pass
        return
    async with _talking(tmp_path, "::") as (peer, _, table, _):
        await peer.bond()
        peer.send(wire.FindNode(b"\1" * 64, _soon()))
        assert isinstance((await peer.receive()).packet, wire.Neighbours)
        assert [node.enode.ip for node in table.live()] == ["127.0.0.1"]
