"""One command at a time per state: a lock that dies with its holder and says who that is.

The kernel frees a `flock` when the holder ends, however it ends, so there are no stale locks. The
file's content is for people only and may be old: it is read only when the lock is held.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from windlass.kit import json
from windlass.runtimes.local.errors import Busy, UnusableState

FILE_NAME = "lock"
SUPERVISOR_FILE_NAME = "supervisor.lock"  # held by the supervisor for as long as it lives


class Holder(msgspec.Struct):
    """Who holds the lock; `started` is local time for people."""

    pid: int
    command: str
    started: str


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Holds the state's lock inside the block. Raises Busy at once if another command has it.

    The directory is made if it is missing, and taken away again if nothing came into it.
    """
    path = directory / FILE_NAME
    descriptor = _locked(directory, path)
    try:
        _write(descriptor)
        yield
    finally:
        _forget_if_empty(directory, path)
        os.close(descriptor)


def _locked(directory: Path, path: Path) -> int:
    try:
        while True:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The holder before us may have deleted the file between our open and our lock.
                if _is_file_of(path, descriptor):
                    return descriptor
            except BlockingIOError:
                holder = _read(descriptor)
                os.close(descriptor)
                raise Busy(holder.pid, holder.command, holder.started) from None
            os.close(descriptor)
    except OSError as error:
        raise UnusableState.refused(directory, error) from error


def _write(descriptor: int) -> None:
    name = Path(sys.argv[0]).name or "windlass"
    command = shlex.join([name, *sys.argv[1:]])[:500]
    started = time.strftime("%Y-%m-%d %H:%M:%S")
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(Holder(os.getpid(), command, started)), 0)
    except OSError:
        pass  # a full disk must not keep anyone from stopping the network


def _read(descriptor: int) -> Holder:
    try:
        return json.decode(os.pread(descriptor, 4096, 0), Holder)
    except json.JsonError:  # its holder is just writing it
        return Holder(0, "windlass", "just now")


def _is_file_of(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _forget_if_empty(directory: Path, path: Path) -> None:
    with contextlib.suppress(OSError):
        if [entry.name for entry in os.scandir(directory)] == [path.name]:
            path.unlink()
            directory.rmdir()
