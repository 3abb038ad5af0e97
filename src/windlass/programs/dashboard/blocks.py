"""The newest blocks by height and hash: who has which, when each came, and whether nodes differ.

A node has one vote per height: the hash that it reported last. The block of a height is the one
with the most votes, and a fork is a height at which votes differ. A child tells its parent, so a
node that changed sides is seen to have done so without being asked. Only a window of heights is
kept, and a few hashes per height, so that no reporter can fill the memory.
"""

from __future__ import annotations

from bisect import insort
from typing import Any

import msgspec

from windlass.programs.dashboard import wire

SHOWN = 120
WINDOW = 240
"""Heights that are kept: twice what pages show, so that a late vote finds its block."""
HASHES_MAX = 16
"""Hashes of one height; a network with more sides than that has another problem."""
AHEAD_MAX = 3
"""How far above the best block a reported one may be and still be kept: see network.py."""
OLD_MAX = 128
"""How far below the best block a reported one may be and still count."""
DELAY_MAX_MS = 60_000


class Block(msgspec.Struct, kw_only=True):
    """A block that some node reported. `live` tells one that was seen when it came."""

    number: int
    hash: str
    parent_hash: str
    timestamp_ms: int
    at_ms: int
    miner: str
    transactions: int
    gas_used: int
    gas_limit: int
    first_node: str
    live: bool
    votes: int = 0
    delays_ms: list[int] = []
    """Sorted: how much later than the first each further node reported it."""
    round: int | None = None
    proposer: str | None = None
    missed: tuple[str, ...] = ()
    interval_ms: int | None = None
    reporters: int = 0
    """As a restart found it in the history; while it runs, `votes` may exceed it."""

    @property
    def propagation_p50_ms(self) -> int | None:
        """Delay of the node in the middle, the first one's 0 included."""
        return percentile([0, *self.delays_ms], 50) if self.delays_ms else None

    @property
    def propagation_max_ms(self) -> int | None:
        """Delay of the last node so far."""
        return self.delays_ms[-1] if self.delays_ms else None


class Blocks:
    """The window. `changed` collects heights whose shown block is not what it was."""

    def __init__(self) -> None:
        self.heights: dict[int, dict[str, Block]] = {}
        self.votes: dict[int, dict[str, str]] = {}
        """Height → node → hash."""
        self.forked: set[int] = set()
        """Heights at which votes differ now."""
        self.changed: set[int] = set()
        self.unsaved: set[int] = set()
        """The same, for the history."""
        self._main: dict[int, str] = {}
        self._measured: dict[int, set[str]] = {}
        """Nodes whose delay at a height was taken."""

    def main(self, number: int) -> Block | None:
        """The block of that height, if one is known."""
        chosen = self._main.get(number)
        return None if chosen is None else self.heights[number][chosen]

    def newest(self, count: int = SHOWN) -> list[Block]:
        """The shown blocks, newest first."""
        numbers = sorted(self._main, reverse=True)[:count]
        return [self.heights[number][self._main[number]] for number in numbers]

    def find(self, number: int, block_hash: str) -> Block | None:
        """The block of that height and hash."""
        return self.heights.get(number, {}).get(block_hash)

    def add(self, said: wire.Block, node: str, at_ms: int, *, live: bool) -> Block | None:
        """The record of a reported block, made if it is new; None if there is no room for it."""
        found = self.find(said.number, said.hash)
        if found is not None:
            return found
        known = self.heights.setdefault(said.number, {})
        if len(known) >= HASHES_MAX:
            return None
        timestamp_ms = said.timestamp_s * 1000
        block = Block(
            number=said.number,
            hash=said.hash,
            parent_hash=said.parent_hash,
            timestamp_ms=timestamp_ms,
            # Nobody saw an older block come: the time that stands in it is the best there is.
            at_ms=at_ms if live else min(at_ms, timestamp_ms),
            miner=said.miner,
            transactions=said.transactions,
            gas_used=said.gas_used,
            gas_limit=said.gas_limit,
            first_node=node,
            live=live,
        )
        self.put(block)
        return block

    def put(self, block: Block) -> None:
        """Takes a block in, from a report or from the history of an earlier run."""
        self.heights.setdefault(block.number, {})[block.hash] = block
        self._choose(block.number)
        self.mark(block.number)

    def mark(self, number: int) -> None:
        """What is shown of that height has changed."""
        self.changed.add(number)
        self.unsaved.add(number)

    def vote(self, node: str, number: int, block_hash: str) -> None:
        """The node has that block at that height, whatever it had before."""
        votes = self.votes.setdefault(number, {})
        before = votes.get(node)
        if before == block_hash:
            return
        if before is not None and (old := self.find(number, before)) is not None:
            old.votes -= 1
            if not old.votes:
                # Else one node with ever new hashes would take the room of everybody's.
                del self.heights[number][before]
        new = self.find(number, block_hash)
        if new is None:
            votes.pop(node, None)
        else:
            votes[node] = block_hash
            new.votes += 1
        self._recount(number)

    def measures(self, node: str, number: int) -> bool:
        """Whether this is the node's first block of that height: one that goes to and fro between
        two would else put ever more delays among those of the others."""
        measured = self._measured.setdefault(number, set())
        if node in measured:
            return False
        measured.add(node)
        return True

    def delayed(self, block: Block, delay_ms: int) -> None:
        """One more node has reported the block, so much later than the first."""
        insort(block.delays_ms, min(max(delay_ms, 0), DELAY_MAX_MS))
        self.mark(block.number)

    def forget(self, node: str) -> None:
        """Takes back all votes of a node that is gone."""
        for number, votes in self.votes.items():
            given = votes.pop(node, None)
            if given is not None and (block := self.find(number, given)) is not None:
                block.votes -= 1
                self._recount(number)

    def trim(self, best: int) -> None:
        """Forgets what lies outside the window that ends above the best block."""
        for number in [
            one for one in self.heights if one <= best - WINDOW or one > best + AHEAD_MAX
        ]:
            del self.heights[number]
            self.votes.pop(number, None)
            self._measured.pop(number, None)
            self._main.pop(number, None)
            self.forked.discard(number)
            self.changed.discard(number)
            self.unsaved.discard(number)

    def missing(self, best: int, count: int) -> list[int]:
        """The newest heights that pages show and nobody has told us of."""
        lowest = max(best - SHOWN + 1, 0)
        return [number for number in range(best, lowest - 1, -1) if number not in self._main][
            :count
        ]

    def sides(self, number: int) -> list[dict[str, Any]]:
        """The hashes of a height with the nodes that have them, most nodes first."""
        by_hash: dict[str, list[str]] = {}
        for node, block_hash in self.votes.get(number, {}).items():
            by_hash.setdefault(block_hash, []).append(node)
        sides = sorted(by_hash.items(), key=lambda side: (-len(side[1]), side[0]))
        return [{"hash": block_hash, "nodes": sorted(nodes)} for block_hash, nodes in sides]

    def _recount(self, number: int) -> None:
        voted = sum(1 for block in self.heights.get(number, {}).values() if block.votes)
        if voted > 1:
            self.forked.add(number)
        else:
            self.forked.discard(number)
        self._choose(number)
        self.mark(number)

    def _choose(self, number: int) -> None:
        chosen = max(
            self.heights.get(number, {}).values(),
            key=lambda one: (one.votes, -one.at_ms),
            default=None,
        )
        if chosen is None:
            self._main.pop(number, None)  # asked for again: nobody has what there was
            return
        self._main[number] = chosen.hash
        before, after = self.main(number - 1), self.main(number + 1)
        if before is not None:
            chosen.interval_ms = max(chosen.at_ms - before.at_ms, 0)
        if after is not None:
            after.interval_ms = max(after.at_ms - chosen.at_ms, 0)
            self.mark(after.number)


def percentile(ordered: list[int], percent: int) -> int | None:
    """The value below which so many percent of the sorted values lie; null of none."""
    if not ordered:
        return None
    return ordered[min(len(ordered) * percent // 100, len(ordered) - 1)]
