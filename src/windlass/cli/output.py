"""Printing: plain where nobody looks, coloured on a terminal, JSON for machines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console

STATE_COLOURS = {
    "healthy": "green",
    "starting": "yellow",
    "degraded": "yellow",
    "stopped": "bright_black",
    "failed": "red",
}

PIPE_COLUMNS = 10_000
"""A table that is piped is never cut: whoever reads it wants all of it."""

_CONTROL = dict.fromkeys([*range(32), *range(127, 160)], "�") | {9: "\t", 10: "\n"}


def plain(text: str) -> str:
    """The text without what a terminal would obey: programs log what strangers send them."""
    return text.translate(_CONTROL)


def as_json(value: Any) -> None:
    """One JSON document on standard output, indented for the people who look at it, too."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def say(text: str = "") -> None:
    """A line on standard output."""
    click.echo(text)


def note(text: str) -> None:
    """A line on standard error: for people, not part of the result."""
    click.echo(plain(text), err=True)


def warn(sentence: str, next_step: str = "") -> None:
    """What is allowed but should be known, on standard error."""
    _labelled("warning", "yellow", sentence, next_step)


def complain(sentence: str, next_step: str = "") -> None:
    """What went wrong and what to do, on standard error."""
    _labelled("error", "red", sentence, next_step)


def _labelled(label: str, colour: str, sentence: str, next_step: str) -> None:
    if coloured(sys.stderr):
        label = click.style(label, fg=colour, bold=True)
    # Several problems are several lines, each of which stands for itself; what is indented belongs
    # to the line before it.
    for line in plain(sentence).splitlines():
        click.echo(line if line.startswith(" ") else f"{label}: {line}", err=True, color=True)
    if next_step:
        click.echo(f"  {plain(next_step)}", err=True)


def coloured(stream: IO[str]) -> bool:
    """Whether colours are wanted there: https://no-color.org, and terminals that have none."""
    dumb = os.environ.get("TERM") in ("dumb", "unknown")
    return stream.isatty() and not os.environ.get("NO_COLOR") and not dumb


def console(*, error: bool = False) -> Console:
    """Rich's console; it honours NO_COLOR and TERM, and knows a terminal from a pipe."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich itself would exit with 1

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else PIPE_COLUMNS
    return Ours(stderr=error, width=width, highlight=False, soft_wrap=False)


def moves(stream: IO[str]) -> bool:
    """Whether a person looks at that stream and something may move there."""
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def silence(stream: IO[str]) -> None:
    """Lets what is written to that stream from now on go nowhere: its reader has gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def shown(path: Path) -> str:
    """A path as short as it can be named from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


@contextmanager
def leaving_reader() -> Iterator[None]:
    """Whoever reads may stop at any line (`| head`): what was found out, and so the exit code, is
    the same whether or not all of it was read."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
