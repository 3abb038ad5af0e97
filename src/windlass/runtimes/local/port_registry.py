"""Which of this user's specs has which port: one small file that all of them share.

A free port says nothing about a spec that is stopped or is just starting, so a port belongs to a
spec from the moment it is given out until its data are purged. Whoever gives out ports holds the
file's lock meanwhile. Entries whose state is gone (deleted by hand) are dropped when seen.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from windlass.kit.files import FileError, ensure_directory, read_json, write_atomically
from windlass.runtimes.local.errors import UnusableState
from windlass.runtimes.local.home import user_directory
from windlass.runtimes.local.state import FILE_NAME as STATE_FILE_NAME
from windlass.runtimes.local.state import PortRow

SCHEMA = 1
BYTES_MAX = 8 << 20
LOCK_WAIT_S = 20.0  # its holders look at some hundred ports, also on a machine that is busy


class Claim(msgspec.Struct, frozen=True):
    """A port's owner: a state directory, and network/workload/name within it."""

    state: str
    owner: str


class Content(msgspec.Struct):
    """The file. Keys of `claims` are port numbers."""

    schema: int = SCHEMA
    claims: dict[int, Claim] = {}


def directory() -> Path:
    """$XDG_STATE_HOME/windlass, by default ~/.local/state/windlass.

    Raises UnusableState without a home.
    """
    refusal = UnusableState(
        "This user has no home directory to remember in which spec has which port.",
        "Name a directory in XDG_STATE_HOME.",
    )
    return user_directory("XDG_STATE_HOME", ".local/state", refusal)


class Registry:
    """The open registry; only between entering and leaving `opened` is it true."""

    def __init__(self, path: Path, content: Content) -> None:
        self._path = path
        self._content = content
        self._read = msgspec.json.encode(content)
        for number, claim in list(content.claims.items()):
            if not _is_sound(number, claim) or _is_gone(claim.state):
                del content.claims[number]

    def holder(self, number: int) -> Claim | None:
        """Whose port it is."""
        return self._content.claims.get(number)

    def numbers_of(self, state: Path) -> dict[str, int]:
        """The ports of one state, by network/workload/name."""
        claims = self._content.claims.items()
        return {claim.owner: number for number, claim in claims if claim.state == str(state)}

    def claim(self, state: Path, ports: Iterable[PortRow]) -> None:
        """Makes these the ports of that state, in place of those it had. Raises FileError."""
        claims = {
            n: claim for n, claim in self._content.claims.items() if claim.state != str(state)
        }
        for port in ports:
            owner = f"{port.network}/{port.workload}/{port.name}"
            claims[port.number] = Claim(str(state), owner)
        self._content.claims = claims
        encoded = msgspec.json.encode(self._content)
        if encoded != self._read:
            write_atomically(self._path, encoded, secret=False)
            self._read = encoded


def _is_sound(number: int, claim: Claim) -> bool:
    """Whether it is an entry as `claim` writes it: people can edit the file."""
    return 0 < number < 1 << 16 and claim.owner.count("/") == 2 and claim.state.startswith("/")


def _is_gone(state: str) -> bool:
    """Whether that state surely is no more; one that may not be looked at is there."""
    try:
        (Path(state) / STATE_FILE_NAME).stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: no path at all
        return True
    except OSError:
        return False
    return False


@contextmanager
def opened(wait_s: float = LOCK_WAIT_S) -> Iterator[Registry]:
    """The registry under its lock, which is held for milliseconds at a time.

    Raises FileError, or UnusableState if the lock is not to be had or the file is of a newer
    release.
    """
    folder = directory()
    ensure_directory(folder)
    path = folder / "ports.json"
    lock_path = folder / "ports.lock"
    try:
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileError(folder, f"{folder} cannot be written: {error.strerror}.") from error
    try:
        _lock(lock, lock_path, wait_s)
        yield Registry(path, _read(path))
    finally:
        os.close(lock)


def _lock(descriptor: int, path: Path, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UnusableState(
                    f"Another process has held {path} for more than {wait_s:.0f} s.",
                    f"`fuser {path}` names it; let it go on, or end it.",
                ) from None
            time.sleep(0.01)
        except OSError as error:  # a network's file system may have no locks
            raise FileError(path, f"{path} cannot be locked: {error.strerror}.") from error
        else:
            return


def look() -> Content:
    """What the registry says now, without lock or trace: good for a preview only."""
    return _read(directory() / "ports.json")


def _read(path: Path) -> Content:
    try:
        content = read_json(path, Content, bytes_max=BYTES_MAX)
    except FileError:
        # None yet, or one that cannot be read. It only warns of specs that are stopped: each claims
        # its ports again at its next `up`.
        return Content()
    if content.schema > SCHEMA:
        raise UnusableState(
            f"{path} was written by a newer Windlass (schema {content.schema}, this release knows "
            f"{SCHEMA}).",
            "Use that release or a later one.",
        )
    return content
