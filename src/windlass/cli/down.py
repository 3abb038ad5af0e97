"""`windlass down`: stops what this spec's state owns, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from windlass.cli.options import file_option, place_of
from windlass.cli.output import say, warn
from windlass.cli.telling import Teller
from windlass.kit.errors import UsageError, WindlassError
from windlass.runtimes.local import operations
from windlass.runtimes.local.errors import NoState


@click.command("down")
@file_option
@click.option("--purge", is_flag=True, help="Delete chain data, logs and keys as well.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting.")
def down_command(spec_file: str | None, purge: bool, yes: bool) -> None:
    """Stop everything of this spec; its data stays, unless --purge.

    Only what this spec's own state names is touched. What --purge deletes, chain data, logs and
    keys, is gone for good, so it asks first, and warns of keys that are in no export.

    \b
    Examples:
      windlass down
      windlass down --purge --yes
    """
    place = place_of(spec_file)
    if purge:
        warn_unexported(place.state / "vault")
    if purge and not yes:
        confirm(f"Delete all data, logs and keys in {place.state}? They can't be brought back.")
    try:
        with Teller("Stopping") as teller:
            operations.down(place, purge=purge, on_event=teller)
    except NoState:
        if spec_file is not None and not place.spec_path.exists():
            raise UsageError(
                f"There is no spec at {place.spec_path}, and no network beside it."
            ) from None
        say(f"Nothing runs here: there is no network in {place.state}.")
        return
    say("Stopped, and all its data deleted." if purge else "Stopped. The data stays.")


def warn_unexported(vault: Path) -> None:
    """Says which keys nobody could ever bring back, if there are any."""
    from windlass.vault import export

    sentences = {
        "never": f"The keys in {vault} were never exported.",
        "stale": f"Keys were made in {vault} since its last export.",
    }
    try:
        sentence = sentences.get(export.standing(vault), "")
    except (WindlassError, OSError) as error:
        reason = str(getattr(error, "sentence", error)).rstrip(".")
        sentence = f"Whether all keys in {vault} were exported can't be told: {reason}."
    if sentence:
        warn(sentence, "Deleted, they are gone for good; `windlass keys export` saves them.")


def confirm(question: str) -> None:
    """Asks; raises WindlassError if the answer is no, UsageError if nobody is there."""
    if not sys.stdin.isatty():
        raise UsageError("Deleting needs an answer.", "Say --yes if you mean it.")
    if not click.confirm(question, err=True):
        raise WindlassError("Nothing was deleted.")
