"""`windlass plan`: what would run, without touching anything."""

from __future__ import annotations

import shlex

import click

from windlass.cli.options import file_option, json_option, place_of
from windlass.cli.output import as_json, note, say
from windlass.cli.spec import warn
from windlass.plan.printing import to_json_value
from windlass.plan.workload import Workload
from windlass.runtimes.local import operations
from windlass.runtimes.local.state import FILE_NAME
from windlass.spec.load import load


@click.command("plan")
@file_option
@json_option
def plan_command(spec_file: str | None, json_wanted: bool) -> None:
    """Show what would run: every process with its arguments, every file and port.

    Nothing is touched and no secret is shown. Before the first `up`, keys are stand-ins.

    \b
    Examples:
      windlass plan
      windlass plan --json | jq '.workloads[].processes[].command'
    """
    place = place_of(spec_file)
    loaded = load(place.spec_path)
    warn(loaded)
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
    for process in workload.processes:
        words = (process.command.program, *process.command.arguments)
        say(f"  {process.name}: {shlex.join(words)}")
    for port in workload.ports:
        say(f"  port {port.name}: {port.address}:{port.number}/{port.protocol}")
    for file in workload.files:
        say(f"  file {file.path}{' (secret)' if file.secret else ''}, {len(file.content)} bytes")
    say()
