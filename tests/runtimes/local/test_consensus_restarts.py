"""When the supervisor takes a CometBFT's consensus for ended: never while it may be at work."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.chains.cometbft.rpc import Round
from windlass.runtimes.local.supervisor.consensus_restarts import (
    BEHIND_BLOCKS,
    COMMIT,
    PATIENCE_S,
    RESTING,
    Seen,
    verdict,
)

LONG_S = 10 * PATIENCE_S


def _seen(
    step: int,
    *,
    still_s: float = LONG_S,
    voted: bool = False,
    own: int | None = 1,
    round_: int = 0,
    ahead: int = 0,
    block_time_s: int = 1,
) -> Seen:
    votes = (True, voted, False, False)
    at = Round(height=119, round=round_, step=step, proposer="", prevotes=votes, precommits=votes)
    return Seen(round=at, still_s=still_s, block_time_s=block_time_s, own=own, highest=119 + ahead)


@pytest.mark.parametrize("step", [1, 2, 3, 5, 7])
def test_it_rests_in_no_passing_step(step: int) -> None:
    """Timers end these steps, so that long in one of them is too long."""
    assert f"in step {step} of height 119" in verdict(_seen(step))


@pytest.mark.parametrize("step", RESTING)
def test_it_waits_for_others_after_its_own_vote(step: int) -> None:
    """Without the vote of its own it waits for nothing; who has no vote may wait."""
    assert verdict(_seen(step, voted=True)) == ""
    assert verdict(_seen(step, own=None)) == ""
    assert "and gave none itself" in verdict(_seen(step))


@pytest.mark.parametrize("step", [*RESTING, COMMIT])
def test_it_is_not_left_behind(step: int) -> None:
    """Wherever it stands, if the others have gone on."""
    assert verdict(_seen(step, voted=True, ahead=BEHIND_BLOCKS - 1)) == ""
    assert "others are at" in verdict(_seen(step, voted=True, ahead=BEHIND_BLOCKS))


@given(
    step=st.integers(1, 8),
    round_=st.integers(0, 1000),
    block_time_s=st.integers(1, 60),
    voted=st.booleans(),
    ahead=st.integers(0, 100),
    share=st.floats(0, 0.999),
)
def test_it_has_the_time_that_it_needs(
    step: int, round_: int, block_time_s: int, voted: bool, ahead: int, share: float
) -> None:
    """Half a second more in each round, and a new height only after a block's time."""
    needed_s = 1.8 + 0.5 * round_ + block_time_s
    assert (
        verdict(
            _seen(
                step,
                still_s=share * needed_s,
                voted=voted,
                round_=round_,
                ahead=ahead,
                block_time_s=block_time_s,
            )
        )
        == ""
    )
