"""Next steps can be copied: they name this very command as the reader can call it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.network import WINDLASS

CALLS = "start its network: "


def next_step(folder: Path, *command: str, path: str = os.defpath, file: str = "") -> str:
    """The command line that `init`, called so in that folder, says to run next."""
    done = subprocess.run(
        [*command, "init", *(["-f", file] if file else [])],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.partition(CALLS)[2].strip()


def other_windlass(folder: Path) -> Path:
    """A program of the same name that is not this one."""
    program = folder / "other" / "windlass"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_on_the_path_it_is_a_word(tmp_path: Path) -> None:
    """Also where the path leads to it by a link."""
    link = tmp_path / "bin" / "windlass"
    link.parent.mkdir()
    link.symlink_to(WINDLASS)
    for number, folder in enumerate((WINDLASS.parent, link.parent)):
        path = f"{folder}{os.pathsep}{os.defpath}"
        file = f"{number}.yaml"
        assert next_step(tmp_path, "windlass", path=path, file=file) == f"windlass up -f {file}"


@pytest.mark.parametrize("hidden", [True, False])
def test_elsewhere_it_is_its_path(tmp_path: Path, hidden: bool) -> None:
    """Where the shell finds none by the name, or another one."""
    path = os.defpath if hidden else f"{other_windlass(tmp_path).parent}{os.pathsep}{os.defpath}"
    assert next_step(tmp_path, str(WINDLASS), path=path) == shlex.join([str(WINDLASS), "up"])


@pytest.mark.parametrize(
    ("above", "expected"), [(0, "./windlass"), (1, "bin/windlass"), (2, "venv/bin/windlass")]
)
def test_the_path_is_as_short_as_it_can_be(tmp_path: Path, above: int, expected: str) -> None:
    """Seen from where the reader stands, and never a bare word that a shell looks up."""
    program = tmp_path / "venv" / "bin" / "windlass"
    program.parent.mkdir(parents=True)
    program.symlink_to(WINDLASS)
    assert next_step(program.parents[above], str(program)) == f"{expected} up"
    file = tmp_path / "again.yaml"
    relative = os.path.relpath(program, program.parents[above])
    told = next_step(program.parents[above], f"./{relative}", file=str(file))
    assert told == f"{expected} up -f {file}"


def test_as_a_module_it_is_one(tmp_path: Path) -> None:
    """`python -m windlass` is told to those who called it so."""
    told = next_step(tmp_path, sys.executable, "-m", "windlass")
    assert told == shlex.join([sys.executable, "-m", "windlass", "up"])


def test_a_file_with_a_space_is_quoted(tmp_path: Path) -> None:
    """What is copied into a shell means the same file."""
    told = next_step(tmp_path, str(WINDLASS), file="my lab/it's.yaml")
    assert shlex.split(told)[1:] == ["up", "-f", "my lab/it's.yaml"]
