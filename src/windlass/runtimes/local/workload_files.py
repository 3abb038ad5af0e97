"""Writes the files of workloads, and can put back what was there before.

What is written here can be made again from the spec and the vault, and every `up` compares it, so
it is not synced to disk: sixty files would cost a fifth of the time to the first block. The
exception are files marked `once`, which their process goes on writing: they are synced, and one
that is lost after the process has run is never made again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterable
from pathlib import Path

from windlass.kit.files import FileError, write_atomically
from windlass.plan.workload import File, Workload
from windlass.runtimes.local.errors import ChainMissing, SigningRecordMissing


class Writer:
    """Writes files and remembers the contents that it replaced."""

    def __init__(self) -> None:
        self._before: list[tuple[File, bytes | None]] = []

    def write(self, workloads: Iterable[Workload], ran: Collection[str] = ()) -> None:
        """Makes the directories and files of these workloads what they should be, leaving alone
        what is so already.

        `ran` are those that were ever started, by network/name. Raises FileError, and before
        anything is written SigningRecordMissing and ChainMissing.
        """
        workloads = list(workloads)
        for workload in workloads:
            _refuse_lost(workload, workload.key in ran)
        for workload in workloads:
            for place in (Path(workload.directory), *(Path(f.path).parent for f in workload.files)):
                _make_directory(place)
            for file in workload.files:
                found = _read(Path(file.path))
                if found is None or _differs(file, found):
                    _write(file, file.content)
                    self._before.append((file, found))
                else:
                    _restrict(file)

    def undo(self) -> None:
        """Puts back what was replaced; files that were new stay, nobody reads them."""
        for file, found in reversed(self._before):
            if found is not None:
                _write(file, found)
        self._before.clear()


def is_tampered(workload: Workload) -> bool:
    """Whether a file that this workload was started with is there and is not what it should be.
    Raises FileError."""
    return any(
        _differs(file, found)
        for file in workload.files
        if not file.live and (found := _read(Path(file.path))) is not None
    )


def _differs(file: File, found: bytes) -> bool:
    return not file.once and found != file.content


def _refuse_lost(workload: Workload, has_run: bool) -> None:
    data = Path(workload.directory)
    if workload.role == "sealer" and has_run and not data.exists():
        raise ChainMissing(data, workload.key)
    if workload.role != "validator":
        return  # the votes of all others count for nothing
    for path in (Path(file.path) for file in workload.files if file.once):
        # The databases beside it are the proof that is left when the state was begun anew.
        if not path.exists() and (has_run or any(path.parent.glob("*.db"))):
            raise SigningRecordMissing(path, workload.key)


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
    if file.once:
        write_atomically(path, content, secret=file.secret)
        return
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
