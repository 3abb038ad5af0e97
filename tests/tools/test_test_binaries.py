"""The real programs that the tests run are there and of the pinned version."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tools.test_binaries import VERSIONS


def test_geth_is_of_the_pinned_version(geth_binary: Path) -> None:
    """The tests' geth is the version that the product pins."""
    shown = subprocess.run([geth_binary, "version"], capture_output=True, text=True, check=True)
    assert VERSIONS["geth"] in shown.stdout


def test_cometbft_is_of_the_pinned_version(cometbft_binary: Path) -> None:
    """The tests' CometBFT is the version that the product pins."""
    shown = subprocess.run([cometbft_binary, "version"], capture_output=True, text=True, check=True)
    assert VERSIONS["cometbft"] in shown.stdout


def test_devp2p_is_there(devp2p_binary: Path) -> None:
    """The tests' devp2p starts."""
    subprocess.run([devp2p_binary, "--version"], capture_output=True, check=True)
