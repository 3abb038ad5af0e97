"""What a person reads when a command did not do what it was asked to, and its exit code."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import click

from windlass.cli.main import COMPLETION_VARIABLE, INTERRUPTED
from windlass.cli.output import as_json, complain, leaving_reader
from windlass.cli.verbs import root
from windlass.kit.errors import WindlassError

DEBUG_VARIABLE = "WINDLASS_DEBUG"
UNWRITABLE = {errno.EPIPE, errno.ENOSPC, errno.EIO}
JSON_OPTION = "--json"
NAME = "windlass"


class Interrupted(WindlassError):
    """Somebody pressed Ctrl-C, or sent SIGTERM, while a verb worked."""

    code = "interrupted"
    exit_code = INTERRUPTED


def outcome_of(arguments: list[str]) -> int:
    """Runs the verb and returns the exit code, having said what went wrong.

    With `--json` that is one document on standard output, {"schema": 1, "error": {…}}.
    Raises OSError only for a standard output that can't be written.
    """
    _take_any_character()
    json_wanted = JSON_OPTION in arguments
    try:
        return _called(arguments)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        return _refused(_as_refusal(error), json_wanted)
    except WindlassError as error:
        return _refused(error, json_wanted)
    except (KeyboardInterrupt, click.Abort):
        if sys.stderr.isatty():
            click.echo(err=True)  # the terminal has just written ^C
        return _refused(Interrupted("Interrupted."), json_wanted)
    except OSError as error:
        return _system(error, json_wanted)
    except Exception as error:  # noqa: BLE001 - the edge of the process: a defect, told as one
        return _defect(error, arguments, json_wanted)


def _called(arguments: list[str]) -> int:
    """As click's own main does, but for what that does with interrupts and broken pipes."""
    command = root()
    if instruction := os.environ.get(COMPLETION_VARIABLE):
        from click.shell_completion import shell_complete

        return shell_complete(command, {}, NAME, COMPLETION_VARIABLE, instruction)
    try:
        with command.make_context(NAME, list(arguments)) as context:
            code = command.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return code if isinstance(code, int) else 0


def _take_any_character() -> None:
    """A terminal that knows only ASCII gets question marks, not a crash."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _as_refusal(error: click.ClickException) -> WindlassError:
    sentence = " ".join(error.format_message().split())  # choices are listed on lines of their own
    if not sentence.endswith((".", "?", "!")):
        sentence += "."
    next_step = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        next_step = f"See `{error.ctx.command_path} --help`."
    refusal = WindlassError(sentence, next_step)
    refusal.code, refusal.exit_code = "usage", error.exit_code
    return refusal


def _refused(error: WindlassError, json_wanted: bool) -> int:
    if json_wanted:
        with leaving_reader():
            as_json({"schema": 1, "error": _error_value(error)})
    else:
        complain(error.sentence, error.next_step)
    return error.exit_code


def _error_value(error: WindlassError) -> dict[str, Any]:
    from windlass.spec.errors import SpecError

    value: dict[str, Any] = {
        "code": error.code,
        "sentence": _encodable(error.sentence),
        "next_step": _encodable(error.next_step),
    }
    if isinstance(error, SpecError):
        value["problems"] = [
            {
                "line": one.line,
                "column": one.column,
                "field": _encodable(one.path),
                "sentence": _encodable(one.sentence),
            }
            for one in error.problems
        ]
    return value


def _encodable(text: str) -> str:
    """The text with bytes that are no UTF-8, as words of a command line may have, spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _system(error: OSError, json_wanted: bool) -> int:
    """The system refused something that no part below expected, such as a file's mode."""
    if error.filename is None and error.errno in UNWRITABLE:
        raise error  # standard output, which main.py speaks of
    if os.environ.get(DEBUG_VARIABLE) == "1":
        raise error
    where = f" ({error.filename})" if error.filename is not None else ""
    refusal = WindlassError(
        f"The system refused it: {error.strerror or error}{where}.",
        f"If that does not explain it, {DEBUG_VARIABLE}=1 shows where it happened.",
    )
    refusal.code = "system"
    return _refused(refusal, json_wanted)


def _defect(error: Exception, arguments: list[str], json_wanted: bool) -> int:
    """One sentence and a file to look at, or the traceback if that was asked for."""
    if os.environ.get(DEBUG_VARIABLE) == "1":
        raise error
    from windlass.cli.crash import report

    path = report(error, arguments)
    kind = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    refusal = WindlassError(
        f"This is a defect of Windlass ({kind}).",
        f"The details are in {path}; please report them."
        if path
        else f"Run it again with {DEBUG_VARIABLE}=1 to see the details.",
    )
    refusal.code = "defect"
    return _refused(refusal, json_wanted)
