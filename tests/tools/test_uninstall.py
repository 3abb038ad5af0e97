"""`make uninstall`: what it deletes, and what it must leave alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.support.network import WINDLASS, Network, spec
from tests.support.wait import until
from windlass.runtimes.local.port_registry import Claim, Content

SCRIPT = Path(__file__).parents[2] / "tools" / "uninstall.sh"
TIMEOUT_S = 60


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which Windlass was used: a cloned folder and everything that is outside of it."""
    clone = tmp_path / "clone"
    for folder in ("src", "tests", "tools", ".venv/bin", "build"):
        (clone / folder).mkdir(parents=True)
    shutil.copy(SCRIPT, clone / "tools")
    (clone / "windlass.yaml").write_text("schema: 1\n")
    module = tmp_path / "cache/windlass/work/modules/example"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module example\n")
    module.chmod(0o500)
    (tmp_path / "run/windlass").mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp/windlass-crash-20260101T000000-1.txt").write_text("")
    (tmp_path / "tmp/somebody-elses.txt").write_text("")
    return tmp_path


def claim(home: Path, state: Path) -> None:
    """Gives that state a port, as `up` does."""
    ports = home / "state/windlass"
    ports.mkdir(parents=True)
    (ports / "ports.lock").touch()
    content = Content(claims={8545: Claim(str(state), "trade/node-0/rpc")})
    (ports / "ports.json").write_bytes(msgspec.json.encode(content))


def variables(home: Path) -> dict[str, str]:
    """The environment of somebody whose home this is."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "TMPDIR": str(home / "tmp"),
    }


def uninstall(home: Path, answer: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the script there; without an answer it is told not to ask."""
    environment = variables(home)
    if not answer:
        environment["YES"] = "1"
    return subprocess.run(
        ["/bin/sh", str(home / "clone/tools/uninstall.sh")],
        env=environment,
        input=answer,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def files(home: Path) -> set[str]:
    """Everything below the home but the folders that were there before Windlass."""
    kept = {"clone", "clone/src", "clone/tests", "clone/tools", "cache", "run", "tmp", "state"}
    return {str(path.relative_to(home)) for path in home.rglob("*")} - kept


def test_it_leaves_nothing_behind(home: Path) -> None:
    """Only the cloned folder's own files and what is not ours are left, and it says so."""
    claim(home, home / "a state that was deleted by hand")
    done = uninstall(home)
    assert done.returncode == 0, done.stderr
    assert files(home) == {"clone/tools/uninstall.sh", "tmp/somebody-elses.txt"}


def test_other_networks_keep_their_ports(home: Path) -> None:
    """As long as another folder has a state, the list of ports stays and the state is named."""
    other = home / "other/.windlass"
    other.mkdir(parents=True)
    (other / "state.db").touch()
    claim(home, other)
    done = uninstall(home)
    assert done.returncode == 0, done.stderr
    assert (home / "state/windlass/ports.json").exists()
    assert (other / "state.db").exists()
    assert str(other) in done.stdout


def test_without_a_yes_nothing_is_touched(home: Path) -> None:
    """It names what it would delete, asks, and takes anything but yes for no."""
    claim(home, home / "gone")
    before = files(home)
    done = uninstall(home, "maybe\n")
    assert done.returncode == 1
    assert files(home) == before
    assert str(home / "cache/windlass") in done.stdout


def test_completion_is_named_and_left(home: Path) -> None:
    """Files of the person's shell that have our completion are named, not edited."""
    completion = "alias ll='ls -l'\n_windlass_completion() {\n}\n"
    (home / ".bashrc").write_text(completion)
    (home / ".zshrc").write_text("alias ll='ls -l'\n")
    done = uninstall(home)
    assert done.returncode == 0, done.stderr
    assert (home / ".bashrc").read_text() == completion
    assert "~/.bashrc" in done.stdout
    assert "~/.zshrc" not in done.stdout


def test_a_running_network_is_stopped_and_purged(
    home: Path, monkeypatch: pytest.MonkeyPatch, geth_binary: Path
) -> None:
    """It ends every process of the folder's network, and deletes its data, its keys, its ports."""
    monkeypatch.setenv("PATH", f"{geth_binary.parent}{os.pathsep}{os.environ['PATH']}")
    for name, value in variables(home).items():
        monkeypatch.setenv(name, value)
    (home / "clone/.venv/bin/windlass").symlink_to(WINDLASS)
    network = Network(
        home / "clone", spec("dock", consensus="solo", chain_id=20273, nodes=0, bootnodes=1)
    )
    try:
        network.up()
        assert network.pids() != []
        assert (home / "state/windlass/ports.json").exists()
        done = uninstall(home)
        assert done.returncode == 0, done.stdout + done.stderr
        until(lambda: not network.pids(), "all of its processes have ended")
        assert files(home) == {"clone/tools/uninstall.sh", "tmp/somebody-elses.txt"}
    finally:
        network.close()
