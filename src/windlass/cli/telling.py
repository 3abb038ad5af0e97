"""Says what an operation is doing: a quiet line that moves, or lines where nobody looks.

Everything here goes to standard error: it is for people, and not the result.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from windlass.cli.output import console, moves, note, plain
from windlass.cli.progress import BuildProgress
from windlass.runtimes.local.binaries import Progress
from windlass.runtimes.local.events import Event

if TYPE_CHECKING:
    from rich.status import Status as Spinner

DYING = ("backing_off", "failed")
FRAMES_PER_S = 8


class Teller:
    """Takes the events of one operation. `doing` is what it says it does, like "Starting"."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._building = BuildProgress()
        self._spinner: Spinner | None = None
        self._processes: dict[tuple[str, str, str], str] = {}
        self._told: set[tuple[str, ...]] = set()
        self.changed = False
        """Whether anything had to be done at all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.rest()

    def rest(self) -> None:
        """Ends whatever moves."""
        self._building.stop()
        if self._spinner is not None:
            self._spinner.stop()
            self._spinner = None

    def built(self, progress: Progress) -> None:
        """Takes the progress of a build of binaries."""
        self._building.show(progress)

    def __call__(self, event: Event) -> None:
        """Takes an event."""
        if event.process:
            self._processes[event.network, event.node, event.process] = event.kind
        for line in self._lines(event):
            self._say(line)
        if moves(sys.stderr):
            self._move()

    def _lines(self, event: Event) -> list[str]:
        where = f"{event.network}/{event.node}"
        if event.process:
            if event.kind in DYING and self._first(where, event.process):
                return [f"{where}: {event.process} died: {event.sentence}"]
            if event.kind == "stopped" and not moves(sys.stderr) and self._first(where, "stopped"):
                return [f"{where}: stops"]
            return []
        if event.node:
            self.changed = True
            # From nothing on, the table that follows says it all.
            seen = moves(sys.stderr) and event.kind in ("added", "starting")
            return [] if seen else [f"{where}: {event.kind}"]
        self.changed = self.changed or event.kind == "moved"
        return [f"{event.sentence[:1].upper()}{event.sentence[1:]}"]

    def _first(self, *what: str) -> bool:
        """Whether this is told for the first time."""
        new = what not in self._told
        self._told.add(what)
        return new

    def _say(self, line: str) -> None:
        if self._spinner is not None:
            self._spinner.console.print(plain(line), markup=False, soft_wrap=True)
        else:
            note(line)

    def _move(self) -> None:
        from rich.status import Status as Spinner

        if self._spinner is None:
            self._building.stop()
            self._spinner = Spinner(
                self._text(),
                console=console(error=True),
                spinner_style="cyan",
                refresh_per_second=FRAMES_PER_S,
            )
            self._spinner.start()
        else:
            self._spinner.update(self._text())

    def _text(self) -> str:
        kinds = list(self._processes.values())
        stopped, ready = kinds.count("stopped"), kinds.count("ready")
        if stopped:
            return f"{self._doing} … {stopped} stopped"
        return f"{self._doing} … {ready} of {len(kinds)} ready" if kinds else f"{self._doing} …"
