"""`windlass init` and `windlass spec`: the file that everything else is made from."""

from __future__ import annotations

import click

from windlass.cli.groups import Group
from windlass.cli.invocation import again
from windlass.cli.options import file_option, json_option, place_of
from windlass.cli.output import as_json, say, shown, warn
from windlass.kit.errors import UsageError, WindlassError
from windlass.spec.load import Loaded, load
from windlass.spec.template import TEMPLATES, name_from_directory, render


class SpecExists(WindlassError):
    """What `init` would write is there."""

    code = "spec_exists"


@click.command("init")
@click.option(
    "--template",
    type=click.Choice(list(TEMPLATES)),
    default=next(iter(TEMPLATES)),
    show_default=True,
    help="ethereum: 4 validators that survive a fault; ethereum-solo: one sealer, for a laptop.",
)
@file_option
def init_command(template: str, spec_file: str | None) -> None:
    """Write a commented windlass.yaml to start from.

    An existing file is never overwritten.

    \b
    Examples:
      windlass init
      windlass init --template ethereum-solo -f lab/windlass.yaml
    """
    path = place_of(spec_file).spec_path
    text = render(template, name_from_directory(path.parent.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise SpecExists(
            f"{path} is there already.", "Edit it, or name another file with -f."
        ) from error
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.") from error
    say(f"Wrote {shown(path)}.")
    command = again("up", spec_file=spec_file)
    say(f"Read it, change what you like, then start its network: {command}")


@click.group("spec", cls=Group)
def spec_command() -> None:
    """Check a spec, or print its JSON Schema.

    \b
    Examples:
      windlass spec check
      windlass spec schema > windlass.schema.json
    """


@spec_command.command("check")
@file_option
@json_option
def check(spec_file: str | None, json_wanted: bool) -> None:
    """Read a spec and name everything that is wrong with it.

    Each problem is named as file:line:column and field. Exit code 2 if there is any; what is
    allowed but should be known is a warning, and the exit code is 0.

    \b
    Example:
      windlass spec check -f windlass.yaml
    """
    loaded = load(place_of(spec_file).spec_path)
    if json_wanted:
        as_json({"schema": 1, "file": str(loaded.path), "warnings": loaded.warnings})
        return
    tell_warnings(loaded)
    networks = ", ".join(loaded.spec.networks)
    say(f"{loaded.path} is right: {loaded.spec.name} with {networks}.")


@spec_command.command("schema")
def schema() -> None:
    """Print the spec's JSON Schema, for editors that complete and check.

    \b
    Example:
      windlass spec schema > windlass.schema.json
    """
    from windlass.spec.schema import json_schema

    as_json(json_schema())


def tell_warnings(loaded: Loaded) -> None:
    """Says what is allowed but should be known."""
    for sentence in loaded.warnings:
        warn(sentence)
