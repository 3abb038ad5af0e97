"""How fast blocks travel: the delays of the last blocks, as bins and percentiles.

A delay is measured by arrivals on this server's clock alone, so no node's clock or word counts. It
includes the way of the report to here, which is short beside the way of a block.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from windlass.programs.dashboard.blocks import DELAY_MAX_MS, Blocks, percentile

BLOCKS = 40
BOUNDS_MS = (5, 10, 20, 50, 100, 200, 350, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000)
"""Upper bounds of the bins; the last bin reaches to the longest delay that is counted."""


class Propagation:
    """The figures over the last blocks, made anew when asked."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.p50_ms: int | None = None
        self.p90_ms: int | None = None
        self.measure(Blocks())

    def measure(self, blocks: Blocks) -> None:
        """Sums up what the last blocks took. The first reporter's zero is no delay."""
        delays: list[int] = []
        for block in blocks.newest(BLOCKS):
            delays.extend(block.delays_ms)
        delays.sort()
        bins, low = [], 0
        for bound in (*BOUNDS_MS, DELAY_MAX_MS):
            high = bisect_right(delays, bound)
            bins.append({"to_ms": bound, "count": high - low})
            low = high
        self.p50_ms, self.p90_ms = percentile(delays, 50), percentile(delays, 90)
        self.document = {
            "bins": bins,
            "p50_ms": self.p50_ms,
            "p90_ms": self.p90_ms,
            "mean_ms": round(sum(delays) / len(delays)) if delays else None,
        }
