"""`windlass logs`: what the programs wrote, in the order in which they wrote it."""

from __future__ import annotations

import re
import time

import click

from windlass.cli.options import network_option, place_of
from windlass.cli.output import say
from windlass.kit.errors import UsageError
from windlass.runtimes.local import logs, operations

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command("logs")
@click.argument("node", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("--file", "spec_file", metavar="FILE", help="The spec; by default windlass.yaml.")
@network_option
@click.option("--since", metavar="AGE", help="Only what is younger: 90s, 10m, 2h or 1d.")
def logs_command(
    node: str | None, spec_file: str | None, network: str | None, follow: bool, since: str | None
) -> None:
    """Show what the programs of a node, or of all, wrote.

    \b
    Examples:
      windlass logs validator-0 -f
      windlass logs --since 10m
    """
    files = operations.log_files(place_of(spec_file), node, network)
    oldest = time.time() - _age_s(since) if since else None
    for line in logs.read(files, since=oldest, follow=follow):
        source = line.source
        where = f"{source.network}/{source.node}/" if source.node else ""
        say(f"{where}{source.process} | {line.text}")


def _age_s(text: str) -> int:
    match = re.fullmatch(r"(\d{1,9})([smhd]?)", text)
    if match is None:
        raise UsageError(f"{text!r} is not an age.", "Write it like 90s, 10m, 2h or 1d.")
    return int(match.group(1)) * UNITS_S[match.group(2) or "s"]
