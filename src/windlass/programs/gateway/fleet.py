"""All nodes, and which of them is asked: usable, at our head, lowest priority, least busy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

import msgspec

from windlass.kit.live_file import LiveFile
from windlass.programs.gateway.head import Block, Head
from windlass.programs.gateway.node import Node
from windlass.programs.gateway.settings import Nodes, Settings

REFRESH_S = 1.0
STAND_IN_LEAD_BLOCKS = 1
"""A block maker has each block some milliseconds before the RPC nodes. While these are no more
than a block behind, its word raises the head only after a second, or every read of those
milliseconds would go to block makers."""
STAND_IN_PATIENCE_S = 1.0

log = logging.getLogger(__name__)


class Fleet:
    """`on_change` is called when a node came or went, `on_pending` with what entered a pool."""

    def __init__(self, settings: Settings, file: LiveFile[Nodes], head: Head) -> None:
        self.head = head
        self.nodes: dict[str, Node] = {}
        self.on_change: Callable[[], None] = lambda: None
        self.on_pending: Callable[[msgspec.Raw], None] = lambda _: None
        self._settings = settings
        self._file = file
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._uses = 0
        self._wants_pending = False

    async def run(self) -> None:
        """Keeps the nodes of the file connected, and follows the file."""
        try:
            self._arrange()
            while True:
                await asyncio.sleep(REFRESH_S)
                for name, task in self._tasks.items():
                    if task.done():
                        log.error("a node's task has ended", extra={"node": name})
                        task.result()
                if self._file.refresh():
                    self._arrange()
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def choose(self, without: Iterable[Node] = (), spread: int | None = None) -> Node | None:
        """The node to ask now, None if there is none; `spread` names the same one for the same
        number, as long as the same ones are there."""
        best = self._best(without)
        if not best:
            return None
        if spread is not None:
            return best[spread % len(best)]
        chosen = best[0] if len(best) == 1 else min(best, key=lambda n: (n.in_flight, n.used))
        self._uses += 1
        chosen.used = self._uses
        return chosen

    def has_no_choice(self) -> bool:
        """Whether `choose` gives the same node for whatever number to spread by."""
        return len(self._best(())) == 1

    def usable(self) -> list[Node]:
        """Every node that can be used, up to date or not."""
        return [node for node in self.nodes.values() if node.usable]

    async def changed(self, timeout_s: float) -> None:
        """Returns when a node came, went or rose, at the latest after that time."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            return

    def problem(self, *, for_clients: bool = False) -> str | None:
        """Why no node can be asked, None if one can. Clients are not told addresses."""
        if self.choose() is not None:
            return None
        if not self.nodes:
            return "no node is known"
        usable = self.usable()
        if usable:
            newest = max(node.number for node in usable)
            return f"block {self.head.number} was shown and the newest that a node has is {newest}"
        if for_clients:
            return f"none of its {len(self.nodes)} nodes can be used now"
        return "; ".join(f"{node.name}: {node.reason}" for node in list(self.nodes.values())[:3])

    def want_pending(self, wanted: bool) -> None:
        """Whether the nodes are to report what enters their pools."""
        self._wants_pending = wanted
        for node in self.nodes.values():
            node.want_pending(wanted)

    async def rose(self, node: Node, block: Block) -> None:
        """A node has a block of our chain."""
        self._stir()
        if block.number <= self.head.number or self._is_ahead_of_better(node, block):
            return
        await self.head.raise_to(block.number, block.hash)
        self._stir()

    def came(self, node: Node) -> None:
        """A node can be used."""
        del node
        self._stir()
        self.on_change()

    def went(self, node: Node) -> None:
        """A node can't be used any more."""
        del node
        self._stir()
        self.on_change()

    def pending(self, node: Node, transaction: msgspec.Raw) -> None:
        """A transaction entered a node's pool."""
        del node
        if self._wants_pending:
            self.on_pending(transaction)

    def _best(self, without: Iterable[Node]) -> list[Node]:
        number = self.head.number
        best: list[Node] = []
        for node in self.nodes.values():
            if not node.usable or node.number < number or node in without:
                continue
            if best and node.priority > best[0].priority:
                continue
            if best and node.priority < best[0].priority:
                best.clear()
            best.append(node)
        return best

    def _is_ahead_of_better(self, node: Node, block: Block) -> bool:
        better = [one.number for one in self.usable() if one.priority < node.priority]
        if not better or max(better) + STAND_IN_LEAD_BLOCKS < block.number:
            return False
        return time.monotonic() - node.known_s < STAND_IN_PATIENCE_S

    def _arrange(self) -> None:
        wanted = {node.name: node for node in self._file.content.nodes}
        for name, node in list(self.nodes.items()):
            if wanted.get(name) != node.settings:
                del self.nodes[name]
                self._tasks.pop(name).cancel()
                node.stop("it was taken from the file of nodes")
        for name, settings in wanted.items():
            if name not in self.nodes:
                made = Node(
                    settings, self._settings.chain_id, self._settings.genesis_hash, self.head, self
                )
                made.want_pending(self._wants_pending)
                self.nodes[name] = made
                self._tasks[name] = asyncio.create_task(made.run())

    def _stir(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
