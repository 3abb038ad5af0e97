"""The entry point: finds the verb, and turns what comes of it into words and an exit code.

    0  done, healthy          1  something is not as it should be; what, and what to do
    2  wrong usage or spec    130  interrupted

Two things are taken first and without the rest, because they must be quick: `windlass run NAME`,
since a network starts a dozen programs at once, and the page that says which verbs there are.
"""

from __future__ import annotations

import io
import os
import sys

COMPLETION_VARIABLE = "_WINDLASS_COMPLETE"
"""Set by a shell that asks for completions; the command line is then in other variables."""

INTERRUPTED = 130


def main() -> None:
    """`windlass` as installed. Never returns."""
    _open_what_is_closed()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command line (without the program's name) and returns its exit code."""
    if arguments[:1] == ["run"] and len(arguments) > 1 and not arguments[1].startswith("-"):
        from windlass.cli.programs import run_program

        return run_program(arguments[1], arguments[2:])
    code = 0
    try:
        if arguments in (["--help"], ["-h"]) and COMPLETION_VARIABLE not in os.environ:
            from windlass.cli.front import page

            sys.stdout.write(page())
        else:
            from windlass.cli.outcome import outcome_of

            code = outcome_of(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:  # before or after the verb's own time
        code = INTERRUPTED
    except OSError as error:
        code = _unwritable(error, code)
    return code


def _open_what_is_closed() -> None:
    """Gives each standard stream that the caller closed (`>&-`) one that takes and says nothing.

    Otherwise Python has no such stream at all, and the next file to be opened, perhaps the state's
    database, would get its number and with it whatever a library or a child writes there.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            raw = io.FileIO(os.devnull, mode)  # takes the lowest number that is free, its own
            os.set_inheritable(raw.fileno(), True)
            buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
            setattr(sys, name, io.TextIOWrapper(buffer, encoding="utf-8"))


def _unwritable(error: OSError, code: int) -> int:
    """A reader that has gone (`| head`) is no error of ours; a full disk behind `>` is one.

    `code` is what the verb came to if it got that far, and stays what a script is told.
    """
    from windlass.cli.output import complain, silence

    silence(sys.stdout)
    if isinstance(error, BrokenPipeError):
        return code
    complain(f"Standard output can't be written: {error.strerror}.")
    return 1


if __name__ == "__main__":
    main()
