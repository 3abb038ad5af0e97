"""The network as its nodes tell it: who is there, the best block, and what changed since last told.

A node speaks for itself alone: nothing that one says alters what is shown of another. What all
share, the best block, is the highest head of expected nodes; a head far above all others is not
believed while two others get new blocks at their own height, or one liar would make all others
late.
Every method takes the time, so that nothing here reads a clock.
"""

from __future__ import annotations

from windlass.programs.dashboard import settings as config
from windlass.programs.dashboard import wire
from windlass.programs.dashboard.blocks import AHEAD_MAX, OLD_MAX, Block, Blocks
from windlass.programs.dashboard.nodes import Node

UNEXPECTED_MAX = 50
"""Nodes that nobody expects but that know the secret."""
UNEXPECTED_KEPT_MS = 60_000
"""How long one that left is still shown."""
HISTORY_EVERY_MS = 10_000
HISTORY_BLOCKS = 50
BYTES_PER_TRANSACTION = 80
"""Of a block in geth's report: a hash with its name."""
GAS_PER_TRANSACTION = 21_000
HISTORY_BYTES_MAX = 900_000
"""Of an answer with several blocks, were they all full; a single block may be longer."""
FRESH_MS = 10_000
OF_NOW_MS = 20_000
"""How far a block's timestamp may be off beyond that: clocks differ, chains run ahead."""
HISTORY_PAUSE_MS = 500


class TooManyNodes(ValueError):
    """No further node that nobody expects is taken."""


class Network:
    """All nodes and blocks. `changed` and `gone` collect names for the next delta."""

    def __init__(self, settings: config.Settings, now_ms: int) -> None:
        self.settings = settings
        self.started_ms = now_ms
        self.nodes: dict[str, Node] = {}
        self.blocks = Blocks()
        self.best: Block | None = None
        self.best_at_ms: int | None = None
        self.changed: set[str] = set()
        self.gone: set[str] = set()
        self.clock_offsets_ms: list[int] = []
        """Arrival minus timestamp of the newest blocks that were seen to come."""
        self._history_asked_ms = 0
        self._expected: dict[str, config.Node] = {}
        self._makers: dict[str, str | None] = {}

    # -- who is there -----------------------------------------------------------------------

    def expect(self, nodes: tuple[config.Node, ...], now_ms: int) -> None:
        """From now on these nodes are expected, and no others."""
        self._expected = {node.name: node for node in nodes}
        self._makers = {}
        for node in nodes:
            if node.fee_recipient:
                maker = node.fee_recipient.lower()
                # An address that several share names nobody.
                self._makers[maker] = None if maker in self._makers else node.name
        for name, wanted in self._expected.items():
            known = self.nodes.get(name)
            if known is None:
                self.nodes[name] = Node(name, now_ms, wanted)
                self.gone.discard(name)
            else:
                known.expected, known.role = True, wanted.role
            self.changed.add(name)
        for name, known in list(self.nodes.items()):
            if name not in self._expected:
                known.expected = False
                self.changed.add(name)
                if not known.online:
                    self._drop(name)

    def expected(self, name: str) -> config.Node | None:
        """What the file of nodes says of that name."""
        return self._expected.get(name)

    @property
    def expected_nodes(self) -> tuple[config.Node, ...]:
        """All of the file of nodes."""
        return tuple(self._expected.values())

    def maker(self, address: str) -> str | None:
        """The node whose fees go to that address, if there is only one."""
        return self._makers.get(address)

    def login(self, hello: wire.Hello, now_ms: int) -> Node:
        """A node proved who it is. Raises TooManyNodes."""
        node = self.nodes.get(hello.name)
        if node is None:
            if sum(1 for one in self.nodes.values() if not one.expected) >= UNEXPECTED_MAX:
                raise TooManyNodes
            node = self.nodes[hello.name] = Node(hello.name, now_ms, None)
            self.gone.discard(hello.name)
        node.hello = hello
        node.goes(now_ms, online=True)
        self.changed.add(node.name)
        return node

    def logout(self, node: Node, now_ms: int) -> None:
        """Its connection ended, and no other took its place."""
        node.goes(now_ms, online=False)
        self.changed.add(node.name)

    # -- what nodes say ---------------------------------------------------------------------

    def hears(self, node: Node, said: wire.Message, now_ms: int) -> None:
        """Takes a message of that node in."""
        match said:
            case wire.Head(block):
                self._head(node, block, now_ms)
            case wire.History(blocks):
                for block in blocks:
                    self._older(node, block, now_ms)
            case wire.Pending(count):
                node.pending = count
            case wire.Stats():
                node.peers = said.peers
                node.peer_samples.append(said.peers)
                node.gas_price_wei = said.gas_price_wei
                node.syncing = said.syncing != node.sampled  # Besu says the opposite
            case wire.Latency(ms):
                node.latency_ms = ms // 2 if node.sampled else ms
            case wire.Ping(_, clock_ms):
                node.clock_offset_ms = None if clock_ms is None else clock_ms - now_ms
            case wire.Payload():
                node.processing_ms = said.processing_ms
            case _:
                return
        self.changed.add(node.name)

    def history_wanted(self, node: Node, now_ms: int) -> list[int]:
        """Heights to ask this node for now: what nobody told, and where it may have changed."""
        block, best = node.block, self.best
        if block is None or best is None or now_ms - node.history_asked_ms < HISTORY_EVERY_MS:
            return []
        if now_ms - self._history_asked_ms < HISTORY_PAUSE_MS:
            return []
        wanted = self.blocks.missing(best.number, HISTORY_BLOCKS)
        for number in sorted(self.blocks.forked, reverse=True):
            if node.name in self.blocks.votes.get(number, {}):
                wanted.append(number)
        transactions = max(block.gas_limit // GAS_PER_TRANSACTION, 1)
        room = max(HISTORY_BYTES_MAX // (transactions * BYTES_PER_TRANSACTION + 800), 1)
        wanted = [number for number in wanted if number <= block.number]
        if not wanted:
            return []
        node.history_asked_ms = self._history_asked_ms = now_ms
        return sorted(set(wanted[: min(room, HISTORY_BLOCKS)]))

    # -- time -------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> None:
        """Once a second: uptimes, and nodes that left."""
        for node in list(self.nodes.values()):
            before = node.uptime.percent
            node.ticks += 1
            node.online_ticks += node.online
            node.uptime.tick(online=node.online)
            if node.uptime.percent != before:
                self.changed.add(node.name)
            left = not node.online and not node.expected
            if left and now_ms - node.since_ms > UNEXPECTED_KEPT_MS:
                self._drop(node.name)
        self._believe(now_ms)

    # -- the best block ---------------------------------------------------------------------

    def _head(self, node: Node, said: wire.Block, now_ms: int) -> None:
        again = node.block is not None and node.block.hash == said.hash
        live, node.fresh = node.fresh, True
        if again:
            return
        propagation_ms = None
        near = self.best is None or said.number <= self.best.number + AHEAD_MAX
        if near and not self._is_too_old(said.number):
            known = self.blocks.find(said.number, said.hash) is not None
            block = self.blocks.add(said, node.name, now_ms, live=live)
            if block is not None:
                propagation_ms = self._arrived(node, block, now_ms, known=known, live=live)
                self._vote(node, said)
        node.has_block(said, now_ms, propagation_ms)
        if self.best is None or said.number > self.best.number or not near:
            self._believe(now_ms)
        if self.best is not None and said.number == self.best.number:
            self._settle(said.number)

    def _older(self, node: Node, said: wire.Block, now_ms: int) -> None:
        head = node.block
        if head is None or said.number > head.number or self._is_too_old(said.number):
            return
        if self.best is not None and said.number > self.best.number:
            return
        if self.blocks.add(said, node.name, now_ms, live=False) is not None:
            self.blocks.vote(node.name, said.number, said.hash)

    def _arrived(
        self, node: Node, block: Block, now_ms: int, *, known: bool, live: bool
    ) -> int | None:
        """The delay of this node; null where it says nothing of how blocks travel."""
        if not live or not block.live or not self.blocks.measures(node.name, block.number):
            return None
        if not known:
            self.clock_offsets_ms = [
                *self.clock_offsets_ms[-4:],
                block.timestamp_ms - now_ms,
            ]
            return 0
        delay_ms = now_ms - block.at_ms
        if not node.sampled:
            self.blocks.delayed(block, delay_ms)
        return delay_ms

    def _vote(self, node: Node, said: wire.Block) -> None:
        self.blocks.vote(node.name, said.number, said.hash)
        parent = self.blocks.votes.get(said.number - 1, {}).get(node.name)
        if parent is not None and parent != said.parent_hash:
            self.blocks.vote(node.name, said.number - 1, said.parent_hash)

    def _is_too_old(self, number: int) -> bool:
        return self.best is not None and number <= self.best.number - OLD_MAX

    def _believe(self, now_ms: int) -> None:
        """Finds the best head that can be believed; asked when a head stands out."""
        voices = [one for one in self.nodes.values() if one.online and one.block is not None]
        voices = [one for one in voices if one.expected] or voices
        heads = sorted(
            ((one.block.number, one) for one in voices if one.block), key=lambda pair: -pair[0]
        )
        while len(heads) > 2 and heads[0][0] - heads[1][0] > AHEAD_MAX:
            if not self._witnessed(heads[1:], now_ms):
                break
            heads.pop(0)
        if not heads:
            return
        number, node = heads[0]
        head, best = node.block, self.best
        if head is None or (best is not None and number == best.number):
            return
        if best is not None and number < best.number:
            # When the first node restarts, the network is not taken back a few blocks.
            near = best.number - number <= OLD_MAX // 2
            if near and (best.number - number <= AHEAD_MAX or not self._witnessed(heads, now_ms)):
                return
        self.blocks.trim(number)
        block = self.blocks.add(head, node.name, now_ms, live=node.fresh)
        if block is None:
            return
        self.blocks.vote(node.name, number, head.hash)
        self.best = block
        # What a login tells of may be old: then its own time says how old. A genesis is no block
        # that anybody made, and may have been written long before the start.
        self.best_at_ms = now_ms if block.live or number == 0 else block.at_ms
        self.changed.update(self.nodes)

    def _witnessed(self, heads: list[tuple[int, Node]], now_ms: int) -> bool:
        """Whether two of these get the blocks of now, so that these are the newest there are."""
        return sum(self._is_at_the_head(one, now_ms) for _, one in heads) >= 2

    def _settle(self, number: int) -> None:
        """The best height may have another main block after a vote."""
        main = self.blocks.main(number)
        if main is not None and main is not self.best:
            self.best = main

    def _is_at_the_head(self, node: Node, now_ms: int) -> bool:
        """Whether it just got a block of now; one that catches up gets old blocks."""
        if node.block is None or node.block_at_ms is None:
            return False
        fresh_ms = max(FRESH_MS, 3000 * self.settings.block_time_s)
        age_ms = abs(now_ms - node.block.timestamp_s * 1000)
        return now_ms - node.block_at_ms < fresh_ms and age_ms < fresh_ms + OF_NOW_MS

    def _drop(self, name: str) -> None:
        self.nodes.pop(name, None)
        self.blocks.forget(name)
        self.changed.discard(name)
        self.gone.add(name)
