"""What can be wrong with the machine under a network: clocks, binaries and disks, for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor.clocks import windlass_with_clocks
from tests.doctor.patient import Patient
from tests.support.logs import register
from tests.support.network import spec
from windlass.runtimes.local import disk_history
from windlass.runtimes.local.disk import growth, used_bytes
from windlass.spec.versions import PINNED

pytestmark = pytest.mark.timeout(400)

DISK_MIB = 1100
FILLED_TO_BYTES = 40 << 20
GROWN_BYTES = 200 << 20


@pytest.fixture(scope="module")
def skewed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, clocks: Path
) -> Iterator[Patient]:
    """A network of 4 validators whose bridges live by the clocks in `clocks`."""
    folder = tmp_path_factory.mktemp("skewed")
    register(request.config, folder)
    command = windlass_with_clocks(folder, clocks)
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
    said = re.search(r"validator-2's bridge is (\d+) s ahead of the others'", found["sentence"])
    # A block whose round came late is older when it is decided, for some more than for others.
    assert said is not None
    assert 5 <= int(said.group(1)) <= 12
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


@pytest.mark.parametrize(
    ("program", "right", "wrong", "version"),
    [
        ("cometbft", b"0.38.26", b"0.38.19", "0.38.19"),
        # geth puts its version together from three numbers when it starts.
        ("geth", b"%d.%d.%d", b"%d.%d.5+", "1.17.5"),
    ],
)
def test_wrong_binary_version(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    own_binaries: Path,
    program: str,
    right: bytes,
    wrong: bytes,
    version: str,
) -> None:
    """A client that was replaced by another version since `up` is found, with its file's name."""
    register(request.config, tmp_path)
    network = Patient(tmp_path / "net", spec("ward", validators=1, nodes=1, bootnodes=1))
    binary = own_binaries / program
    before = binary.read_bytes()
    try:
        network.up("--timeout", "170")
        _replace(binary, before.replace(right, wrong))
        network.run("restart", "node-0")
        found = network.finding("wrong-binary-version", "node-0")
        assert found["severity"] == "error"
        assert f"node-0 runs {program} {version}, but ward was started with" in found["sentence"]
        assert PINNED[program] in found["sentence"]
        assert str(binary) in found["evidence"]
        _replace(binary, before)
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
    """From how the data of a running network grew within hours it tells when this disk is full."""
    small_disk.is_well()
    state = small_disk.state
    history, grown = state / disk_history.FILE_NAME, state / "grown"
    history.write_text(json.dumps([[time.time() - 8 * 3600, used_bytes(state)]]))
    _allocate(grown, GROWN_BYTES)
    found = small_disk.finding("disk-full-soon")
    assert found["severity"] == "warning"
    assert "is full in " in found["sentence"]
    assert "hours." in found["sentence"]
    assert "in 8 hours" in found["evidence"]
    assert small_disk.examine()["healthy"] is True
    history.unlink()
    grown.unlink()
    small_disk.is_well()


def test_disk_full_soon_before_anything_was_measured(small_disk: Patient) -> None:
    """Room that is short even for an idle network is told of at once and not after hours."""
    filler = small_disk.state.parent / "filler"
    _allocate(filler, _free(small_disk) - growth("solo", 1, 1).daily_bytes)
    found = small_disk.finding("disk-full-soon")
    assert found["severity"] == "warning"
    assert "is full in about 24 hours" in found["sentence"]
    assert "even if nobody uses it" in found["evidence"]
    filler.unlink()
    small_disk.is_well()


def test_disk_full(small_disk: Patient) -> None:
    """On a full disk it says so first of all; once there is room the network goes on by itself."""
    filler = small_disk.state.parent / "filler"
    _allocate(filler, _free(small_disk) - FILLED_TO_BYTES)
    found = small_disk.finding("disk-full")
    assert found["severity"] == "error"
    assert "is full: it has" in found["sentence"]
    assert small_disk.examine()["findings"][0]["code"] == "disk-full"
    filler.unlink()
    small_disk.is_well()


def _free(network: Patient) -> int:
    status = os.statvfs(network.state)
    return status.f_bavail * status.f_frsize


def _allocate(path: Path, count: int) -> None:
    """A file that takes that much room on the disk."""
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, count)


def _replace(path: Path, content: bytes) -> None:
    """Another file under that name: the one that runs can't be written to."""
    new = path.with_name("new")
    new.write_bytes(content)
    new.chmod(0o755)
    new.replace(path)
