"""A command on a terminal of its own, which can be narrow, and whose Ctrl-C is a real one."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import termios
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.network import WINDLASS, environment
from tests.support.wait import until

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
LINES = 24
CTRL_C = b"\x03"


class Terminal:
    """Runs `windlass …` in that folder while the context lasts."""

    def __init__(self, folder: Path, *arguments: str, columns: int) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (LINES, columns))
        os.set_blocking(self._master, False)
        variables = {**environment(), "TERM": "xterm-256color"}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            variables.pop(name, None)
        # Its own session with this as its terminal: only then does Ctrl-C become a signal.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", str(WINDLASS), *arguments],
            cwd=folder,
            env=variables,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        self._drawn = b""

    def lines(self) -> list[str]:
        """All that was drawn until now, line by line, without colours and movements."""
        try:
            while chunk := os.read(self._master, 65536):
                self._drawn += chunk
        except BlockingIOError:
            pass  # that is all for now
        except OSError:  # the other side of a terminal is gone: Linux says EIO
            pass
        text = ESCAPE.sub("", self._drawn.decode(errors="replace"))
        return [line.rstrip() for line in re.split(r"[\r\n]+", text)]

    def press(self, key: bytes) -> None:
        """Types that key."""
        os.write(self._master, key)

    def ended(self, *, timeout_s: float) -> int:
        """Waits for the command's end, reading meanwhile; its exit code."""
        until(
            lambda: (self.lines(), self.process.poll() is not None)[1],
            "the command ends",
            timeout_s=timeout_s,
        )
        return self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)
