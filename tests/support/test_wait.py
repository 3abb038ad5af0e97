"""Waiting ends when the condition is true, or at its bound with what was seen."""

from __future__ import annotations

import pytest

from tests.support.wait import StillNotTrueError, eventually, until


def test_until_returns_the_first_true_answer() -> None:
    """The condition's own value comes back."""
    answers = iter([0, None, "", "there"])
    assert until(lambda: next(answers), "an answer", poll_s=0) == "there"


def test_until_says_what_it_saw_last() -> None:
    """A bound that passes names the condition and the last answer."""
    with pytest.raises(StillNotTrueError, match=r"not within 0 s: a miracle; last seen: 0"):
        until(lambda: 0, "a miracle", timeout_s=0)


def test_a_refused_connection_counts_as_not_yet() -> None:
    """What is still starting refuses connections; that is no failure before the bound."""

    def refused() -> bool:
        raise ConnectionRefusedError("starting")

    with pytest.raises(StillNotTrueError, match="starting"):
        until(refused, "a start", timeout_s=0)


async def test_eventually_waits_for_an_awaited_condition() -> None:
    """The async form returns the first true answer too."""
    answers = iter([0, 7])

    async def ask() -> int:
        return next(answers)

    assert await eventually(ask, "seven", poll_s=0) == 7
