"""`windlass logs`: what the programs wrote, in the order in which they wrote it."""

from __future__ import annotations

import re
import sys
import time
import zlib

import click

from windlass.cli.options import complete_nodes, network_filter_option, place_of
from windlass.cli.output import coloured, plain
from windlass.kit.errors import UsageError
from windlass.runtimes.local import logs, operations
from windlass.runtimes.local.errors import NoState, UnknownNode
from windlass.runtimes.local.logs import LogFile
from windlass.runtimes.local.state import FILE_NAME

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
COLOURS = ("cyan", "green", "yellow", "blue", "magenta")


@click.command("logs")
@click.argument("node", required=False, shell_complete=complete_nodes)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option("--since", metavar="AGE", help="Only what is younger: 90s, 10m, 2h or 1d.")
@click.option(
    "--file",
    "spec_file",
    metavar="FILE",
    type=click.Path(),
    help="The spec; by default windlass.yaml in this directory.",
)
@network_filter_option
def logs_command(
    node: str | None, spec_file: str | None, network: str | None, follow: bool, since: str | None
) -> None:
    """Show what the programs wrote.

    NODE's programs, or those of all nodes; `supervisor` is the one that watches over them. Ctrl-C
    ends --follow.

    \b
    Examples:
      windlass logs validator-0 -f
      windlass logs --since 10m
    """
    oldest = time.time() - _age_s(since) if since is not None else None
    place = place_of(spec_file)
    files = operations.log_files(place, node, network)
    if not files and not (place.state / FILE_NAME).exists():
        raise NoState(place.state)
    networks = sorted({file.network for file in files if file.network})
    if node is not None and len(networks) > 1:
        raise UsageError(
            f"Several networks have a {node}: {', '.join(networks)}.", "Name one with --network."
        )
    with_network = len(networks) > 1
    if follow:
        # A line that waits in a buffer is not followed.
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]

    def more() -> list[LogFile]:
        try:
            return operations.log_files(place, node, network)
        except UnknownNode:  # all was purged meanwhile; another `up` may follow
            return []

    try:
        for line in logs.read(files, since=oldest, follow=follow, look_again=more):
            sys.stdout.write(f"{_label(line.source, with_network)} {_text(line.text)}\n")
    except KeyboardInterrupt:
        if not follow:
            raise


def _label(source: LogFile, with_network: bool) -> str:
    parts = [source.network if with_network else "", source.node, source.process]
    label = "/".join(part for part in parts if part) + " |"
    if not coloured(sys.stdout):
        return label
    # The same node has the same colour in every call.
    return click.style(label, fg=COLOURS[zlib.crc32(source.node.encode()) % len(COLOURS)])


def _text(line: str) -> str:
    return plain(line) if sys.stdout.isatty() else line


def _age_s(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    if match is None:
        raise UsageError(f"{text!r} is not an age.", "Write it like 90s, 10m, 2h or 1d.")
    return int(match.group(1)) * UNITS_S[match.group(2) or "s"]
