"""`windlass doctor`: why a network makes no blocks or a node has no peers."""

from __future__ import annotations

import sys

import click

from windlass.cli.options import file_option, json_option, place_of
from windlass.cli.output import as_json, coloured, leaving_reader, plain, say
from windlass.doctor.diagnose import examine
from windlass.doctor.findings import Finding, to_json_value

COLOURS = {"error": "red", "warning": "yellow"}


@click.command("doctor")
@file_option
@json_option
def doctor_command(spec_file: str | None, json_wanted: bool) -> int:
    """Say why a network makes no blocks or a node has no peers.

    The root of it comes first. It looks at every process, chain, port, clock, key and disk, and
    changes nothing. Exit code 1 if there is an error; warnings alone leave it 0.

    \b
    Examples:
      windlass doctor
      windlass doctor --json | jq -r '.findings[].sentence'
    """
    report = examine(place_of(spec_file))
    with leaving_reader():
        if json_wanted:
            as_json(to_json_value(report))
        else:
            for finding in report.findings:
                _tell(finding)
            if not report.findings:
                say("Nothing is wrong.")
    return 0 if report.healthy else 1


def _tell(finding: Finding) -> None:
    where = "/".join(part for part in (finding.network, finding.node) if part)
    colour = COLOURS[finding.severity] if coloured(sys.stdout) else None
    label = click.style(finding.severity, fg=colour, bold=colour is not None)
    # What it read may be the log of a program that logs what strangers send it.
    say(f"{label} {finding.code}{f' in {where}' if where else ''}: {plain(finding.sentence)}")
    say(f"  read: {plain(finding.evidence)}")
    say(f"  next: {plain(finding.next_step)}")
    say()
