"""What is checked: the files that git knows or would add, and what a check says about one."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# Made by tools from something that is checked itself.
GENERATED = ("requirements/", "docs/reference/", "docs/pictures/", "LICENSE")


@dataclass(frozen=True)
class Finding:
    """One broken rule: where, which, and a sentence that says what to do instead.

    `name` is what an exception names: the function, the call, the word.
    """

    rule: str
    path: str
    line: int
    name: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.sentence}"


@dataclass(frozen=True)
class Source:
    """A text file of the repository; `path` is relative to its root, with forward slashes."""

    path: str
    text: str

    @property
    def lines(self) -> list[str]:
        """Its lines without line ends."""
        return self.text.splitlines()

    @property
    def is_python(self) -> bool:
        """True if it is Python that people wrote."""
        return self.path.endswith(".py")

    def under(self, *folders: str) -> bool:
        """True if it lies in one of these folders or is one of these files."""
        return any(
            self.path == folder or self.path.startswith(folder.rstrip("/") + "/")
            for folder in folders
        )

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree; a file that does not parse fails here, by name."""
        return ast.parse(self.text, self.path)


def repository_sources(root: Path) -> Iterator[Source]:
    """Every text file that git tracks or would add, in order."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout.decode()
    for path in sorted(set(listed.split("\0")) - {""}):
        if path.startswith(GENERATED) or not (root / path).is_file():
            continue
        try:
            yield Source(path, (root / path).read_text("utf-8"))
        except UnicodeDecodeError:
            continue  # a picture or another binary file
