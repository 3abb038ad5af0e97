"""The cache: what is in it is whole, and damage is seen."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass.runtimes.local.binaries.errors import CacheError
from windlass.runtimes.local.binaries.models import Binary
from windlass.runtimes.local.binaries.store import Manifest, Store, sha256


def add(store: Store, program: str = "geth", version: str = "1.17.8") -> Binary:
    """Puts a small program into the cache as a build does."""
    with store.workspace(keep=False) as work:
        built = work / program
        built.write_bytes(b"#!/bin/sh\necho hello\n" * 100)
        built.chmod(0o755)
        status = built.stat()
        manifest = Manifest(
            schema=1,
            program=program,
            version=version,
            sha256=sha256(built),
            bytes_count=status.st_size,
            modified_ns=status.st_mtime_ns,
            go="1.26.6",
            cgo=False,
            sums="recorded",
        )
        return store.add(built, manifest)


def flip_a_byte(path: Path) -> None:
    """Changes one byte and nothing else, not even the size."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_gives_back_what_was_added(tmp_path: Path) -> None:
    """A program is found by name and version, can be run, and is what was built."""
    store = Store(tmp_path)
    added = add(store)

    assert store.find("geth", "1.17.8") == added
    assert store.find("geth", "1.17.7") is None
    assert store.list() == (added,)
    assert added.sha256 == sha256(added.path)
    assert os.access(added.path, os.X_OK)
    assert [one.problem for one in store.verify()] == [None]
    assert not (tmp_path / "work").exists()


def test_sees_a_flipped_byte(tmp_path: Path) -> None:
    """A changed program is reported, and never handed out."""
    store = Store(tmp_path)
    added = add(store)
    flip_a_byte(added.path)

    (verdict,) = store.verify()
    assert verdict.binary == added
    assert "SHA-256" in (verdict.problem or "")
    assert store.find("geth", "1.17.8") is None


def test_sees_a_cut_off_and_a_missing_file(tmp_path: Path) -> None:
    """Too short or gone: reported in words, and never handed out."""
    store = Store(tmp_path)
    added = add(store)
    with added.path.open("r+b") as file:
        file.truncate(10)
    assert store.find("geth", "1.17.8") is None
    assert "10 bytes" in (store.verify()[0].problem or "")
    added.path.unlink()
    assert store.find("geth", "1.17.8") is None
    assert "cannot be read" in (store.verify()[0].problem or "")


def test_a_copy_of_the_cache_is_as_good(tmp_path: Path) -> None:
    """A program whose time changed but not its content is still handed out."""
    store = Store(tmp_path)
    added = add(store)
    os.utime(added.path, (1, 1))

    assert store.find("geth", "1.17.8") == added


def test_damaged_programs_are_replaced(tmp_path: Path) -> None:
    """Adding again heals what was damaged."""
    store = Store(tmp_path)
    flip_a_byte(add(store).path)
    add(store)

    assert [one.problem for one in store.verify()] == [None]


def test_removes_what_matches(tmp_path: Path) -> None:
    """By program and version, or everything; nothing of it is left."""
    store = Store(tmp_path)
    geth, comet = add(store), add(store, "cometbft", "0.38.26")

    assert store.remove("geth", "1.17.7") == ()
    assert store.remove("geth", None) == (geth,)
    assert store.list() == (comet,)
    assert store.remove(None, None) == (comet,)
    assert store.list() == ()
    assert list((tmp_path / "binaries").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": 1}', b"\xff\xfe", b"[]" * 100_000])
def test_a_bad_manifest_is_no_program(tmp_path: Path, content: bytes) -> None:
    """What cannot be read as a manifest vouches for nothing."""
    store = Store(tmp_path)
    (add(store).path.parent / "manifest.json").write_bytes(content)

    assert store.list() == ()
    assert store.find("geth", "1.17.8") is None


def test_leftovers_of_a_killed_build_go(tmp_path: Path) -> None:
    """The next build starts from nothing, whatever the last one left."""
    store = Store(tmp_path)
    (tmp_path / "work" / "geth-1.17.8-1").mkdir(parents=True)

    with store.workspace(keep=False) as work:
        assert list(work.iterdir()) == []


def test_a_cache_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A file in the way is an error that says what to do."""
    (tmp_path / "cache").write_text("in the way")

    with (
        pytest.raises(CacheError, match="cannot be used"),
        Store(tmp_path / "cache").locked(lambda: None),
    ):
        pass
