"""The entry point: finds the verb, and turns what comes of it into words and an exit code.

    0  done, healthy          1  something is not as it should be; what, and what to do
    2  wrong usage or spec    130  interrupted

`windlass run NAME` is taken first and without the rest: a network starts a dozen programs at once.
"""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130


def main() -> None:
    """`windlass` as installed. Never returns."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command line (without the program's name) and returns its exit code."""
    if arguments[:1] == ["run"] and len(arguments) > 1 and not arguments[1].startswith("-"):
        from windlass.cli.programs import run_program

        return run_program(arguments[1], arguments[2:])
    from windlass.cli.outcome import outcome_of

    code = outcome_of(arguments)
    return _flushed(code)


def _flushed(code: int) -> int:
    """Writes what is still buffered; a reader that has gone (`| head`) is no error of ours."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at exit, into nothing this time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


if __name__ == "__main__":
    main()
