"""Printing: plain where nobody looks, coloured on a terminal, JSON for machines."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

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


def as_json(value: Any) -> None:
    """One JSON document on standard output, indented for the people who look at it, too."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def say(text: str = "") -> None:
    """A line on standard output."""
    click.echo(text)


def note(text: str) -> None:
    """A line on standard error: for people, not part of the result."""
    click.echo(text, err=True)


def complain(sentence: str, next_step: str = "") -> None:
    """What went wrong and what to do, on standard error."""
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    label = click.style("error", fg="red", bold=True) if colour else "error"
    click.echo(f"{label}: {sentence}", err=True, color=colour)
    if next_step:
        click.echo(f"  {next_step}", err=True, color=colour)


def console(*, error: bool = False) -> Console:
    """Rich's console; it honours NO_COLOR and knows a terminal from a pipe.

    A table that is piped is never cut to 80 columns: whoever reads it wants all of it.
    """
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    width = None if stream.isatty() else 200
    return Console(stderr=error, width=width, highlight=False, soft_wrap=False)


def is_terminal() -> bool:
    """Whether a person looks at standard output and something may move there."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
