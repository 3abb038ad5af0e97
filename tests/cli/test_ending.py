"""The signals that end `windlass up`: none is lost, and none comes where it must not."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from windlass.cli.ending import Ending


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The handlers are as before afterwards."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts(number: signal.Signals) -> None:
    """SIGTERM means what Ctrl-C means, and only as long as it is entered."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), Ending():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) == before


def test_a_held_signal_is_remembered() -> None:
    """It interrupts when that is allowed again; what was forgotten does not."""
    with Ending() as ending:
        ending.hold()
        os.kill(os.getpid(), signal.SIGTERM)
        assert ending.forget() == signal.SIGTERM
        os.kill(os.getpid(), signal.SIGINT)
        assert ending.asked == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            ending.release()


def test_an_ignored_signal_stays_ignored() -> None:
    """What `nohup` keeps from a command does not end it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Ending() as ending:
        assert signal.SIGINT not in ending.taken
        os.kill(os.getpid(), signal.SIGINT)
