"""The file that a defect leaves, so that a person is told one sentence and nothing is lost."""

from __future__ import annotations

import os
import platform
import shlex
import tempfile
import time
import traceback
from pathlib import Path

from windlass import __version__
from windlass.kit.files import FileError, write_atomically


def report(error: Exception, arguments: list[str]) -> Path | None:
    """Writes what is needed to find the defect; None if it can't be written.

    For the owner's eyes only (mode 0600), since an error's text can hold anything.
    """
    stamp = time.strftime("%Y%m%dT%H%M%S")
    path = Path(tempfile.gettempdir()) / f"windlass-crash-{stamp}-{os.getpid()}.txt"
    lines = [
        f"windlass {__version__}, Python {platform.python_version()}, {platform.platform()}\n",
        f"$ windlass {shlex.join(arguments)}\n",
        "\n",
        *traceback.format_exception(error),
    ]
    try:
        write_atomically(path, "".join(lines).encode("utf-8", "replace"), secret=True)
    except FileError:
        return None
    return path
