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

GAS_LIMIT = 42_000_000  # 2,000 transfers


def _delay() -> BuildDelay:
    return BuildDelay(0.05, 1.2, GAS_LIMIT)


def _after(delay: BuildDelay, waiting: int | None, *, empty: bool) -> float:
    """The delay of the next build like this one."""
    delay.before_build(waiting)
    delay.after_build(empty=empty)
    return delay.current_s


def _for(delay: BuildDelay, waiting: int | None) -> float:
    """The delay for a pool of that size."""
    delay.before_build(waiting)
    return delay.current_s


def test_delay_doubles_while_waiting_pools_give_empty_blocks() -> None:
    """Waiting transactions and an empty block: double; then come back, a little at a time."""
    delay = _delay()
    assert [_after(delay, 5, empty=True) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.4])
    assert _after(delay, 5, empty=False) == pytest.approx(0.388)
    for _ in range(100):
        _after(delay, 5, empty=False)
    assert delay.current_s == pytest.approx(0.05)


def test_transactions_after_the_look_are_no_sign() -> None:
    """An empty block beside a pool that was empty when the build began changes nothing."""
    assert _after(_delay(), 0, empty=True) == 0.05


def test_a_full_pool_gets_its_time_at_once() -> None:
    """A burst is given the time for its transfers without an empty block before it, and no more
    than for as many as fit."""
    delay = _delay()
    assert _for(delay, 1500) == pytest.approx(0.525)
    assert _for(delay, 1_000_000) == delay.full_pool_s == pytest.approx(0.7)


def test_a_geth_too_busy_to_answer_has_what_it_had() -> None:
    """Silence about the pool is no empty pool: a block would come out empty just under load."""
    delay = _delay()
    _after(delay, 1500, empty=False)
    assert _for(delay, None) == pytest.approx(0.525)


def test_what_a_transaction_needs_is_learned_from_full_pools() -> None:
    """A machine too slow for one full pool gives the next more time, and small ones no more."""
    delay = _delay()
    assert _after(delay, 2000, empty=True) == pytest.approx(1.2)
    assert _for(delay, 10) == pytest.approx(0.05)
    for _ in range(100):
        _after(delay, 2000, empty=False)
    assert _for(delay, 2000) == pytest.approx(0.7), "as long as it does not happen again"


def test_what_a_block_needs_is_learned_from_few_transactions() -> None:
    """One empty block beside one transaction says nothing about a full pool."""
    delay = _delay()
    assert _after(delay, 1, empty=True) == pytest.approx(0.1)
    assert _for(delay, 2000) == pytest.approx(0.7)


def test_what_can_never_enter_costs_less_and_less() -> None:
    """Once geth has taken none in its longest time again and again, so many are ignored for a
    while, and twice as long each time that this is found again."""
    delay = _delay()
    quick = [_after(delay, 3, empty=True) == 0.05 for _ in range(400)]
    stretches = [len(run) for run in "".join(".#"[one] for one in quick).split(".") if run]
    assert stretches[:3] == [30 + 1, 60 + 1, 120 + 1], "and the first build after them"


def test_more_than_what_can_never_enter_counts() -> None:
    """One transaction beside those that are ignored is given its time; fewer are a new matter."""
    delay = _delay()
    while _after(delay, 3, empty=True) > 0.05:
        pass
    assert _after(delay, 4, empty=True) == pytest.approx(0.1)
    assert _after(delay, 0, empty=True) < 0.1
    assert _after(delay, 3, empty=True) > 0.05


@given(st.integers(2000, 10_000))
def test_a_full_pool_is_never_ignored(waiting: int) -> None:
    """However often a slow machine comes out empty, it is given its longest time again."""
    delay = _delay()
    for _ in range(3):
        _after(delay, waiting, empty=True)
    assert all(_after(delay, waiting, empty=True) == 1.2 for _ in range(100))


@given(st.lists(st.tuples(st.booleans(), st.none() | st.integers(0, 10_000)), max_size=60))
def test_delay_stays_within_its_bounds(builds: list[tuple[bool, int | None]]) -> None:
    """Whatever happens, geth gets neither less nor more time than was set."""
    delay = BuildDelay(0.15, 1.2, GAS_LIMIT)
    for empty, waiting in builds:
        assert 0.15 <= _after(delay, waiting, empty=empty) <= 1.2


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
