"""`windlass binaries`: the chain clients, which `up` also takes care of by itself."""

from __future__ import annotations

from collections.abc import Sequence

import click

from windlass.cli.down import confirm
from windlass.cli.groups import Group
from windlass.cli.invocation import again
from windlass.cli.options import json_option
from windlass.cli.output import as_json, console, leaving_reader, say
from windlass.cli.progress import BuildProgress
from windlass.kit.errors import UsageError
from windlass.runtimes.local.binaries import Binaries, Binary, Verdict
from windlass.spec.models import Clients

DEFAULTS = {"geth": Clients().geth, "cometbft": Clients().cometbft}
"""The programs and their versions in a spec that does not say any."""


@click.group("binaries", cls=Group)
def binaries_command() -> None:
    """Find, build, check and remove the chain clients.

    \b
    Examples:
      windlass binaries list
      windlass binaries install geth cometbft
    """


@binaries_command.command("list")
@json_option
def list_binaries(json_wanted: bool) -> None:
    """List the chain clients on the path and in the cache.

    \b
    Example:
      windlass binaries list --json
    """
    binaries = Binaries()
    found = (*binaries.on_path(), *binaries.list())
    if json_wanted:
        as_json({"schema": 1, "cache": str(binaries.cache), "binaries": [_row(b) for b in found]})
        return
    if not found:
        say(f"There is none, neither on the path nor in {binaries.cache}.")
        say("`windlass binaries install` builds them; `windlass up` does so by itself.")
        return
    from windlass.cli.table import plain_table

    table = plain_table()
    for column in ("program", "version", "from", "path"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(one.program, one.version, one.origin, str(one.path))
    console().print(table)


@binaries_command.command("install")
@click.argument("programs", nargs=-1, metavar="[PROGRAM[=VERSION]]...")
def install(programs: tuple[str, ...]) -> None:
    """Build the chain clients that are neither on the path nor in the cache.

    All of them by default, in the versions that a spec has by default. A build takes minutes; what
    is there already is only named.

    \b
    Examples:
      windlass binaries install
      windlass binaries install geth=1.17.8
    """
    wanted: dict[str, str] = {}
    for text in programs or tuple(DEFAULTS):
        name, _, version = text.partition("=")
        if name not in DEFAULTS:
            raise UsageError(f"There is no program {name!r}.", f"There is: {', '.join(DEFAULTS)}.")
        if "=" in text and not version:
            raise UsageError(
                f"{text!r} names no version.", f"Write it like {name}={DEFAULTS[name]}."
            )
        wanted[name] = version or DEFAULTS[name]
    with BuildProgress() as building:
        found = Binaries().ensure_all(wanted, building.show)
    for one in found.values():
        say(f"{one.program} {one.version}: {one.path}")


@binaries_command.command("verify")
@json_option
def verify(json_wanted: bool) -> int:
    """Check that every cached program is still what was built.

    Exit code 1 if one is not.

    \b
    Example:
      windlass binaries verify
    """
    verdicts = Binaries().verify()
    with leaving_reader():
        if json_wanted:
            rows = [{**_row(one.binary), "problem": one.problem} for one in verdicts]
            as_json({"schema": 1, "binaries": rows})
        else:
            _tell(verdicts)
    return 1 if any(one.problem for one in verdicts) else 0


@binaries_command.command("remove")
@click.argument("program", required=False, metavar="[PROGRAM[=VERSION]]")
@click.option("--yes", is_flag=True, help="Do not ask before deleting all.")
def remove(program: str | None, yes: bool) -> None:
    """Delete cached programs: one, one version of it, or all of them.

    A network that runs keeps what it has loaded, but its next start builds again.

    \b
    Examples:
      windlass binaries remove geth=1.17.8
      windlass binaries remove --yes
    """
    name, _, version = (program or "").partition("=")
    if program is not None and name not in DEFAULTS:
        raise UsageError(f"There is no program {name!r}.", f"There is: {', '.join(DEFAULTS)}.")
    binaries = Binaries()
    if program is None and not yes:
        confirm(f"Delete all programs in {binaries.cache}?")
    gone = binaries.remove(name or None, version or None)
    for one in gone:
        say(f"deleted {one.path}")
    if not gone:
        say("There was nothing to delete.")


def _tell(verdicts: Sequence[Verdict]) -> None:
    for one in verdicts:
        name, version = one.binary.program, one.binary.version
        say(f"{name} {version}: {one.problem or 'as it was built'}")
        if one.problem:
            remove, up = again("binaries", "remove", f"{name}={version}"), again("up")
            say(f"  Remove it with `{remove}`; the next `{up}` that needs it builds it again.")
    if not verdicts:
        say("The cache is empty.")


def _row(binary: Binary) -> dict[str, object]:
    return {
        "program": binary.program,
        "version": binary.version,
        "origin": binary.origin,
        "path": str(binary.path),
        "bytes": binary.bytes_count,
        "sha256": binary.sha256,
    }
