"""Files that are there whole or not at all, and reading of files that others may have touched."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import TypeVar

from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.kit.json import JsonError

T = TypeVar("T")

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What file systems without hard links answer, such as those of most memory sticks."""


class FileError(WindlassError):
    """A file cannot be read or written, or does not hold what it should."""

    code = "file"

    def __init__(self, path: Path, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence, next_step)
        self.path = path


def ensure_directory(path: Path, mode: int = 0o700) -> None:
    """Makes the directory and those above it; what exists keeps its mode. Raises FileError."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(path, f"{path} cannot be made: {_reason(error)}.") from error


def write_atomically(path: Path, content: bytes, *, secret: bool) -> None:
    """Replaces the file so that a crash at any moment leaves the old or the new content.

    A temporary file beside it is synced to disk and renamed over it, then the directory is synced.
    The mode is 0600 if it is secret, else 0644, from the first byte on. Raises FileError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    mode = 0o600 if secret else 0o644
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, mode)  # whatever the umask says
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            temporary.rename(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        _sync_directory(path.parent)
    except OSError as error:
        raise FileError(
            path,
            f"{path} cannot be written: {_reason(error)}.",
            "See whether the disk is full and who owns the directory.",
        ) from error


def write_new(path: Path, content: bytes, *, secret: bool) -> None:
    """Makes the file whole or not at all, and never replaces one that is there.

    Raises FileExistsError, FileError. The mode is as with `write_atomically`, less what the umask
    takes away: some file systems refuse to change it.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o600 if secret else 0o644)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            _name_once(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
        _sync_directory(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise FileError(
            path,
            f"{path} cannot be written: {_reason(error)}.",
            "See whether its directory is there, whose it is, and whether the disk is full.",
        ) from error


def _name_once(temporary: Path, path: Path) -> None:
    """Gives the file its name; a link is refused where the name is taken, a rename is not."""
    try:
        path.hardlink_to(temporary)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        temporary.rename(path)


def move_directory(source: Path, target: Path) -> None:
    """Gives a directory, which is synced to disk, its name at once. Raises FileError.

    Refused if there is anything but an empty directory under that name.
    """
    try:
        _sync_directory(source)
        source.rename(target)
        _sync_directory(target.parent)
    except OSError as error:
        raise FileError(target, f"{target} cannot be made: {_reason(error)}.") from error


def read_regular(path: Path, *, bytes_max: int) -> tuple[bytes, int]:
    """The whole content and the permission bits of a file that a person named.

    Nothing is waited for: a pipe, a terminal or a device is refused as what it is. Raises
    FileError.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise FileError(path, f"{path} is no regular file.", "Name the file itself.")
            content = file.read(bytes_max + 1)
    except IsADirectoryError as error:
        raise FileError(path, f"{path} is a directory.", "Name the file itself.") from error
    except OSError as error:
        raise FileError(path, f"{path} cannot be read: {_reason(error)}.") from error
    if len(content) > bytes_max:
        raise FileError(path, f"{path} is larger than the {bytes_max} bytes it may have.")
    return content, stat.S_IMODE(mode)


def read_bytes(path: Path, *, bytes_max: int) -> bytes:
    """The whole content. Raises FileError if it is missing, unreadable or longer."""
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise FileError(path, f"{path} cannot be read: {_reason(error)}.") from error
    if len(content) > bytes_max:
        raise FileError(path, f"{path} is larger than the {bytes_max} bytes it may have.")
    return content


def read_hex(path: Path, *, length: int) -> bytes:
    """Bytes written as hex digits, with or without 0x, as in key and JWT files.

    Raises FileError, whose text never shows the content.
    """
    text = read_bytes(path, bytes_max=4096).strip().removeprefix(b"0x")
    try:
        value = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        value = b""
    if len(value) != length or len(text) != 2 * length:
        raise FileError(path, f"{path} does not hold {2 * length} hex digits.")
    return value


def read_json(path: Path, kind: type[T], *, bytes_max: int = 1 << 20) -> T:
    """The content as that type, checked strictly. Raises FileError."""
    content = read_bytes(path, bytes_max=bytes_max)
    try:
        return json.decode(content, kind)
    except JsonError as error:
        raise FileError(path, f"{path} does not hold what it should: {error}.") from error


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
