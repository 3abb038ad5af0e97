"""When the next block begins to be built, and which second it is stamped with.

Blocks stand on the grid of the wall clock: every `block_time_s`, at multiples of it, however long
each took. A block that comes late does not push those after it; seconds without a block (geth was
down) are skipped, not made up for.

The chain's clock never goes back. Should the wall clock be behind the newest block (it was set
back, or had been wrong), blocks go on at four fifths of their rate, one second of chain time
each, so that the wall clock overtakes the chain's and no application waits for hours.
"""

from __future__ import annotations

import msgspec

SLEW = 1.25


class Slot(msgspec.Struct, frozen=True):
    """Begin in `wait_s` seconds; the block's timestamp is `timestamp` (unix seconds)."""

    wait_s: float
    timestamp: int


def next_slot(
    parent_timestamp: int, now: float, since_last_s: float, block_time_s: int, lead_s: float
) -> Slot:
    """The slot after a block stamped `parent_timestamp`, which was made `since_last_s` ago.

    The build begins `lead_s` before its second.
    """
    ready = now + lead_s
    due = int(ready // block_time_s) * block_time_s
    if due > parent_timestamp:
        return Slot(0.0, due)
    following = (parent_timestamp // block_time_s + 1) * block_time_s
    wait_s = following - ready
    if wait_s > block_time_s:
        wait_s = max(0.0, SLEW * block_time_s - since_last_s)
        return Slot(wait_s, parent_timestamp + 1)
    return Slot(wait_s, following)
