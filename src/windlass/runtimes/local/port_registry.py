"""Which of this user's specs has which port: one small file that all of them share.

A free port says nothing about a spec that is stopped or is just starting, so a port belongs to a
spec from the moment it is given out until its data are purged. Whoever gives out ports holds the
file's lock meanwhile. Entries whose state is gone (deleted by hand) are dropped when seen.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from windlass.kit.files import FileError, ensure_directory, read_json, write_atomically
from windlass.runtimes.local.errors import UnusableState
from windlass.runtimes.local.state import FILE_NAME as STATE_FILE_NAME
from windlass.runtimes.local.state import PortRow

SCHEMA = 1
BYTES_MAX = 8 << 20


class Claim(msgspec.Struct, frozen=True):
    """A port's owner: a state directory, and network/workload/name within it."""

    state: str
    owner: str


class Content(msgspec.Struct):
    """The file. Keys of `claims` are port numbers."""

    schema: int = SCHEMA
    claims: dict[int, Claim] = {}


def directory() -> Path:
    """$XDG_STATE_HOME/windlass, by default ~/.local/state/windlass."""
    home = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a relative path is invalid and ignored.
    base = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    return base / "windlass"


class Registry:
    """The open registry; only between entering and leaving `opened` is it true."""

    def __init__(self, path: Path, content: Content) -> None:
        self._path = path
        self._content = content
        self._read = msgspec.json.encode(content)
        for number, claim in list(content.claims.items()):
            if not (Path(claim.state) / STATE_FILE_NAME).exists():
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


@contextmanager
def opened() -> Iterator[Registry]:
    """The registry under its lock, which is held for milliseconds at a time. Raises FileError or,
    if the file is of a newer release, UnusableState."""
    folder = directory()
    ensure_directory(folder)
    path = folder / "ports.json"
    try:
        lock = os.open(folder / "ports.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FileError(folder, f"{folder} cannot be written: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Registry(path, _read(path))
    finally:
        os.close(lock)


def look() -> Content:
    """What the registry says now, without lock or trace: good for a preview only."""
    return _read(directory() / "ports.json")


def _read(path: Path) -> Content:
    if not path.exists():
        return Content()
    try:
        content = read_json(path, Content, bytes_max=BYTES_MAX)
    except FileError:
        # It only warns of specs that are stopped: each claims its ports again at its next `up`.
        return Content()
    if content.schema > SCHEMA:
        raise UnusableState(
            f"{path} was written by a newer Windlass (schema {content.schema}, this release knows "
            f"{SCHEMA}).",
            "Use that release or a later one.",
        )
    return content
