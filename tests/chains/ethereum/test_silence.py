"""A geth is asked to be restarted for its silence alone, and only for a long one."""

from __future__ import annotations

import pytest

from windlass.chains.ethereum.engine import (
    EngineError,
    EngineGarbled,
    EngineUnreachable,
    WrongGenesis,
)
from windlass.chains.ethereum.silence import FROZEN_S, Silence
from windlass.programs.sealer.geth_state import after_error

TIMED_OUT = EngineUnreachable("no answer", timed_out=True)


class Clock:
    """Moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """At 0."""
    return Clock()


def test_a_long_silence_asks_for_a_restart(clock: Clock) -> None:
    """From the first call without an answer on, for longer than the stated time."""
    silence = Silence(clock)
    assert not silence.frozen_after(TIMED_OUT), "a clock at 0 is no special time"
    clock.now = FROZEN_S
    assert not silence.frozen_after(TIMED_OUT)
    clock.now = FROZEN_S + 1
    assert silence.frozen_after(TIMED_OUT)
    state = after_error(TIMED_OUT, frozen=True)
    assert (state.word, state.request) == ("unreachable", "restart_geth")


@pytest.mark.parametrize(
    "error",
    [
        EngineUnreachable("refused"),
        EngineGarbled("nonsense"),
        WrongGenesis("http://127.0.0.1:1", "0x1", "0x2"),
    ],
)
def test_any_sign_of_life_ends_the_silence(clock: Clock, error: EngineError) -> None:
    """An answer of any kind, also a closed port, starts the time anew."""
    silence = Silence(clock)
    for sign in (silence.answered, lambda: silence.frozen_after(error)):
        silence.frozen_after(TIMED_OUT)
        clock.now += FROZEN_S + 1
        sign()
        assert not silence.frozen_after(TIMED_OUT)
    assert after_error(error).request is None
