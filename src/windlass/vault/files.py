"""The vault's files on disk: closed to others, versioned, and written whole or not at all.

    vault.json                  {"schema": 1}: what may open this vault
    NETWORK/identities.json     the secrets of all workloads of a network
    NETWORK/secrets.json        the secrets of the network as a whole
    NETWORK/passphrase          what the keystores are encrypted with
    NETWORK/keystore/UTC--…     one Web3 Secret Storage file per account
    NETWORK/genesis.json        block 0 and what it was made from; written last

Every file appears by one atomic rename, and each is of use without those after it, so a crash
between any two leaves a vault that the next start completes with the identities already made.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from windlass.kit import json
from windlass.kit.files import FileError, ensure_directory, read_bytes, write_atomically
from windlass.vault.errors import VaultCorrupt, VaultExposed, VaultNewer

SCHEMA = 1
BYTES_MAX = 16 << 20
"""Of one file. A genesis with forty contracts has 2 MB."""

T = TypeVar("T")
Write = Callable[[Path, bytes], None]


class _Versioned(msgspec.Struct, frozen=True):
    schema: int


def write_secret(path: Path, content: bytes) -> None:
    """Replaces the file atomically, mode 0600. Raises FileError."""
    write_atomically(path, content, secret=True)


def make_directory(path: Path) -> None:
    """Makes the directory if needed and refuses one that others can look into."""
    ensure_directory(path, 0o700)
    refuse_exposed(path)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """vault.json."""

    schema: int = SCHEMA


def prepare(vault: Path, network: str, write: Write) -> None:
    """Makes the directories of a network. The mark comes first: without it, there is no vault."""
    make_directory(vault)
    remove_unfinished(vault)
    if not (vault / "vault.json").exists():
        write(vault / "vault.json", msgspec.json.encode(Mark()) + b"\n")
    for place in (vault / network, vault / network / "keystore"):
        make_directory(place)
        remove_unfinished(place)


def refuse_exposed(path: Path) -> None:
    """Raises VaultExposed if group or others have any right on it, FileError if it is not there."""
    found = mode(path)
    if found is None:
        raise FileError(path, f"{path} is not there any more.")
    if found & 0o077:
        raise VaultExposed(path, found)


def entries(directory: Path) -> list[Path]:
    """What lies in the directory, by name; nothing if it is none. Raises FileError."""
    try:
        return sorted(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise FileError(directory, f"{directory} can't be read: {error.strerror}.") from error


def mode(path: Path) -> int | None:
    """The permission bits, or None if there is nothing. Raises FileError."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FileError(
            path, f"{path} can't be read: {error.strerror}.", "Does it belong to this user?"
        ) from error


def read_secret(path: Path) -> bytes | None:
    """The content, or None if there is no such file. Raises VaultExposed, FileError."""
    if mode(path) is None:
        return None
    refuse_exposed(path)
    return read_bytes(path, bytes_max=BYTES_MAX)


def read_versioned(path: Path, as_type: type[T]) -> T | None:
    """A JSON file with `schema` as `as_type`, or None if there is none.

    Raises VaultNewer before anything else is looked at, VaultCorrupt, VaultExposed, FileError.
    """
    content = read_secret(path)
    if content is None:
        return None
    try:
        found = json.decode(content, _Versioned).schema
        if found > SCHEMA:
            raise VaultNewer(path, found, SCHEMA)
        return json.decode(content, as_type)
    except json.JsonError as error:
        # Only the place is told: the text around it may be a key.
        cause = error.__cause__
        reason = str(cause) if isinstance(cause, msgspec.ValidationError) else "it is no JSON"
        raise VaultCorrupt(path, reason) from None


def remove_unfinished(directory: Path) -> None:
    """Deletes what a crash left of a write: a temporary file, which may hold a secret."""
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(directory):
            if entry.name.startswith(".") and entry.name.endswith(".tmp"):
                Path(entry.path).unlink(missing_ok=True)
