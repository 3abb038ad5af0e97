"""The edge of a process of ours: how it starts, what it says if it can't, and its orderly end."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from windlass.kit.errors import WindlassError

WRONG_USAGE = 2


def enter(main: Callable[[str], None]) -> None:
    """What `python -m windlass.programs.NAME FILE` does. Never returns."""
    if len(sys.argv) != 2:
        sys.stderr.write("error: One argument is needed: the settings file.\n")
        sys.exit(WRONG_USAGE)
    sys.exit(exit_code_of(main, sys.argv[1]))


def exit_code_of(main: Callable[[str], None], settings_file: str) -> int:
    """Runs a program to its end; an expected refusal becomes one line on stderr.

    Not a log record: the line is what a supervisor shows as the reason of a death, and what a
    person sees who started the program by hand. A defect keeps its traceback.
    """
    try:
        main(settings_file)
    except WindlassError as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        return error.exit_code
    return 0


async def until_signal(*work: Coroutine[Any, Any, None]) -> None:
    """Runs all of `work` until SIGTERM or SIGINT; the first that ends or fails ends the others.

    On return all of them have ended. Raises what the first one raised.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopping = asyncio.create_task(stop.wait())
    tasks = [asyncio.create_task(coroutine) for coroutine in work]
    try:
        done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (stopping, *tasks):
            task.cancel()
        await asyncio.gather(stopping, *tasks, return_exceptions=True)
    for task in tasks:
        if task in done:
            task.result()
