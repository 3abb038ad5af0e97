"""`windlass down`: stops what this spec's state owns, and nothing else."""

from __future__ import annotations

import sys

import click

from windlass.cli.options import file_option, place_of
from windlass.cli.output import say
from windlass.kit.errors import UsageError
from windlass.runtimes.local import operations
from windlass.runtimes.local.errors import NoState
from windlass.runtimes.local.events import Event


@click.command("down")
@file_option
@click.option("--purge", is_flag=True, help="Delete chain data, logs and keys as well.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
def down_command(spec_file: str | None, purge: bool, yes: bool) -> None:
    """Stop everything of this spec; its data stays unless --purge deletes it.

    \b
    Examples:
      windlass down
      windlass down --purge --yes
    """
    place = place_of(spec_file)
    if purge and not yes:
        _confirm(f"Delete all data, logs and keys in {place.state}? They can't be brought back.")
    try:
        operations.down(place, purge=purge, on_event=_tell)
    except NoState:
        say(f"Nothing runs here: there is no network in {place.state}.")
        return
    say("Stopped, and all its data deleted." if purge else "Stopped. The data stays.")


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError("Deleting needs an answer.", "Say --yes if you mean it.")
    click.confirm(question, abort=True)


def _tell(event: Event) -> None:
    if event.kind == "stopped" and event.node:
        say(f"stopped {event.network}/{event.node} {event.process}")
    elif event.sentence and not event.node:
        say(event.sentence)
