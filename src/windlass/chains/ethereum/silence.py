"""When a geth that takes calls and answers none is to be restarted."""

from __future__ import annotations

import time
from collections.abc import Callable

from windlass.chains.ethereum.engine_errors import EngineError, EngineUnreachable

FROZEN_S = 60.0
"""How long it may be silent: longer than the writes of a slow disk take it."""


class Silence:
    """How long one geth has left all calls without an answer."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: float | None = None

    def answered(self) -> None:
        """It answered a call: whatever was before is over."""
        self._since = None

    def frozen_after(self, error: EngineError) -> bool:
        """Whether with this failure of a call it has been silent for FROZEN_S."""
        if not (isinstance(error, EngineUnreachable) and error.timed_out):
            self._since = None  # it answered, if not as wished, or is not running at all
            return False
        now = self._clock()
        if self._since is None:
            self._since = now
        return now - self._since > FROZEN_S
