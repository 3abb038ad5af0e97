"""The cache of built programs: a folder each, with a manifest that says what must be in it.

A folder appears and disappears by one rename, so that whoever looks sees a whole program or none.
Layout below the cache: `binaries/geth-1.17.8-linux-x86_64/{geth,manifest.json}`; `work` holds what
a running build needs; `lock` lets one build run at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from windlass.kit.files import FileError, ensure_directory, read_json, write_atomically
from windlass.runtimes.local.binaries.errors import CacheError
from windlass.runtimes.local.binaries.models import Binary, Verdict

LOCK_POLL_S = 0.5
MANIFEST_BYTES_MAX = 64 << 10
DELETE_ATTEMPTS = 3
_REMOVED = "removed-"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What was built, how, and what its file must hash to. `cgo`: whether C was compiled in.

    `modified_ns` is the file's time when it was hashed: as long as it is unchanged, so is the file.
    """

    schema: int
    program: str
    version: str
    sha256: str
    bytes_count: int
    modified_ns: int
    go: str
    cgo: bool
    sums: str


class Store:
    """The programs in one cache directory."""

    def __init__(self, cache: Path) -> None:
        self.cache = cache
        self._binaries = cache / "binaries"

    def find(self, program: str, version: str) -> Binary | None:
        """The program as it was built; None if it is missing or no longer what it was."""
        binary = self._read(self._folder(program, version))
        return binary if binary and self._is_unchanged(binary) else None

    def list(self) -> tuple[Binary, ...]:
        """All programs in the cache, also those that `verify` would complain about."""
        if not self._binaries.is_dir():
            return ()
        found = (self._read(folder) for folder in sorted(self._binaries.iterdir()))
        return tuple(binary for binary in found if binary)

    def verify(self) -> tuple[Verdict, ...]:
        """Reads every program again and compares it with its manifest."""
        return tuple(Verdict(binary=one, problem=_problem(one)) for one in self.list())

    def remove(self, program: str | None, version: str | None) -> tuple[Binary, ...]:
        """Deletes the programs that match, None matching all; returns them."""
        removed = []
        for binary in self.list():
            if program in (None, binary.program) and version in (None, binary.version):
                self._discard(binary.path.parent)
                removed.append(binary)
        return tuple(removed)

    def add(self, built: Path, manifest: Manifest) -> Binary:
        """Moves a built program into the cache; it must be on the cache's disk. Atomic."""
        staging = built.parent / "staging"
        target = self._folder(manifest.program, manifest.version)
        try:
            ensure_directory(self._binaries)
            staging.mkdir()
            built.rename(staging / manifest.program)
            write_atomically(
                staging / "manifest.json", msgspec.json.encode(manifest) + b"\n", secret=False
            )
            if target.exists():
                self._discard(target)
            staging.rename(target)
        except OSError as error:
            raise CacheError(
                f"{target} cannot be written: {error.strerror}.", "See who owns the directory."
            ) from error
        return _binary(target, manifest)

    @contextmanager
    def locked(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Holds the cache for one build; `waiting` is called while another one holds it."""
        try:
            ensure_directory(self.cache)
            file = (self.cache / "lock").open("ab")
        except (OSError, FileError) as error:
            raise CacheError(
                f"{self.cache} cannot be used as a cache: {error}",
                "Name another directory in XDG_CACHE_HOME.",
            ) from error
        with file:
            # Bounded by the other build, whose steps all end; the kernel frees a dead one's lock.
            while not _lock(file.fileno()):
                waiting()
                time.sleep(LOCK_POLL_S)
            yield

    @contextmanager
    def workspace(self, *, keep: bool) -> Iterator[Path]:
        """A folder for one build, gone afterwards unless `keep`; only under the lock.

        What a killed build left behind is deleted first.
        """
        folder = self.cache / "work"
        if not keep:
            self._discard(folder)
        ensure_directory(folder)
        try:
            yield folder
        finally:
            if not keep:
                self._discard(folder)
            self._sweep()

    def _folder(self, program: str, version: str) -> Path:
        # One home directory may serve machines of several kinds.
        return self._binaries / f"{program}-{version}-{sys.platform}-{platform.machine()}"

    def _read(self, folder: Path) -> Binary | None:
        try:
            manifest = read_json(folder / "manifest.json", Manifest, bytes_max=MANIFEST_BYTES_MAX)
        except FileError:
            return None
        return _binary(folder, manifest)

    def _is_unchanged(self, binary: Binary) -> bool:
        """Compares sums only if size or time say that the file may have changed.

        Two programs take 0.1 s to hash here and ten times that on a small board, at each start.
        """
        try:
            status = binary.path.stat()
            manifest = read_json(
                binary.path.parent / "manifest.json", Manifest, bytes_max=MANIFEST_BYTES_MAX
            )
        except (OSError, FileError):
            return False
        same = (status.st_size, status.st_mtime_ns) == (manifest.bytes_count, manifest.modified_ns)
        return same or _problem(binary) is None

    def _discard(self, folder: Path) -> None:
        """Takes a folder away by one rename, then deletes it."""
        if folder.exists():
            folder.rename(self.cache / f"{_REMOVED}{secrets.token_hex(6)}")
            self._sweep()

    def _sweep(self) -> None:
        """Deletes what was taken away. What a dying tool still writes to goes the next time."""
        for folder in self.cache.glob(f"{_REMOVED}*"):
            for _ in range(DELETE_ATTEMPTS):
                shutil.rmtree(folder, ignore_errors=True)


def sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _binary(folder: Path, manifest: Manifest) -> Binary:
    return Binary(
        program=manifest.program,
        version=manifest.version,
        path=folder / manifest.program,
        origin="cache",
        bytes_count=manifest.bytes_count,
        sha256=manifest.sha256,
    )


def _problem(binary: Binary) -> str | None:
    """What is wrong with the file, None if it is what was built."""
    try:
        size = binary.path.stat().st_size
        if size != binary.bytes_count:
            return f"it has {size} bytes, {binary.bytes_count} were built"
        found = sha256(binary.path)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    if found != binary.sha256:
        return f"its SHA-256 is {found}, {binary.sha256} was built"
    return None if os.access(binary.path, os.X_OK) else "it is not executable"


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
