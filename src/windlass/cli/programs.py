"""`windlass run`: one of our own programs, as supervisors and clusters start them.

Kept apart from click for speed: a network starts a dozen of these at the same moment.
"""

from __future__ import annotations

import importlib
import sys

from windlass.kit.errors import WindlassError

PROGRAMS = {
    "bridge": "joins one geth to one CometBFT",
    "sealer": "makes blocks on a network with a single authority",
    "bootnode": "answers discovery and serves its own enode",
    "registrar": "serves the list of live bootnodes",
}
SUPERVISOR = "supervisor"


def run_program(name: str, arguments: list[str]) -> int:
    """Runs `windlass run NAME …` and returns its exit code."""
    if name == SUPERVISOR:
        from windlass.runtimes.local.supervisor.main import main as supervise

        return supervise(arguments)
    if name not in PROGRAMS:
        known = ", ".join(PROGRAMS)
        sys.stderr.write(f"error: There is no program {name!r}. There is: {known}.\n")
        return 2
    if len(arguments) != 2 or arguments[0] != "--settings":
        sys.stderr.write(f"error: usage: windlass run {name} --settings FILE\n")
        return 0 if arguments in (["--help"], ["-h"]) else 2
    try:
        importlib.import_module(f"windlass.programs.{name}.main").main(arguments[1])
    except WindlassError as error:
        sys.stderr.write(f"error: {error.sentence}\n  {error.next_step}\n")
        return error.exit_code
    return 0
