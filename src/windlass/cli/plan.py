"""`windlass plan`: what would run, without touching anything."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from windlass.cli.options import file_option, json_option, place_of
from windlass.cli.output import as_json, note, say, shown
from windlass.cli.spec import tell_warnings
from windlass.plan.printing import to_json_value
from windlass.plan.workload import Workload
from windlass.runtimes.local import operations
from windlass.runtimes.local.state import FILE_NAME
from windlass.spec.load import load


@click.command("plan")
@file_option
@json_option
def plan_command(spec_file: str | None, json_wanted: bool) -> None:
    """Show what would run, without touching anything.

    Every node with its programs, their arguments, files and ports. No secret is shown. Before the
    first `up` there are no keys yet, and stand-ins take their places.

    \b
    Examples:
      windlass plan
      windlass plan --json | jq '.workloads[].processes[].command'
    """
    place = place_of(spec_file)
    loaded = load(place.spec_path)
    tell_warnings(loaded)
    if not (place.state / FILE_NAME).exists():
        note("There are no keys yet: those in this plan are stand-ins that `up` replaces.")
    workloads = operations.preview(place, loaded)
    if json_wanted:
        as_json(to_json_value(workloads))
        return
    for workload in sorted(workloads, key=lambda one: (one.network, one.rank, one.name)):
        _show(workload)


def _show(workload: Workload) -> None:
    say(f"{workload.key} ({workload.role})")
    for port in workload.ports:
        protocol = "tcp and udp" if port.protocol == "both" else port.protocol
        say(f"  port {port.name:<14} {port.address}:{port.number} {protocol}")
    for file in workload.files:
        what = "secret" if file.secret else f"{len(file.content)} bytes"
        say(f"  file {shown(Path(file.path))} ({what})")
    for process in workload.processes:
        words = (process.command.program, *process.command.arguments)
        say(f"  run  {process.name}: {shlex.join(words)}")
    say()
