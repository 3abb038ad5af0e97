"""What a person reads when a command did not do what it was asked to, and its exit code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback

import click

from windlass.cli.main import INTERRUPTED
from windlass.cli.output import as_json, complain
from windlass.cli.verbs import root
from windlass.kit.errors import WindlassError

DEBUG_VARIABLE = "WINDLASS_DEBUG"


def outcome_of(arguments: list[str]) -> int:
    """Runs the verb and returns the exit code, having said what went wrong."""
    json_wanted = "--json" in arguments
    try:
        code = root().main(args=arguments, prog_name="windlass", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        return _refused(_sentence(error), _usage(error), "usage", error.exit_code, json_wanted)
    except WindlassError as error:
        return _refused(error.sentence, error.next_step, error.code, error.exit_code, json_wanted)
    except (KeyboardInterrupt, click.Abort):
        complain("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # The edge of the process: whatever arrives here is a defect of ours, and a person gets
        # one sentence and a place to look at instead of a traceback.
        return _defect(error, json_wanted)
    return code if isinstance(code, int) else 0


def _sentence(error: click.ClickException) -> str:
    message = error.format_message()
    return message if message.endswith((".", "?", "!")) else f"{message}."


def _usage(error: click.ClickException) -> str:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"See `{error.ctx.command_path} --help`."
    return ""


def _refused(sentence: str, next_step: str, code: str, exit_code: int, json_wanted: bool) -> int:
    if json_wanted:
        body = {"code": code, "sentence": sentence, "next_step": next_step}
        as_json({"schema": 1, "error": body})
    else:
        complain(sentence, next_step)
    return exit_code


def _defect(error: Exception, json_wanted: bool) -> int:
    if os.environ.get(DEBUG_VARIABLE) == "1":
        raise error
    where = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="windlass-crash-", suffix=".txt", delete=False
        ) as report:
            traceback.print_exception(error, file=report)
            where = f"The details are in {report.name}; please report them."
    except OSError:
        where = f"Run it again with {DEBUG_VARIABLE}=1 to see the details."
    kind = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return _refused(f"This is a defect of Windlass ({kind}).", where, "defect", 1, json_wanted)
