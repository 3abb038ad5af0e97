"""`windlass run`, as a verb with a help text; programs.py does it without click, for speed."""

from __future__ import annotations

import click

from windlass.cli.programs import PROGRAMS, run_program


@click.command(
    "run",
    context_settings={"ignore_unknown_options": True},
    epilog="Programs: " + "; ".join(f"{name} {what}" for name, what in PROGRAMS.items()) + ".",
)
@click.argument("name")
@click.option("--settings", required=True, metavar="FILE", help="The program's settings (JSON).")
def run_command(name: str, settings: str) -> int:
    """Run one of Windlass's own programs in the foreground.

    \b
    Example:
      windlass run registrar --settings registrar.json
    """
    return run_program(name, ["--settings", settings])
