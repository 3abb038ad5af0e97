"""Runs one step's tool: its lines are handed on as they come, and it never outlives the step."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TAIL_LINES = 15
LINE_BYTES_MAX = 500


class ToolError(Exception):
    """The tool failed; never leaves this package."""

    def __init__(self, reason: str, tail: Sequence[str]) -> None:
        super().__init__(reason)
        self.reason, self.tail = reason, tuple(tail)


def run(
    arguments: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    timeout_s: float,
    on_line: Callable[[str], None],
) -> None:
    """Runs the tool in the folder until it ends. Raises ToolError if it fails or takes too long.

    Whatever ends this call (a timeout, Ctrl-C) also ends the tool and all that it has started.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"{arguments[0]} cannot be started: {error.strerror}", ()) from error
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _kill(process)

    timer = threading.Timer(timeout_s, expire)
    timer.daemon = True
    timer.start()
    try:
        assert process.stdout is not None
        with process.stdout as output:
            while line := output.readline(LINE_BYTES_MAX):
                text = line.decode(errors="replace").rstrip()
                tail.append(text)
                on_line(text)
        code = process.wait()
    finally:
        timer.cancel()
        _kill(process)
        process.wait()
    if expired.is_set():
        raise ToolError(f"no end after {timeout_s:.0f} s", tail)
    if code != 0:
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise ToolError(f"{Path(arguments[0]).name} ended with {how}", tail)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the process group if its leader has not been waited for, so that the id is its own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
