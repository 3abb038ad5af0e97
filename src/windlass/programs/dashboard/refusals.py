"""Who was not let in: for the alert, the doctor and the metrics.

A name in a refused login is a stranger's word. Those of expected nodes are kept apart, so that
nobody can push them out of the list by logging in under many invented ones.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import Any

from windlass.programs.dashboard.wire import plain

STRANGERS_MAX = 20
KEPT_MS = 60_000
"""How long after the last refused login of a node it still counts: geth tries again each 10 s."""
LOG_EVERY_MS = 60_000
NAME_CHARACTERS_MAX = 64

log = logging.getLogger(__name__)


class Refusals:
    """The last refused login of each expected name, and of a few others."""

    def __init__(self) -> None:
        self._expected: dict[str, tuple[str, int]] = {}
        self._strangers: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._logged_ms: dict[bool, int] = {}

    def add(self, name: str, address: str, at_ms: int, *, expected: bool) -> None:
        """A login with a wrong secret."""
        shown = plain(name, NAME_CHARACTERS_MAX)
        if expected:
            self._expected[name] = (address, at_ms)
        else:
            self._strangers.pop(shown, None)
            self._strangers[shown] = (address, at_ms)
            if len(self._strangers) > STRANGERS_MAX:
                self._strangers.popitem(last=False)
        if at_ms - self._logged_ms.get(expected, 0) >= LOG_EVERY_MS:
            self._logged_ms[expected] = at_ms
            log.warning(
                "a reporter with a wrong secret was refused",
                extra={"claimed": shown, "address": address, "expected": expected},
            )

    def tick(self, now_ms: int) -> None:
        """Forgets what is long ago."""
        for kept in (self._expected, self._strangers):
            for name in [one for one, (_, at_ms) in kept.items() if now_ms - at_ms > KEPT_MS]:
                del kept[name]

    def of_expected(self) -> dict[str, str]:
        """Expected name → address that claimed it with a wrong secret."""
        return {name: address for name, (address, _) in self._expected.items()}

    def documents(self) -> list[dict[str, Any]]:
        """For /state."""
        return [
            {"name": name, "address": address, "at": at_ms // 1000}
            for kept in (self._expected, self._strangers)
            for name, (address, at_ms) in kept.items()
        ]
