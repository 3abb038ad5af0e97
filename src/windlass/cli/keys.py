"""`windlass keys`: all keys in one encrypted file, so that a lost folder is no lost network."""

from __future__ import annotations

import datetime as dt
import shlex
import sys
from pathlib import Path

import click

from windlass.cli.groups import Group
from windlass.cli.invocation import again
from windlass.cli.options import file_option, json_option, place_of
from windlass.cli.output import as_json, console, say, shown, warn
from windlass.kit.errors import UsageError
from windlass.kit.files import read_regular
from windlass.runtimes.local.key_import import Imported

SECRET_BYTES_MAX = 8192
SPECS = {
    "written": "the spec was written from the file",
    "kept": "the spec that is there stays",
    "differs": "the spec that is there stays, though the file has another one",
    "missing": "the file has no spec: write one that asks for the same networks",
}


def passphrase_option(function: click.decorators.FC) -> click.decorators.FC:
    """`--passphrase-file`: where nobody can be asked."""
    return click.option(
        "--passphrase-file",
        metavar="FILE",
        type=click.Path(),
        help="The passphrase is this file's content, less the end of its line; else it is asked.",
    )(function)


@click.group("keys", cls=Group)
def keys_command() -> None:
    """Save all keys to one encrypted file, or bring them back from it.

    \b
    Examples:
      windlass keys list
      windlass keys export
      windlass keys import windlass-20261122T091500Z.keys
    """


@keys_command.command("list")
@file_option
@json_option
def list_keys(spec_file: str | None, json_wanted: bool) -> None:
    """List all keys by owner and kind, with what of them is public.

    No secret is shown. It also says whether the last export has all of them.

    \b
    Examples:
      windlass keys list
      windlass keys list --json | jq -r '.keys[] | select(.kind == "enode").public'
    """
    from windlass.runtimes.local.key_export import vault_of
    from windlass.vault import export, listing

    vault = vault_of(place_of(spec_file))
    rows = listing.rows(vault)
    note, standing = export.noted(vault), export.standing(vault)
    if json_wanted:
        exported = {"at": note.at, "complete": standing == "current"} if note else None
        as_json({"schema": 1, "exported": exported, "keys": rows})
        return
    from windlass.cli.table import plain_table

    table = plain_table()
    for column in ("network", "owner", "kind"):
        table.add_column(column, no_wrap=True)
    table.add_column("public part", overflow="ellipsis", no_wrap=True)
    for row in rows:
        table.add_row(row.network, row.owner, row.kind, row.public or "–")
    console().print(table)
    say()
    say(
        {
            "current": f"All of them are in the export of {_when(note.at if note else 0)}.",
            "stale": f"Not all of them are in the export of {_when(note.at if note else 0)}.",
        }.get(standing, "They were never exported.")
    )


@keys_command.command("export")
@click.argument("file", required=False, type=click.Path(), metavar="[FILE]")
@passphrase_option
@file_option
@json_option
def export_command(
    file: str | None, passphrase_file: str | None, spec_file: str | None, json_wanted: bool
) -> None:
    """Write all keys, genesis files and the spec into one encrypted file.

    Without FILE it is SPEC-TIME.keys in this directory. An existing file is never overwritten.
    The passphrase has at least 12 characters; nobody can open the file without it. Blocks are not
    in the file: a network that lost its folder begins its chain anew, with the same genesis.

    \b
    Examples:
      windlass keys export
      windlass keys export /media/stick/trade.keys --passphrase-file secret.txt
    """
    from windlass.runtimes.local.key_export import (
        default_name,
        export_keys,
        refuse_target,
        vault_of,
    )
    from windlass.vault.sealing import refuse_weak

    place = place_of(spec_file)
    target = _named(file if file is not None else default_name(place))
    if file == "":
        raise UsageError("FILE names no file: it is empty.", "Name one, or leave it away.")
    vault_of(place)
    refuse_target(place, target)
    passphrase = _passphrase(passphrase_file, twice=True)
    refuse_weak(passphrase)
    done = export_keys(place, target, passphrase)
    for sentence in done.warnings:
        warn(sentence)
    if json_wanted:
        as_json(
            {
                "schema": 1,
                "file": str(done.path),
                "networks": done.networks,
                "files": done.files,
                "warnings": done.warnings,
            }
        )
        return
    say(f"Wrote {shown(done.path)}: all keys of {', '.join(done.networks)}.")
    say("Keep it away from this machine, and its passphrase away from it.")
    say(f"To bring them back: {again('keys', 'import', shown(done.path), spec_file=spec_file)}")


@keys_command.command("import")
@click.argument("file", type=click.Path())
@passphrase_option
@file_option
@json_option
def import_command(
    file: str, passphrase_file: str | None, spec_file: str | None, json_wanted: bool
) -> None:
    """Bring all keys back from an exported file, and the spec if there is none.

    Nothing is overwritten: other keys, or programs that run here, are refused. So are keys that
    are seen to be in use elsewhere: two that sign with one key take their network apart.

    \b
    Examples:
      windlass keys import trade.keys
      windlass keys import trade.keys -f trade/windlass.yaml --passphrase-file secret.txt
    """
    from windlass.runtimes.local.key_import import import_keys, read_sealed

    place = place_of(spec_file)
    source = _named(file)
    sealed = read_sealed(source)
    passphrase = _passphrase(passphrase_file, twice=False)
    done = import_keys(place, source, sealed, passphrase)
    for state in done.idle:
        warn(
            f"{state} has the same keys. Nothing of it runs now; never start both.",
            "Delete it when this one works: `windlass down --purge` in its folder.",
        )
    if json_wanted:
        as_json(
            {
                "schema": 1,
                "state": str(place.state),
                "exported": done.made,
                "networks": done.networks,
                "spec": done.spec,
                "blocks": done.blocks,
                "was_there": done.was_there,
                "idle_states": [str(state) for state in done.idle],
            }
        )
        return
    _tell(done, again("up", "--detach", spec_file=spec_file))


def _tell(done: Imported, up: str) -> None:
    names = ", ".join(done.networks) or "no complete network"
    verb = "Were there already" if done.was_there else "Imported"
    say(f"{verb}: all keys of {names}, as exported on {_when(done.made)}; {SPECS[done.spec]}.")
    if not done.blocks:
        say("Blocks are in no export: the chain begins anew, with the same genesis.")
    say(f"Start it: {up}")


def _named(file: str) -> Path:
    """The file in its directory's own path; a link under that name stays one."""
    path = Path(file).absolute()
    return path.parent.resolve() / path.name


def _when(at: float) -> str:
    try:
        return f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):  # a number that is no time
        return "an unknown day"


def _passphrase(file: str | None, *, twice: bool) -> str:
    if file is not None:
        content, mode = read_regular(Path(file), bytes_max=SECRET_BYTES_MAX)
        if mode & 0o077:
            warn(
                f"Others can read {file} (mode {mode:04o}).",
                f"Close it: `chmod 600 {shlex.quote(file)}`.",
            )
        try:
            return content.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise _no_text(file) from None  # the reason could show a part of it
    if not sys.stdin.isatty():
        raise UsageError(
            "Nobody is there to type a passphrase.", "Name a file with it: --passphrase-file."
        )
    try:
        typed = click.prompt("Passphrase", hide_input=True, err=True, confirmation_prompt=twice)
    except UnicodeDecodeError:
        raise _no_text("the terminal") from None
    return str(typed)


def _no_text(where: str) -> UsageError:
    return UsageError(
        f"What {where} gave is no text: not all of it is UTF-8.",
        "A passphrase must be given in UTF-8.",
    )
