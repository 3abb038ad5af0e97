"""When blocks are built, with which stamp and how much time."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.chains.ethereum.building import (
    BuildDelay,
    block_timestamp,
    prev_randao,
    wait_before_building,
)
from windlass.chains.ethereum.quantities import BlockHash


def test_delay_doubles_while_full_pools_give_empty_blocks() -> None:
    """Empty block and waiting transactions: double up to the limit; then it shrinks by a tenth."""
    delay = BuildDelay(0.15, 1.2)
    for expected in (0.3, 0.6, 1.2, 1.2):
        delay.learn(payload_empty=True, pool_pending=5)
        assert delay.current_s == pytest.approx(expected)
    delay.learn(payload_empty=False, pool_pending=5)
    assert delay.current_s == pytest.approx(1.08)
    for _ in range(100):
        delay.learn(payload_empty=True, pool_pending=0)
    assert delay.current_s == pytest.approx(0.15)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=60))
def test_delay_stays_within_its_bounds(builds: list[tuple[bool, int]]) -> None:
    """Whatever happens, geth gets neither less nor more time than was set."""
    delay = BuildDelay(0.15, 1.2)
    for empty, pending in builds:
        delay.learn(payload_empty=empty, pool_pending=pending)
        assert 0.15 <= delay.current_s <= 1.2


@given(
    st.integers(1, 2**33), st.floats(-10, 10), st.floats(0.05, 1.2), st.none() | st.integers(-5, 5)
)
def test_timestamp_always_moves_on(
    parent: int, ahead_s: float, delay_s: float, ceiling: int | None
) -> None:
    """A stamp is above its parent's, and never above both that and the wall clock's or ceiling."""
    limit = None if ceiling is None else parent + ceiling
    now = parent + ahead_s
    stamp = block_timestamp(parent, now, delay_s, limit)
    assert stamp > parent
    assert stamp == parent + 1 or stamp <= now + delay_s + 0.01
    assert limit is None or stamp <= max(parent + 1, limit)


def test_paced_blocks_are_ready_on_the_second() -> None:
    """Waiting, then stamping, then building ends when the wall clock shows the block's stamp."""
    parent, delay_s = 1000, 0.15
    now = 1000.02
    now += wait_before_building(parent, now, delay_s)
    assert now == pytest.approx(1000.85)
    assert block_timestamp(parent, now + 0.001, delay_s) == 1001
    assert wait_before_building(parent, 1000.9, delay_s) == 0
    assert wait_before_building(parent, 990, delay_s) == 1.5
    slow = wait_before_building(parent, 1000.0, delay_s, block_time_s=5, wait_s_max=9)
    assert slow == pytest.approx(4.85)
    # A timer that fired a moment early must not make the block a second older.
    assert block_timestamp(parent, 1000.0 + slow - 0.005, delay_s) == 1005


def test_prev_randao_is_what_the_documentation_says() -> None:
    """sha256 over tag, chain id, number and parent hash: another in any of them, another value."""
    parent = BlockHash("0x" + "ab" * 32)
    expected = hashlib.sha256(
        b"windlass prevRandao 1" + bytes(6) + b"\x4f\x25" + bytes(7) + b"\x07" + b"\xab" * 32
    )
    assert prev_randao(0x4F25, 7, parent) == "0x" + expected.hexdigest()
    others = {prev_randao(1, 7, parent), prev_randao(0x4F25, 8, parent)}
    assert prev_randao(0x4F25, 7, parent) not in others
