"""Points at which a test can make a program die, as abruptly as a power cut would.

Crash safety is a claim about every instant between two writes, and only a process that really dies
there can test it. The environment variable WINDLASS_FAULT names one such instant: `after-commit`
kills the process the first time it passes the point of that name, `after-commit:3` the third time.
Without the variable a point costs one comparison. It exists for tests; nothing else sets it.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "WINDLASS_FAULT"


class _Fault:
    """The one armed point and how many passes are left; read from the environment once."""

    def __init__(self, text: str) -> None:
        name, _, count = text.partition(":")
        self.name = name
        self.passes_left = int(count) if count.isdecimal() else 1


_armed = _Fault(os.environ.get(VARIABLE, ""))


def fault_point(name: str) -> None:
    """Kills this process with SIGKILL if WINDLASS_FAULT names this point and its pass has come."""
    if name != _armed.name:
        return
    _armed.passes_left -= 1
    if _armed.passes_left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
