"""Programs on the path. The small scripts are input: what a stranger's program might say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass.runtimes.local.binaries.catalogue import PINNED, PROGRAMS
from windlass.runtimes.local.binaries.finder import find_on_path, installed_version

GETH = PROGRAMS["geth"]
COMETBFT = PROGRAMS["cometbft"]


def script(folder: Path, name: str, body: str) -> Path:
    """An executable shell script in that folder."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def geth_saying(folder: Path, version: str) -> Path:
    """A script that says it is a geth of that version, in geth's words."""
    return script(folder, "geth", f"printf 'Geth\\nVersion: {version}\\nArchitecture: amd64\\n'")


def use_path(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """PATH has these folders and the shell's."""
    monkeypatch.setenv("PATH", os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"]))


def test_reads_the_real_programs(geth_binary: Path, cometbft_binary: Path) -> None:
    """The pinned programs say the versions that they are pinned as."""
    assert installed_version(GETH, geth_binary) == PINNED["geth"]
    assert installed_version(COMETBFT, cometbft_binary) == PINNED["cometbft"]


def test_is_not_misled_by_the_environment(
    geth_binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that geth would read as a flag does not keep its version from being read."""
    monkeypatch.setenv("GETH_VERBOSITY", "loud")

    assert installed_version(GETH, geth_binary) == PINNED["geth"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("1.17.8-stable", "1.17.8"),
        ("1.17.8-stable-0f0e0d0c", "1.17.8"),
        ("1.17.12", "1.17.12"),
        ("1.17.9-unstable-0f0e0d0c", None),
        ("1.17", None),
        ("who knows", None),
    ],
)
def test_only_released_versions_count(tmp_path: Path, said: str, found: str | None) -> None:
    """What says that it was built from a branch, or nothing clear, is no version."""
    assert installed_version(GETH, geth_saying(tmp_path, said)) == found


@pytest.mark.parametrize(
    "body",
    ["exit 1", "echo 'Version: 1.17.8-stable'; exit 3", "head -c 100000 /dev/zero", "sleep 60"],
)
def test_bad_programs_have_no_version(tmp_path: Path, body: str) -> None:
    """Failing, babbling and hanging programs are passed over in bounded time."""
    assert installed_version(GETH, script(tmp_path, "geth", body), timeout_s=0.5) is None


def test_takes_the_first_that_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unfit program earlier on the path does not hide a fit one behind it."""
    geth_saying(tmp_path / "old", "1.13.15-stable")
    newer = geth_saying(tmp_path / "new", "1.17.9-stable")
    use_path(monkeypatch, tmp_path / "old", tmp_path / "new")

    found = find_on_path(GETH, "1.17.8")

    assert found is not None
    assert (found.path, found.version, found.origin) == (newer, "1.17.9", "path")


def test_nothing_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing, an older and a not executable program are all no answer."""
    use_path(monkeypatch, tmp_path / "a", tmp_path / "missing")
    assert find_on_path(GETH, "1.17.8") is None
    geth_saying(tmp_path / "a", "1.17.7-stable")
    assert find_on_path(GETH, "1.17.8") is None
    geth_saying(tmp_path / "a", "1.17.8-stable").chmod(0o644)
    assert find_on_path(GETH, "1.17.8") is None


def test_the_current_directory_is_not_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty entry of PATH does not run what happens to lie here."""
    geth_saying(tmp_path, "1.17.8-stable")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin::/bin:")

    assert find_on_path(GETH, "1.17.8") is None
