"""The nodes that a bootnode knows: bounded, on disk, and never empty because all seem dead.

A node that stops answering stays known for a day and is asked more and more rarely; it is told to
others only while there is no live one. That is what brings a mesh back when everything was down:
geths drop a bootnode that was down, so the bootnode must remember them.
"""

from __future__ import annotations

import ipaddress
import logging
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from windlass.chains.ethereum.enode import Enode, EnodeError, parse_enode
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.relay import is_lan, may_relay
from windlass.kit.files import FileError, read_json, write_atomically

NODES_MAX = 512
SUBNET_NODES_MAX = 10
"""Of one public /24 (IPv6: /64), as geth has it: one host cannot fill the table."""
DEAD_AFTER_FAILURES = 3
FORGOTTEN_AFTER_S = 24 * 3600.0
NEIGHBOURS_MAX = 16
"""Kademlia's k: how many a findnode is answered with."""
UDP_PORT_MIN = 1025
"""geth takes no node with a lower port."""
FILE_BYTES_MAX = 1 << 20
SCHEMA = 1

log = logging.getLogger(__name__)


class Node:
    """A node we know. Times are Unix seconds; `last_pong` is 0 if it has never answered us."""

    __slots__ = ("distance_id", "enode", "failures", "is_seed", "last_pong", "next_ping")

    def __init__(self, enode: Enode, last_pong: float = 0.0, *, is_seed: bool = False) -> None:
        self.enode = enode
        self.distance_id = int.from_bytes(keccak256(enode.public_key), "big")
        self.last_pong = last_pong
        self.is_seed = is_seed
        self.failures = 0
        self.next_ping = 0.0

    @property
    def is_live(self) -> bool:
        """It answered since it was last found missing."""
        return self.last_pong > 0 and self.failures == 0

    @property
    def is_dead(self) -> bool:
        """It missed several pings in a row."""
        return self.failures >= DEAD_AFTER_FAILURES


class _StoredNode(msgspec.Struct):
    enode: str
    last_seen: float


class _Stored(msgspec.Struct):
    schema: int
    nodes: list[_StoredNode]


class Table:
    """All known nodes by public key, in memory and in one file."""

    def __init__(self, path: Path, own_key: bytes, seeds: tuple[str, ...] = ()) -> None:
        self._path = path
        self._own_key = own_key
        self._nodes: dict[bytes, Node] = {}
        self._saved: bytes | None = None
        for text in seeds:
            enode = parse_enode(text)
            if enode.public_key != own_key:
                self._nodes[enode.public_key] = Node(enode, is_seed=True)

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(list(self._nodes.values()))

    def get(self, public_key: bytes) -> Node | None:
        """The node with that key."""
        return self._nodes.get(public_key)

    def live(self) -> list[Node]:
        """The nodes that answer."""
        return [node for node in self._nodes.values() if node.is_live]

    def answered(self, enode: Enode) -> bool:
        """Notes that a node has just proved to be there; True if it is new or back.

        A full table takes a newcomer only in place of a dead node.
        """
        node = self._nodes.get(enode.public_key)
        if node is None:
            if enode.udp < UDP_PORT_MIN or not self._make_room(enode):
                return False
            node = self._nodes[enode.public_key] = Node(enode)
        came = not node.is_live
        # A node that was asked before it told its TCP port must not lose the one we know.
        tcp = enode.tcp or node.enode.tcp
        node.enode = Enode(enode.public_key, enode.ip, tcp, enode.udp)
        node.last_pong = time.time()
        node.failures = 0
        return came

    def missed(self, node: Node) -> bool:
        """Notes an unanswered ping; True if that is the one that makes it dead."""
        node.failures += 1
        if time.time() - node.last_pong > FORGOTTEN_AFTER_S and not node.is_seed and node.is_dead:
            self._nodes.pop(node.enode.public_key, None)
        return node.failures == DEAD_AFTER_FAILURES

    def closest(self, target: bytes, asker: Enode) -> list[Enode]:
        """At most 16 nodes near the hash of the target that the asker can use; live ones if any."""
        usable = [
            node
            for node in self._nodes.values()
            if node.enode.public_key != asker.public_key
            and (node.last_pong or node.is_seed)
            and may_relay(node.enode.ip, asker.ip)
        ]
        nodes = [node for node in usable if node.is_live] or usable
        point = int.from_bytes(keccak256(target), "big")
        nodes.sort(key=lambda node: node.distance_id ^ point)
        return [node.enode for node in nodes[:NEIGHBOURS_MAX]]

    def load(self) -> int:
        """Takes in the nodes on file; returns how many. A broken file is only worth a warning."""
        try:
            stored = read_json(self._path, _Stored, bytes_max=FILE_BYTES_MAX)
        except FileError as error:
            if self._path.exists():
                log.warning("starting without the table on disk", extra={"reason": str(error)})
            return 0
        if stored.schema != SCHEMA:
            log.warning("the table on disk is of another release", extra={"schema": stored.schema})
            return 0
        for entry in stored.nodes[:NODES_MAX]:
            try:
                enode = parse_enode(entry.enode)
            except EnodeError as error:
                log.warning("the table on disk has a wrong entry", extra={"reason": str(error)})
                continue
            if enode.public_key != self._own_key and self._make_room(enode):
                known = self._nodes.get(enode.public_key)
                node = Node(enode, min(entry.last_seen, time.time()))
                node.is_seed = known is not None and known.is_seed
                node.failures = 1  # not live before it answers us
                self._nodes[enode.public_key] = node
        return len(self._nodes)

    def save(self) -> None:
        """Writes the table if it changed. Raises FileError."""
        nodes = [node for node in self._nodes.values() if node.last_pong]
        # Rounded: a table in which nothing happens is not written again and again.
        entries = [
            _StoredNode(str(node.enode), node.last_pong // 600 * 600)
            for node in sorted(nodes, key=lambda node: node.enode)
        ]
        content = msgspec.json.format(msgspec.json.encode(_Stored(SCHEMA, entries)))
        if content != self._saved:
            write_atomically(self._path, content, secret=False)
            self._saved = content

    def _make_room(self, enode: Enode) -> bool:
        if enode.public_key in self._nodes:
            return True
        if not is_lan(enode.ip):
            subnets = Counter(_subnet(node.enode.ip) for node in self._nodes.values())
            if subnets[_subnet(enode.ip)] >= SUBNET_NODES_MAX:
                return False
        if len(self._nodes) < NODES_MAX:
            return True
        dead = [node for node in self._nodes.values() if node.is_dead and not node.is_seed]
        if not dead:
            return False
        oldest = min(dead, key=lambda node: node.last_pong)
        del self._nodes[oldest.enode.public_key]
        return True


def _subnet(ip: str) -> object:
    bits = 64 if ":" in ip else 24
    return ipaddress.ip_network(f"{ip}/{bits}", strict=False)
