"""The signals that ask a verb to end: Ctrl-C, SIGTERM, and the terminal that is gone.

They mean the same: half a network is never left behind. Python handlers rather than a blocked mask,
because a mask is inherited by whatever is started meanwhile, and a supervisor must hear SIGTERM.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType, TracebackType
from typing import Any, Self

from windlass.cli.output import silence

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Takes the signals as long as it is entered; each interrupts, unless they are held.

    What the caller's caller ignores, such as SIGHUP under nohup, stays ignored.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        """The last signal that came while they were held."""
        self.taken: tuple[signal.Signals, ...] = ()
        self._held = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self.taken = tuple(one for one in SIGNALS if signal.getsignal(one) != signal.SIG_IGN)
        for one in self.taken:
            self._before[one] = signal.signal(one, self._come)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def hold(self) -> None:
        """From now on a signal is only remembered, in `asked`: what follows must not be torn."""
        self._held = True

    def release(self) -> None:
        """From now on a signal interrupts again; so does one that came meanwhile."""
        self._held = False
        if self.asked is not None:
            raise KeyboardInterrupt

    def forget(self) -> int | None:
        """What was asked for until now, which is being done: only what comes after it counts."""
        asked, self.asked = self.asked, None
        return asked

    def _come(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            # Writing to a terminal that is gone is an error, which would end the orderly end.
            silence(sys.stdout)
            silence(sys.stderr)
        if self._held:
            self.asked = number
        else:
            raise KeyboardInterrupt
