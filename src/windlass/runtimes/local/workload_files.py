"""Writes the files of workloads, and can put back what was there before.

What is written here can always be made again from the spec and the vault, and every `up` compares
it, so nothing is synced to disk: sixty files would cost a fifth of the time to the first block.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from windlass.kit.files import FileError
from windlass.plan.workload import File, Workload


class Writer:
    """Writes files and remembers the contents that it replaced."""

    def __init__(self) -> None:
        self._before: list[tuple[File, bytes | None]] = []

    def write(self, workloads: Iterable[Workload]) -> None:
        """Makes the directories and files of these workloads what they should be, leaving alone
        what is so already. Raises FileError."""
        for workload in workloads:
            for place in (Path(workload.directory), *(Path(f.path).parent for f in workload.files)):
                _make_directory(place)
            for file in workload.files:
                found = _read(Path(file.path))
                if found is None or (not file.once and found != file.content):
                    _write(file, file.content)
                    self._before.append((file, found))
                else:
                    _restrict(file)

    def rewrote(self, workload: Workload) -> bool:
        """Whether a file of this workload was there and was not what it should have been."""
        replaced = {file.path for file, found in self._before if found is not None}
        return any(file.path in replaced for file in workload.files)

    def undo(self) -> None:
        """Puts back what was replaced; files that were new stay, nobody reads them."""
        for file, found in reversed(self._before):
            if found is not None:
                _write(file, found)
        self._before.clear()


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(path, f"{path} cannot be made: {error.strerror}.") from error


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(path, f"{path} cannot be read: {error.strerror}.") from error


def _write(file: File, content: bytes) -> None:
    path = Path(file.path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, _mode(file))
        with os.fdopen(descriptor, "wb") as opened:
            os.fchmod(descriptor, _mode(file))  # whatever the umask says
            opened.write(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise FileError(
            path, f"{path} cannot be written: {error.strerror}.", "See whether the disk is full."
        ) from error


def _restrict(file: File) -> None:
    """A secret that someone opened to others is closed again."""
    if file.secret and not file.once:
        path = Path(file.path)
        if path.stat().st_mode & 0o077:
            path.chmod(_mode(file))


def _mode(file: File) -> int:
    return 0o600 if file.secret else 0o644
