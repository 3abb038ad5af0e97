"""`windlass binaries verify` on a cache with a damaged program."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Told
from windlass.runtimes.local.binaries.store import Manifest, Store, sha256

VERSION = "1.17.8"


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only program in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store = Store(tmp_path / "cache" / "windlass")
    with store.workspace(keep=False) as work:
        built = work / "geth"
        built.write_bytes(b"#!/bin/sh\necho hello\n")
        built.chmod(0o755)
        manifest = Manifest(
            schema=1,
            program="geth",
            version=VERSION,
            sha256=sha256(built),
            bytes_count=built.stat().st_size,
            modified_ns=built.stat().st_mtime_ns,
            go="1.26.6",
            cgo=False,
            sums="recorded",
        )
        return store.add(built, manifest).path


def test_a_whole_program_needs_nothing(cached: Path, call: Callable[..., Told]) -> None:
    """It is as it was built, and nothing is to be done."""
    assert call("binaries", "verify") == (0, f"geth {VERSION}: as it was built\n", "")


def test_a_damaged_program_is_told_with_the_cure(cached: Path, call: Callable[..., Told]) -> None:
    """The command that is named removes exactly that program; exit code 1, also with --json."""
    cached.write_bytes(cached.read_bytes() + b"more\n")
    told = call("binaries", "verify")
    assert told.code == 1
    cure = re.search(r"`(windlass binaries remove [^`]*)`", told.out)
    assert cure
    assert "`windlass up`" in told.out
    verdicts = call("binaries", "verify", "--json")
    assert verdicts.code == 1
    assert [one["version"] for one in json.loads(verdicts.out)["binaries"]] == [VERSION]

    assert call(*shlex.split(cure.group(1))[1:]).out == f"deleted {cached}\n"
    assert call("binaries", "verify") == (0, "The cache is empty.\n", "")
