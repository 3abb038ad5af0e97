"""How this very command is run again from where its reader stands, for next steps to be copied.

Who called `.venv/bin/windlass` has no `windlass` on the path, or another one.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

import windlass
from windlass.cli.output import shown

NAME = "windlass"


def again(*words: str, spec_file: str | None = None) -> str:
    """A command line with these words, and with `-f` as it was given to this one."""
    option = ["-f", spec_file] if spec_file else []
    return shlex.join([*_program(), *words, *option])


def _program() -> list[str]:
    """`windlass` where the shell finds this one by that name, else the path of what was called."""
    called = Path(sys.argv[0])
    module = Path(windlass.__file__).with_name("__main__.py")
    if called.name == module.name and called.is_file() and called.samefile(module):
        return [_path(Path(sys.executable)), "-m", NAME]
    if called.name != NAME or not called.is_file():
        return [NAME]  # called from another program, which knows how
    found = shutil.which(NAME)
    if found is not None and called.samefile(found):
        return [NAME]
    return [_path(called.absolute())]


def _path(path: Path) -> str:
    short = shown(path)
    return short if "/" in short else f"./{short}"
