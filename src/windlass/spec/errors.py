"""How a wrong spec is refused: every problem at once, each with the place where it lies."""

from __future__ import annotations

import msgspec

from windlass.kit.errors import UsageError

PROBLEMS_SHOWN_MAX = 50
"""A file with more than this is broken in one way: a longer list helps nobody."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong, counted from line 1 and column 1; `path` is '' for the file."""

    line: int
    column: int
    path: str
    sentence: str

    def located(self, file: str) -> str:
        """file:line:column: path: sentence, the form that editors jump to."""
        where = f"{file}:{self.line}:{self.column}:"
        return f"{where} {self.path}: {self.sentence}" if self.path else f"{where} {self.sentence}"


class SpecError(UsageError):
    """The spec can't be used; nothing was touched. `problems` holds what is wrong, in order."""

    code = "spec"

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = tuple(sorted(problems))
        shown = [problem.located(file) for problem in self.problems[:PROBLEMS_SHOWN_MAX]]
        if (rest := len(self.problems) - len(shown)) > 0:
            shown.append(f"{file}: and {rest} more problems")
        super().__init__(
            "\n".join(shown), "Correct the file and run `windlass spec check` to try it."
        )


class SpecUnreadable(UsageError):
    """There is no text to look at: the file is missing, a directory, too large, no UTF-8 …"""

    code = "spec_unreadable"
