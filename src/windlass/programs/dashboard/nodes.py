"""What is known of one node: who it said it is, its newest block, and how it was of late.

Uptime is counted from connections, minute by minute over a day: what a client says of its own
uptime is a constant.
"""

from __future__ import annotations

import statistics
from collections import deque

from windlass.programs.dashboard import settings as config
from windlass.programs.dashboard import wire

SLOTS = 40
"""Blocks in a node's propagation history, as dashboards of this kind always showed."""
PEER_SAMPLES = 40
"""Full reports come every 15 s: ten minutes of them are what a loss of peers is held against."""
MINUTES = 24 * 60


START_S = 60
"""How long after the dashboard's own start a node may come without having been away."""


class Uptime:
    """Seconds online per minute for a day, and their share."""

    def __init__(self) -> None:
        self._patience_s = START_S
        self._minutes: deque[int] = deque(maxlen=MINUTES)
        self._sum = 0
        self._online_s = 0
        self._known_s = 0

    def seed(self, percents: list[int]) -> None:
        """Minutes of an earlier run, oldest first."""
        for percent in percents:
            self._close(min(max(percent, 0), 100))

    def tick(self, *, online: bool) -> None:
        """One more second. While the network starts, nobody is missed yet."""
        if online:
            self._patience_s = 0
        if self._patience_s > 0:
            self._patience_s -= 1
            return
        self._known_s += 1
        self._online_s += online
        if self._known_s >= 60:
            self._close(self._online_s * 100 // self._known_s)
            self._online_s = self._known_s = 0

    @property
    def percent(self) -> float | None:
        """Over the last day, or as long as the node is known."""
        whole = len(self._minutes) * 60 + self._known_s
        if not whole:
            return None
        return round((self._sum * 60 + self._online_s * 100) / whole, 1)

    def _close(self, percent: int) -> None:
        if len(self._minutes) == MINUTES:
            self._sum -= self._minutes[0]
        self._minutes.append(percent)
        self._sum += percent


class Node:
    """A node that is expected, or that has logged in with the right secret."""

    def __init__(self, name: str, now_ms: int, expected: config.Node | None) -> None:
        self.name = name
        self.expected = expected is not None
        self.role = expected.role if expected else "node"
        self.online = False
        self.since_ms = now_ms
        self.hello: wire.Hello | None = None
        self.peers: int | None = None
        self.pending: int | None = None
        self.gas_price_wei: int | None = None
        self.syncing: bool | None = None
        self.latency_ms: int | None = None
        self.processing_ms: int | None = None
        self.clock_offset_ms: int | None = None
        self.block: wire.Block | None = None
        self.block_at_ms: int | None = None
        self.fresh = False
        """Whether the newest block came while we listened, and not with the login."""
        self.propagation_ms: int | None = None
        self.propagation: deque[int | None] = deque(maxlen=SLOTS)
        self.appended = 0
        """Blocks since the last delta: a page appends one itself, more have to be told."""
        self.peer_samples: deque[int] = deque(maxlen=PEER_SAMPLES)
        self.uptime = Uptime()
        self.history_asked_ms = 0
        # What the next write to the history sums up.
        self.ticks = 0
        self.online_ticks = 0
        self.propagation_sum_ms = 0
        self.propagation_count = 0

    @property
    def sampled(self) -> bool:
        """Whether it tells of blocks on a timer, so that its propagation is up to 5 s too long."""
        return self.hello is not None and self.hello.sampled

    @property
    def propagation_average_ms(self) -> int | None:
        """Over the blocks of its history."""
        known = [one for one in self.propagation if one is not None]
        return round(statistics.fmean(known)) if known else None

    def has_block(self, block: wire.Block, at_ms: int, propagation_ms: int | None) -> None:
        """It reported another block than before."""
        self.block = block
        self.block_at_ms = at_ms
        self.propagation_ms = propagation_ms
        self.propagation.append(propagation_ms)
        self.appended += 1
        if propagation_ms is not None:
            self.propagation_sum_ms += propagation_ms
            self.propagation_count += 1

    def goes(self, now_ms: int, *, online: bool) -> None:
        """It logged in, or its connection ended."""
        if self.online != online:
            self.online = online
            self.since_ms = now_ms
        self.fresh = False
        if not online:
            self.peer_samples.clear()
