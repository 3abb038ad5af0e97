"""`windlass run`, as a verb with a help text; programs.py does it without click, for speed."""

from __future__ import annotations

import click

from windlass.cli.programs import PROGRAMS, run_program


@click.command("run", context_settings={"ignore_unknown_options": True})
@click.argument("name", type=click.Choice([*PROGRAMS]))
@click.option("--settings", required=True, metavar="FILE", help="The program's settings (JSON).")
def run_command(name: str, settings: str) -> int:
    """Run one of Windlass's own programs in the foreground.

    Networks do this by themselves; by hand it is for looking at one program alone. `windlass run
    NAME --help` says what a program does and what goes into its settings file.

    \b
    Example:
      windlass run registrar --settings registrar.json
    """
    return run_program(name, ["--settings", settings])
