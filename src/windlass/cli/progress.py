"""A progress bar for builds; where nobody looks, a line per step."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from windlass.cli.output import console, moves, note
from windlass.runtimes.local.binaries import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

WORDS = {
    "waiting": "waits for another build",
    "toolchain": "gets a Go compiler",
    "download": "downloads modules",
    "compile": "compiles",
    "check": "checks the result",
    "done": "is there",
}


class BuildProgress:
    """Shows what a build of binaries is doing. Nothing is shown, or imported, before it does."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told: set[tuple[str, str]] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Leaves the bars as they are; another build begins new ones."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            self._tasks.clear()

    def show(self, progress: Progress) -> None:
        """One step further."""
        what = f"{progress.program} {progress.version} {WORDS.get(progress.step, progress.step)}"
        if not moves(sys.stderr):
            if (progress.program, progress.step) not in self._told:
                self._told.add((progress.program, progress.step))
                note(what)
            return
        bars = self._bars or self._start()
        if progress.program not in self._tasks:
            self._tasks[progress.program] = bars.add_task(what, total=None)
        bars.update(
            self._tasks[progress.program],
            description=what,
            completed=progress.done,
            total=1 if progress.step == "done" else progress.total,
        )
        if progress.step == "done":
            bars.update(self._tasks[progress.program], completed=1)

    def _start(self) -> Bars:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.progress import Progress as Bars

        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console(error=True),
        )
        self._bars.start()
        return self._bars
