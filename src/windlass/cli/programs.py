"""`windlass run`: one of our own programs, as supervisors and clusters start them.

Kept apart from click for speed: a network starts a dozen of these at the same moment.
"""

from __future__ import annotations

import importlib
import sys

from windlass.kit.running import exit_code_of

PROGRAMS = {
    "bridge": "joins one geth to one CometBFT",
    "sealer": "makes blocks on a network with a single authority",
    "bootnode": "answers discovery and serves its own enode",
    "registrar": "serves the list of live bootnodes",
}
SUPERVISOR = "supervisor"
HELP = ("--help", "-h")


def run_program(name: str, arguments: list[str]) -> int:
    """Runs `windlass run NAME …` and returns its exit code."""
    if name == SUPERVISOR:
        from windlass.runtimes.local.supervisor.main import main as supervise

        return supervise(arguments)
    if name not in PROGRAMS:
        return _refused(f"There is no program {name!r}.", f"There is: {', '.join(PROGRAMS)}.", 2)
    usage = f"windlass run {name} --settings FILE"
    if any(one in HELP for one in arguments):
        sys.stdout.write(f"Usage: {usage}\n\n  {name} {PROGRAMS[name]}.\n")
        return 0
    if len(arguments) != 2 or arguments[0] != "--settings":
        return _refused(f"{name} takes one option: --settings FILE.", f"Usage: {usage}", 2)
    main = importlib.import_module(f"windlass.programs.{name}.main").main
    return exit_code_of(main, arguments[1])


def _refused(sentence: str, next_step: str, exit_code: int) -> int:
    sys.stderr.write(f"error: {sentence}\n" + (f"  {next_step}\n" if next_step else ""))
    return exit_code
