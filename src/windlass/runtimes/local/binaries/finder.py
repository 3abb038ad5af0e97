"""Programs on the user's path: used if they say that they are of a version that fits."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from windlass.runtimes.local.binaries.catalogue import Program, fits
from windlass.runtimes.local.binaries.models import Binary

VERSION_TIMEOUT_S = 10.0
"""Printing a version takes 30 ms; whatever needs longer is not what we look for."""


def find_on_path(of: Program, version: str) -> Binary | None:
    """The first program on PATH that may stand in for that version."""
    for path in _candidates(of.name):
        found = installed_version(of, path)
        if found is not None and fits(found, version):
            size = path.stat().st_size
            return Binary(
                program=of.name, version=found, path=path, origin="path", bytes_count=size
            )
    return None


def installed_version(
    of: Program, path: Path, *, timeout_s: float = VERSION_TIMEOUT_S
) -> str | None:
    """The version that the program at this path says it has, None if it says none."""
    try:
        done = subprocess.run(
            [path, *of.version_arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            env=_environment(os.environ),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    text = done.stdout[:4096].decode(errors="replace")
    match = re.search(of.version_pattern, text, re.MULTILINE)
    return match.group(1) if match else None


def _candidates(name: str) -> Iterator[Path]:
    """Executable files of that name, in the order of PATH."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        # An empty entry means the current directory: whoever wants that names the directory.
        if folder:
            path = Path(folder).absolute() / name
            if path.is_file() and os.access(path, os.X_OK):
                yield path


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Without what the programs would read as flags."""
    return {
        name: value
        for name, value in variables.items()
        if not name.startswith(("GETH_", "CMT", "TM"))
    }
