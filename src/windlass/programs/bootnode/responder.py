"""The UDP side: answers discovery packets and keeps asking the known nodes whether they are there.

The endpoint proof is what everything hangs on: only who has answered a ping of ours at an address
gets more than a pong there, so that nobody can make us flood a third party. The proof is ours and
the other side's alike, and geth believes in it for 24 h. Hence, when a stranger asks as if it were
proven (we were restarted), we ping it; and since a ping from us makes geth ping back and take us
into its table, pinging the seeds joins geths that were started before us or never heard of us.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import time
from collections import OrderedDict
from typing import cast

import msgspec

from windlass.chains.ethereum import discovery as wire
from windlass.chains.ethereum import enr
from windlass.chains.ethereum.enode import Enode
from windlass.chains.ethereum.keys import PrivateKey
from windlass.kit.listening import ListenError
from windlass.programs.bootnode.metrics import Metrics
from windlass.programs.bootnode.rate_limit import RateLimit
from windlass.programs.bootnode.table import Node, Table

Address = tuple[str, int]

EXPIRATION_S = 20
PROOF_S = 24 * 3600.0
"""Both as in geth: discv4 says how old a packet or a proof may be."""
PONG_TIMEOUT_S = 1.0
TICK_S = 0.25
PENDING_MAX = 4096
PROOFS_MAX = 4096
RETRY_S = 1.0
"""After the first missed pong; longer after each further one."""
DEAD_RETRY_S_MAX = 60.0

log = logging.getLogger(__name__)


class _Pending(msgspec.Struct, frozen=True):
    enode: Enode
    sent_s: float


class _UnprovenError(Exception):
    """The sender has not shown that it is where its packets say."""


class Responder(asyncio.DatagramProtocol):
    """Discovery v4 on one UDP port. `enode` is our own name."""

    def __init__(
        self,
        key: PrivateKey,
        host: str,
        port: int,
        table: Table,
        metrics: Metrics,
        *,
        revalidate_s: float,
        pending_max: int = PENDING_MAX,
    ) -> None:
        self.enode = Enode(key.public_key, host, port, port)
        self._key = key
        self._table = table
        self._metrics = metrics
        self._revalidate_s = revalidate_s
        self._pending_max = pending_max
        # Any number that grows from start to start: geth asks for the record when it has grown.
        self._sequence = time.time_ns() // 1_000_000
        self._record = enr.record(key, self._sequence, host, port)
        self._limit = RateLimit()
        self._pending: dict[bytes, _Pending] = {}
        self._asked: set[tuple[bytes, str, int]] = set()
        self._proofs: OrderedDict[tuple[bytes, str], float] = OrderedDict()
        self._transport: asyncio.DatagramTransport | None = None
        self._maps_ipv4 = False
        self._is_congested = False

    async def start(self, bind: str, port: int) -> None:
        """Listens. Raises ListenError."""
        loop = asyncio.get_running_loop()
        try:
            await loop.create_datagram_endpoint(lambda: self, local_addr=(bind, port))
        except OSError as error:
            raise ListenError(error, "UDP", bind, port) from error

    def stop(self) -> None:
        """Closes the port."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    @property
    def is_listening(self) -> bool:
        """Whether the port is open."""
        return self._transport is not None

    @property
    def port(self) -> int:
        """The UDP port that is open, 0 if none is."""
        if self._transport is None:
            return 0
        return int(self._transport.get_extra_info("sockname")[1])

    @property
    def pending(self) -> int:
        """How many pings wait for their pong."""
        return len(self._pending)

    async def run(self) -> None:
        """Asks nodes until cancelled."""
        while True:
            self.tick()
            await asyncio.sleep(TICK_S)

    def tick(self) -> None:
        """Gives up on late pongs and pings the nodes whose time has come."""
        now_s = time.monotonic()
        for packet_hash, pending in list(self._pending.items()):
            if now_s - pending.sent_s < PONG_TIMEOUT_S:
                continue
            self._forget(packet_hash)
            self._missed(pending.enode, now_s)
        for node in self._table:
            if now_s >= node.next_ping:
                node.next_ping = now_s + self._revalidate_s * random.uniform(0.8, 1.2)
                self._ping(node.enode)

    def _missed(self, enode: Enode, now_s: float) -> None:
        node = self._table.get(enode.public_key)
        if node is None or (node.enode.ip, node.enode.udp) != (enode.ip, enode.udp):
            return
        if self._table.missed(node):
            log.info("node is gone", extra={"enode": str(enode)})
        node.next_ping = now_s + self._retry_s(node)

    def _retry_s(self, node: Node) -> float:
        """How long to wait after a missed pong."""
        if node.is_seed:
            # Each second for half a minute, in which a network starts, then ever more rarely.
            return min(self._revalidate_s, max(RETRY_S, RETRY_S * node.failures / 30))
        most_s = max(DEAD_RETRY_S_MAX, self._revalidate_s) if node.is_dead else self._revalidate_s
        # The exponent is bounded because a float is.
        return min(most_s, RETRY_S * 2.0 ** min(node.failures - 1, 30))

    # --- asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own transport for datagrams is no DatagramTransport before Python 3.12.
        self._transport = cast("asyncio.DatagramTransport", transport)
        self._maps_ipv4 = transport.get_extra_info("socket").family == socket.AF_INET6

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None

    def pause_writing(self) -> None:
        """The kernel takes no more for now: what would be queued is dropped, as UDP may."""
        self._is_congested = True

    def resume_writing(self) -> None:
        self._is_congested = False

    def error_received(self, _: Exception) -> None:
        """A destination refused a packet or cannot be reached: the missing pong says the same."""
        self._metrics.refused.increment("unreachable")

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        ip = addr[0].removeprefix("::ffff:").partition("%")[0]
        if not self._limit.allows(ip, time.monotonic()):
            self._metrics.refused.increment("rate")
            return
        try:
            received = wire.decode(data)
            if received.public_key == self.enode.public_key:
                return
            self._handle(received, (ip, addr[1]))
        except wire.PacketError as error:
            self._metrics.refused.increment(str(error))
        except _UnprovenError:
            self._metrics.refused.increment("unproven")

    # --- what each packet means

    def _handle(self, received: wire.Received, sender: Address) -> None:
        packet = received.packet
        expired = not isinstance(packet, wire.RecordResponse) and wire.is_expired(
            packet.expiration, time.time()
        )
        if expired:
            raise wire.PacketError("expired")
        self._metrics.received.increment(type(packet).__name__)
        match packet:
            case wire.Ping():
                self._on_ping(packet, received, sender)
            case wire.Pong():
                self._on_pong(packet, received.public_key, sender)
            case wire.FindNode():
                self._on_find_node(packet, received.public_key, sender)
            case wire.RecordRequest():
                self._require_proof(received.public_key, sender)
                self._send(sender, wire.RecordResponse(received.hash, self._record))
            case _:
                raise wire.PacketError("unasked")  # we never ask for neighbours or records

    def _on_ping(self, ping: wire.Ping, received: wire.Received, sender: Address) -> None:
        tcp = ping.sender.tcp
        here = wire.Endpoint(*sender, tcp)
        self._send(sender, wire.Pong(here, received.hash, self._expiration(), self._sequence))
        node = self._table.get(received.public_key)
        enode = Enode(received.public_key, sender[0], tcp, sender[1])
        is_known = node is not None and node.is_live and node.enode == enode
        if not is_known or not self._is_proven(received.public_key, sender[0]):
            self._ping(enode)

    def _on_pong(self, pong: wire.Pong, public_key: bytes, sender: Address) -> None:
        pending = self._pending.get(pong.ping_hash)
        if pending is None or (public_key, sender[0]) != (
            pending.enode.public_key,
            pending.enode.ip,
        ):
            raise wire.PacketError("unasked")
        self._forget(pong.ping_hash)
        self._proofs[public_key, sender[0]] = time.time()
        self._proofs.move_to_end((public_key, sender[0]))
        if len(self._proofs) > PROOFS_MAX:
            self._proofs.popitem(last=False)
        if self._table.answered(pending.enode):
            log.info("node is there", extra={"enode": str(pending.enode)})
        node = self._table.get(public_key)
        if node is not None:
            self._schedule(node)

    def _on_find_node(self, packet: wire.FindNode, public_key: bytes, sender: Address) -> None:
        self._require_proof(public_key, sender)
        asker = Enode(public_key, sender[0], 0, sender[1])
        nodes = self._table.closest(packet.target, asker)
        # No neighbours are an answer too: without one geth counts the request as failed.
        for at in range(0, max(len(nodes), 1), wire.NEIGHBOURS_PER_PACKET):
            part = tuple(nodes[at : at + wire.NEIGHBOURS_PER_PACKET])
            self._send(sender, wire.Neighbours(part, self._expiration()))

    def _require_proof(self, public_key: bytes, sender: Address) -> None:
        if self._is_proven(public_key, sender[0]):
            return
        node = self._table.get(public_key)
        # A live node is not asked at another address than its own: the packet may be forged.
        if node is None or not node.is_live or (node.enode.ip, node.enode.udp) == sender:
            tcp = node.enode.tcp if node is not None else 0
            self._ping(Enode(public_key, sender[0], tcp, sender[1]))
        raise _UnprovenError

    def _is_proven(self, public_key: bytes, ip: str) -> bool:
        return time.time() - self._proofs.get((public_key, ip), 0.0) < PROOF_S

    # --- sending

    def _ping(self, enode: Enode) -> None:
        asked = (enode.public_key, enode.ip, enode.udp)
        if asked in self._asked or len(self._pending) >= self._pending_max:
            return
        sender = wire.Endpoint(self.enode.ip, self.enode.udp, 0)
        receiver = wire.Endpoint(enode.ip, enode.udp, enode.tcp)
        ping = wire.Ping(sender, receiver, self._expiration(), self._sequence)
        packet_hash = self._send((enode.ip, enode.udp), ping)
        self._pending[packet_hash] = _Pending(enode, time.monotonic())
        self._asked.add(asked)

    def _forget(self, packet_hash: bytes) -> None:
        enode = self._pending.pop(packet_hash).enode
        self._asked.discard((enode.public_key, enode.ip, enode.udp))

    def _schedule(self, node: Node) -> None:
        node.next_ping = time.monotonic() + self._revalidate_s * random.uniform(0.8, 1.2)

    def _send(self, receiver: Address, packet: wire.Packet) -> bytes:
        data, packet_hash = wire.encode(self._key, packet)
        transport = self._transport
        if transport is None or self._is_congested:
            self._metrics.refused.increment("congested")
            return packet_hash
        ip = f"::ffff:{receiver[0]}" if self._maps_ipv4 and "." in receiver[0] else receiver[0]
        transport.sendto(data, (ip, receiver[1]))
        self._metrics.sent.increment(type(packet).__name__)
        return packet_hash

    def _expiration(self) -> int:
        return int(time.time()) + EXPIRATION_S
