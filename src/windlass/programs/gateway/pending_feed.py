"""What enters the nodes' pools, each transaction once, however many nodes report it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.programs.gateway.fleet import Fleet

REMEMBERED = 65_536
"""Transactions: some minutes of them at a thousand a second."""


class _Hash(msgspec.Struct, gc=False):
    hash: str


class PendingFeed:
    """Runs while somebody wants it. `position` counts what was reported since the start."""

    def __init__(self, fleet: Fleet) -> None:
        self.on_transaction: Callable[[str, msgspec.Raw], None] = lambda _, __: None
        self.position = 0
        self._fleet = fleet
        self._seen: dict[str, None] = {}
        self._recent: deque[str] = deque(maxlen=REMEMBERED)
        self._wanted_by: set[str] = set()
        fleet.on_pending = self._reported

    def want(self, by: str, wanted: bool) -> None:
        """Whether somebody, named by an id, needs it."""
        before = bool(self._wanted_by)
        (self._wanted_by.add if wanted else self._wanted_by.discard)(by)
        if bool(self._wanted_by) != before:
            self._fleet.want_pending(not before)

    def since(self, position: int) -> list[str]:
        """The hashes reported after that position, as far as they are remembered."""
        count = min(self.position - position, len(self._recent))
        return list(self._recent)[len(self._recent) - count :] if count > 0 else []

    def _reported(self, transaction: msgspec.Raw) -> None:
        try:
            known = json.decode(transaction, _Hash).hash
        except JsonError:
            return
        if known in self._seen:
            return
        self._seen[known] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._recent.append(known)
        self.position += 1
        self.on_transaction(known, transaction)
