"""What the gateway makes of a node, with a node that says what the test wants."""

from __future__ import annotations

import msgspec

from windlass.programs.gateway.head import Block, Head
from windlass.programs.gateway.node import Node
from windlass.programs.gateway.settings import Node as NodeSettings
from windlass.programs.gateway.upstream import Answer, Upstream


def _hash(number: int) -> str:
    return f"0x{number:064x}"


def _block(number: int) -> Block:
    return Block(number, _hash(number), _hash(number - 1))


async def _store(number: int, block_hash: str) -> None:
    del number, block_hash


class _Watcher:
    """Remembers who went."""

    def __init__(self) -> None:
        self.gone: list[str] = []

    async def rose(self, node: Node, block: Block) -> None:
        """Of no interest."""

    def came(self, node: Node) -> None:
        """Of no interest."""

    def went(self, node: Node) -> None:
        """It was lost."""
        self.gone.append(node.reason)

    def pending(self, node: Node, transaction: msgspec.Raw) -> None:
        """Of no interest."""


class _Asked(Upstream):
    """Another node raises the head while this one is asked for a header."""

    def __init__(self, head: Head, raised_to: int, answers: str) -> None:
        self._head = head
        self._raised_to = raised_to
        self._answers = answers

    async def call(self, method: bytes, params: bytes, timeout_s: float) -> Answer:
        """The header that was asked for."""
        del method, timeout_s
        number = int(msgspec.json.decode(params)[0], 16)
        await self._head.raise_to(self._raised_to, _hash(self._raised_to))
        header = {"number": hex(number), "hash": self._answers, "parentHash": _hash(number - 1)}
        return Answer(result=msgspec.Raw(msgspec.json.encode(header)))


def _node(head: Head, watcher: _Watcher) -> Node:
    settings = NodeSettings(name="node-0", rpc_url="", ws_url="", priority=0)
    node = Node(settings, 1, _hash(0), head, watcher)
    node.usable = True
    return node


async def test_a_head_that_rises_meanwhile_is_not_held_against_a_node() -> None:
    """The node is compared with the block that it was asked for, not with the newest."""
    head, watcher = Head(5, _hash(5), _store), _Watcher()
    node = _node(head, watcher)
    await node._consider(_Asked(head, 6, _hash(5)), _block(9))
    assert watcher.gone == []
    assert (node.usable, node.number) == (True, 9)


async def test_a_node_of_another_chain_is_lost() -> None:
    """And the reason names the block in which they differ."""
    head, watcher = Head(5, _hash(5), _store), _Watcher()
    await _node(head, watcher)._consider(_Asked(head, 6, _hash(77)), _block(9))
    assert watcher.gone == ["it has another block 5 than clients were told of"]
