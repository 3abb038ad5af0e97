"""Installs the real programs that the tests run: geth, CometBFT and, for tests only, devp2p.

geth and CometBFT come through `windlass binaries`, so the tests run what users run. devp2p has the
discv4 test suite that our bootnode must pass; nothing of it is in the product. It is built by the
same code, out of modules recorded in the same way (tools/record_module_sums.py).

Usage: python -m tools.test_binaries        (installs what is missing; instant when nothing is)
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from windlass.kit.errors import WindlassError
from windlass.runtimes.local.binaries import Binaries, Progress, default_cache, toolchain
from windlass.runtimes.local.binaries.binaries import KEEP_VARIABLE
from windlass.runtimes.local.binaries.build import Build
from windlass.runtimes.local.binaries.catalogue import PINNED, PROGRAMS, Program, Record
from windlass.runtimes.local.binaries.store import Store

VERSIONS = {**PINNED, "devp2p": PINNED["geth"]}

DEVP2P = Program(
    name="devp2p",
    title="devp2p",
    module=PROGRAMS["geth"].module,
    package=f"{PROGRAMS['geth'].module}/cmd/devp2p",
    line=PROGRAMS["geth"].line,
    patch_min=0,
    go_min=PROGRAMS["geth"].go_min,
    version_arguments=("--version",),
    version_pattern=r"^devp2p version (\d+\.\d+\.\d+)",
)
DEVP2P_SUMS = Path(__file__).with_name("sums")


def cached(program: str) -> Path | None:
    """Where the program is, None if it still has to be installed."""
    if program == "devp2p":
        path = _devp2p_path()
        return path if path.is_file() else None
    found = Binaries().find(program, VERSIONS[program])
    return Path(found.path) if found else None


def install() -> None:
    """Builds what is missing; the Go, its modules and objects are shared and then deleted."""
    missing = {name: version for name, version in PINNED.items() if cached(name) is None}
    if not missing and cached("devp2p"):
        return
    with _shared_build_cache():
        Binaries().ensure_all(missing, _tell)
        if cached("devp2p") is None:
            _build_devp2p()


def _devp2p_path() -> Path:
    kind = f"{sys.platform}-{platform.machine()}"
    return default_cache() / "test-binaries" / f"devp2p-{VERSIONS['devp2p']}-{kind}" / "devp2p"


def _build_devp2p() -> None:
    store = Store(default_cache())
    with store.locked(lambda: print("Another build is running.")), store.workspace(keep=True) as at:
        go = toolchain.on_path(DEVP2P.go_min, at) or toolchain.install(at, print)
        version = VERSIONS["devp2p"]
        base = DEVP2P_SUMS / f"devp2p-{version}"
        recorded = Record(Path(f"{base}.mod").read_bytes(), Path(f"{base}.sum").read_bytes())
        built, _ = Build(DEVP2P, version, recorded, at / "devp2p", go, _tell).run()
        target = _devp2p_path()
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(built, target)


@contextmanager
def _shared_build_cache() -> Iterator[None]:
    kept = os.environ.get(KEEP_VARIABLE)
    os.environ[KEEP_VARIABLE] = "1"
    try:
        yield
    finally:
        if kept is None:
            del os.environ[KEEP_VARIABLE]
            shutil.rmtree(default_cache() / "work", ignore_errors=True)


_told: set[tuple[str, str]] = set()


def _tell(progress: Progress) -> None:
    """One line for each step of each program."""
    key = (progress.program, progress.step)
    if key not in _told:
        _told.add(key)
        print(f"{progress.program} {progress.version}: {progress.step}", flush=True)


if __name__ == "__main__":
    try:
        install()
    except WindlassError as error:
        sys.exit(str(error))
