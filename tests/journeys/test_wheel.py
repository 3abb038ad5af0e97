"""The wheel alone, installed into an empty environment, runs a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.network import Network, spec
from tests.support.wait import until

REPOSITORY = Path(__file__).resolve().parents[2]
INSTALL_TIMEOUT_S = 300


def run(*command: str | Path) -> None:
    """Runs a command in the repository; its output is in the failure."""
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.fixture
def windlass(tmp_path: Path) -> Path:
    """The command as installed from the wheel and its locked dependencies, nothing else."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, REPOSITORY)
    (wheel,) = tmp_path.glob("windlass-*.whl")
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    install = (tmp_path / "venv" / "bin" / "pip", "--disable-pip-version-check", "install")
    run(*install, "--require-hashes", "--requirement", "requirements/runtime.txt")
    run(*install, "--no-deps", wheel)
    return tmp_path / "venv" / "bin" / "windlass"


@pytest.mark.timeout(900)
def test_the_wheel_alone_runs_a_network(windlass: Path, tmp_path: Path) -> None:
    """`windlass up` from the installed wheel brings a network up that makes blocks."""
    folder = tmp_path / "network"
    network = Network(
        folder, spec("wheel", consensus="solo", chain_id=20264, bootnodes=1), windlass
    )
    try:
        network.up()
        until(lambda: network.rpc().height() >= 2, "blocks")
        assert network.status()["healthy"] is True
        network.run("down")
    finally:
        network.close()
