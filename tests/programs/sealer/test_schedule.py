"""When sealing begins and which second a block is stamped with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.programs.sealer.schedule import SLEW, Slot, next_slot

LEAD_S = 0.15


@pytest.mark.parametrize(
    ("parent", "now", "block_time_s", "expected"),
    [
        (1000, 1000.05, 1, Slot(0.8, 1001)),  # the usual case: the block is ready at 1001.00
        (1000, 1000.90, 1, Slot(0.0, 1001)),  # a little late: at once
        (1000, 1007.50, 1, Slot(0.0, 1007)),  # geth was down: no seconds are made up for
        (1000, 1000.05, 5, Slot(4.8, 1005)),
        (1001, 1001.05, 5, Slot(3.8, 1005)),  # back on the grid after a start between
        (1000, 1004.90, 5, Slot(0.0, 1005)),
    ],
)
def test_blocks_stand_on_the_wall_clocks_grid(
    parent: int, now: float, block_time_s: int, expected: Slot
) -> None:
    """Building begins so that the block is ready on its second, a multiple of the block time."""
    slot = next_slot(parent, now, 1.0, block_time_s, LEAD_S)
    assert slot.timestamp == expected.timestamp
    assert slot.wait_s == pytest.approx(expected.wait_s)


def test_a_late_block_does_not_push_those_after_it() -> None:
    """The second after a slow block is met again."""
    late = next_slot(1000, 1001.6, 1.6, 1, LEAD_S)
    assert late == Slot(0.0, 1001)
    after = next_slot(1001, 1001.75, 0.15, 1, LEAD_S)
    assert after.timestamp == 1002
    assert after.wait_s == pytest.approx(0.1)


def test_behind_the_chains_clock_blocks_go_on_and_the_clocks_meet() -> None:
    """With the wall clock an hour behind, blocks come at four fifths of their rate until it met."""
    assert next_slot(4600, 1000.0, float("inf"), 1, LEAD_S) == Slot(0.0, 4601)
    assert next_slot(4600, 1000.0, 0.0, 1, LEAD_S) == Slot(SLEW, 4601)
    parent, now = 1010, 1000.0
    for _ in range(60):
        slot = next_slot(parent, now, 0.0, 1, LEAD_S)
        assert slot.wait_s <= SLEW
        parent, now = slot.timestamp, now + slot.wait_s + LEAD_S
    assert abs(parent - now) < 0.2


@given(
    st.integers(1, 2**33),
    st.floats(-1e5, 1e5),
    st.floats(0, 1e6),
    st.integers(1, 60),
    st.floats(0, 1.2),
)
def test_time_moves_on_and_waits_are_bounded(
    parent: int, ahead_s: float, since_last_s: float, block_time_s: int, lead_s: float
) -> None:
    """Whatever the clock shows: stamps increase, and no wait is longer than a slewed block time."""
    slot = next_slot(parent, parent + ahead_s, since_last_s, block_time_s, lead_s)
    assert slot.timestamp > parent
    assert 0 <= slot.wait_s <= SLEW * block_time_s
    assert slot.timestamp <= max(parent + block_time_s, parent + ahead_s + lead_s)
