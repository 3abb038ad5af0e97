"""What operations tell whoever started them while they work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from windlass.runtimes.local.state import ProcessRow

Kind = Literal[
    "step",
    "moved",
    "added",
    "removed",
    "changed",
    "starting",
    "ready",
    "degraded",
    "backing_off",
    "failed",
    "stopping",
    "stopped",
]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened.

    `kind` is step (of the operation), moved (a port), added, removed, changed or starting (a
    workload), or what became of a process: starting, ready, degraded, backing_off, failed,
    stopping, stopped. The three names are empty where they do not apply.
    """

    kind: Kind
    network: str = ""
    node: str = ""
    process: str = ""
    sentence: str = ""


OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """For callers that do not want to know."""


class Watch:
    """Turns changes in the rows of processes into events."""

    def __init__(self, on_event: OnEvent, rows: list[ProcessRow]) -> None:
        self._on_event = on_event
        self._seen = {_key(row): _kind(row) for row in rows}

    def see(self, rows: list[ProcessRow]) -> None:
        """Tells what is different from the last time."""
        for row in rows:
            kind = _kind(row)
            if self._seen.get(_key(row)) == kind:
                continue
            self._seen[_key(row)] = kind
            self._on_event(
                Event(
                    kind=kind,
                    network=row.network,
                    node=row.node,
                    process=row.process,
                    sentence=row.last_reason,
                )
            )


def _key(row: ProcessRow) -> tuple[str, str, str]:
    return row.network, row.node, row.process


def _kind(row: ProcessRow) -> Kind:
    if row.state == "running" and row.desired == "stopped":
        return "stopping"
    if row.state == "running":
        return "ready" if row.ready else "degraded"
    return row.state
