"""Installs the real programs that the tests run: geth, CometBFT and, for tests only, devp2p.

geth and CometBFT come through `windlass binaries`, so the tests run what users run. devp2p has the
discv4 test suite that our bootnode must pass; nothing of it is in the product.

Usage: python -m tools.test_binaries        (installs what is missing; instant when nothing is)
"""

from __future__ import annotations

import os
from pathlib import Path

VERSIONS = {"geth": "1.17.8", "cometbft": "0.38.26", "devp2p": "1.17.8"}


def cache() -> Path:
    """The folder that `windlass` keeps its binaries in."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "windlass"


def cached(program: str) -> Path | None:
    """Where the program is, None if it still has to be installed."""
    from windlass.runtimes.local.binaries import Binaries

    found = Binaries(cache()).find(program, VERSIONS[program])
    return Path(found.path) if found else None
