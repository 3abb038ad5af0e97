"""Runs the console blocks of a Markdown page and holds what comes out against what is shown.

A block is fenced as `console`. A line that begins with `$ ` is a command (`> ` continues it); the
lines below it are what it prints, in order. `…` stands for anything within a line; a line of only
`…` for any number of lines. Lines that are not shown may come in between. A line `# exit 1` below a
command says that it ends with that code; otherwise it must end with 0. All commands of a page share
one shell, so variables and `cd` carry over.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

ANYTHING = "…"
EXIT = re.compile(r"# exit (\d+)$")


@dataclass
class Step:
    """A command, what it should print, and the line of the page that it is in."""

    line: int
    command: str
    expected: list[str] = field(default_factory=list)
    exit_code: int = 0


def steps(page: str) -> Iterator[Step]:
    """The commands of all console blocks, in order."""
    inside, step = False, None
    for number, line in enumerate(page.splitlines(), 1):
        text = line.strip() if line.strip().startswith("```") else line
        if text.startswith("```"):
            if step:
                yield step
            inside, step = text == "```console", None
        elif inside and line.startswith("$ "):
            if step:
                yield step
            step = Step(number, line[2:])
        elif inside and step and line.startswith("> "):
            step.command += "\n" + line[2:]
        elif inside and step and (code := EXIT.match(line)):
            step.exit_code = int(code.group(1))
        elif inside and step and line.strip():
            step.expected.append(line.rstrip())


class Shell:
    """One bash that runs a page's commands one after the other."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """The command's exit code and output. Bounded by the test's own timeout."""
        assert self._process.stdin
        assert self._process.stdout
        end = uuid4().hex
        # The command's own standard input is empty, or it would read the commands after it.
        self._process.stdin.write(f"{{ {command}\n}} </dev/null\necho {end} $?\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            before, found, after = line.partition(end)
            if found:
                lines += [before] if before else []
                return int(after), "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended during: {command}\n{''.join(lines)}")

    def close(self) -> None:
        """Ends the shell."""
        self._process.kill()
        self._process.communicate()


def missing(expected: list[str], output: str) -> str | None:
    """The first expected line that is not in the output after those before it; None if all are."""
    lines = iter(output.splitlines())
    for wanted in expected:
        if wanted.strip() == ANYTHING:
            continue
        parts = [re.escape(part.strip()) for part in wanted.split(ANYTHING)]
        pattern = re.compile(".*".join(re.sub(r"(\\ )+", r"\\s+", part) for part in parts))
        if not any(pattern.search(line) for line in lines):
            return wanted
    return None
