"""What can be wrong with the machine under a network: clocks, binaries and disks, for real."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor.patient import Patient
from tests.support.logs import register
from tests.support.network import spec
from tests.support.wait import until
from windlass.doctor import machine
from windlass.doctor.causes import disk
from windlass.doctor.evidence import Evidence
from windlass.runtimes.local import disk_history
from windlass.runtimes.local.disk import used_bytes

pytestmark = pytest.mark.timeout(400)

SITE_PACKAGES = Path(sys.prefix) / "lib"
DISK_MIB = 760
FILLED_TO_BYTES = 40 << 20

# Plays the interpreter of all our programs; a bridge named in the file gets the clock named there.
PYTHON = """\
#!/bin/sh
while read -r name offset; do
  case "$*" in
    *"/$name/bridge.json"*) export LD_PRELOAD={library} FAKETIME="$offset" ;;
  esac
done < {clocks}
exec -a {wrapper} {python} "$@"
"""


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of `NODE OFFSET` lines: the clocks that bridges live by from their next start on."""
    path = tmp_path_factory.mktemp("clocks") / "clocks.txt"
    path.write_text("")
    return path


@pytest.fixture(scope="module")
def skewed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, clocks: Path
) -> Iterator[Patient]:
    """A network of 4 validators whose bridges live by the clocks in `clocks`."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    folder = tmp_path_factory.mktemp("skewed")
    register(request.config, folder)
    # A virtual environment whose interpreter is the wrapper: sys.executable is what starts others.
    (folder / "venv/bin").mkdir(parents=True)
    (folder / "venv/lib").symlink_to(SITE_PACKAGES)
    shutil.copyfile(Path(sys.prefix) / "pyvenv.cfg", folder / "venv/pyvenv.cfg")
    wrapper = folder / "venv/bin/python"
    real = Path(sys.executable).resolve()
    wrapper.write_text(
        PYTHON.format(library=library, clocks=clocks, wrapper=wrapper, python=real).replace(
            "#!/bin/sh", "#!/bin/bash"
        )  # exec -a is no part of POSIX
    )
    wrapper.chmod(0o755)
    command = folder / "windlass"
    command.write_text(f'#!/bin/sh\nexec {wrapper} -m windlass "$@"\n')
    command.chmod(0o755)
    network = Patient(folder / "net", spec("ward", nodes=0, bootnodes=1), windlass=command)
    try:
        network.up("--timeout", "170")
        yield network
    finally:
        network.close()


def test_clock_skew_between_bridge_and_geth(skewed: Patient, clocks: Path) -> None:
    """A bridge whose clock is 90 s off is refused by its geth, and the clock is named as cause."""
    clocks.write_text("validator-3 +90s\n")
    skewed.end("validator-3", "bridge")
    found = skewed.finding("clock-skew", "validator-3")
    assert found["severity"] == "error"
    assert "validator-3's bridge is more than 60 s from geth's" in found["sentence"]
    assert "timedatectl" in found["next_step"]
    assert "wrong-jwt" not in [one["code"] for one in skewed.examine()["findings"]]
    clocks.write_text("")
    skewed.end("validator-3", "bridge")
    skewed.is_well()


def test_clock_skew_between_validators(skewed: Patient, clocks: Path) -> None:
    """A clock that is some seconds ahead, too little for geth to mind, differs from the others'."""
    clocks.write_text("validator-2 +7s\n")
    skewed.end("validator-2", "bridge")
    found = skewed.finding("clock-skew", "validator-2")
    assert "validator-2's bridge is 7 s ahead of the others'" in found["sentence"]
    assert "clock_offset_s" in found["evidence"]
    clocks.write_text("")
    skewed.end("validator-2", "bridge")
    skewed.is_well()


@pytest.fixture
def own_binaries(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, geth_binary: Path, cometbft_binary: Path
) -> Path:
    """A folder with the binaries that the next network takes, and that a test may replace."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy(geth_binary, folder / "geth")
    shutil.copy(cometbft_binary, folder / "cometbft")
    monkeypatch.setenv("WINDLASS_TEST_BINARIES", str(folder))
    return folder


def test_wrong_binary_version(
    request: pytest.FixtureRequest, tmp_path: Path, own_binaries: Path
) -> None:
    """A client that was replaced by another version since `up` is found, with its file's name."""
    register(request.config, tmp_path)
    network = Patient(tmp_path / "net", spec("ward", validators=1, nodes=1, bootnodes=1))
    binary = own_binaries / "cometbft"
    right = binary.read_bytes()
    try:
        network.up("--timeout", "170")
        _replace(binary, right.replace(b"0.38.26", b"0.38.19"))
        network.run("restart", "node-0")
        found = network.finding("wrong-binary-version", "node-0")
        assert found["severity"] == "error"
        assert "node-0 runs cometbft 0.38.19" in found["sentence"]
        assert str(binary) in found["evidence"]
        _replace(binary, right)
        network.run("restart", "node-0")
        network.is_well()
    finally:
        network.close()


@pytest.fixture(scope="module")
def small_disk(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Patient]:
    """A solo network on a small disk of its own: a tmpfs in a mount namespace, without root."""
    folder = tmp_path_factory.mktemp("small-disk")
    register(request.config, folder)
    mount = folder / "disk"
    mount.mkdir()
    holder = subprocess.Popen(
        [
            *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c"),
            f"mount -t tmpfs -o size={DISK_MIB}m tmpfs {mount} && echo mounted && exec sleep 600",
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"mounted\n"
        command = folder / "windlass"
        real = Path(sys.executable).with_name("windlass")
        enter = f"nsenter --target {holder.pid} --user --mount --preserve-credentials"
        command.write_text(
            f'#!/bin/sh\nWINDLASS_STATE={mount}/state exec {enter} --wd={folder}/net {real} "$@"\n'
        )
        command.chmod(0o755)
        text = spec("cell", consensus="solo", nodes=0, bootnodes=1)
        network = Patient(folder / "net", text, windlass=command)
        network.state = Path(f"/proc/{holder.pid}/root{mount}/state")
        try:
            network.up("--timeout", "170")
            yield network
        finally:
            network.close()
    finally:
        holder.terminate()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


def test_disk_full_soon(small_disk: Patient) -> None:
    """From how the data of a running network grow it tells when this disk will be full."""
    small_disk.is_well()
    state = small_disk.state
    disk_history.record(state, time.time())
    began = disk_history.read(state)[-1]
    until(lambda: used_bytes(state) > began[1], "the data grow", timeout_s=60)
    seen = Evidence(now=time.time(), state=str(state), disk=machine.disk(state))
    findings = list(disk.find(seen, span_s_min=0))
    assert [one.code for one in findings] == ["disk-full-soon"]
    assert findings[0].severity == "warning"
    assert "is full in about" in findings[0].sentence
    assert list(disk.find(seen)) == [], "seconds are too short a time to tell from"


def test_disk_full(small_disk: Patient) -> None:
    """On a full disk it says so first of all; once there is room the network goes on by itself."""
    filler = small_disk.state.parent / "filler"
    free = os.statvfs(small_disk.state).f_bavail * os.statvfs(small_disk.state).f_frsize
    filler.write_bytes(bytes(free - FILLED_TO_BYTES))
    found = small_disk.finding("disk-full")
    assert found["severity"] == "error"
    assert "is full: it has" in found["sentence"]
    assert small_disk.examine()["findings"][0]["code"] == "disk-full"
    filler.unlink()
    small_disk.is_well()


def _replace(path: Path, content: bytes) -> None:
    """Another file under that name: the one that runs can't be written to."""
    new = path.with_name("new")
    new.write_bytes(content)
    new.chmod(0o755)
    new.replace(path)
