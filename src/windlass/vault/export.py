"""All of a vault as one value, how that becomes a vault again, and what the vault knows of it.

Whatever lies in the vault is exported, by relative path: a later release's secrets travel without a
word about them here. What is imported becomes files of an own directory first; only when that is
found whole and sound does it get the vault's name.

exported.json beside the keys notes when what was exported. Keys that came later give another
digest, which is how the doctor and `down --purge` know that they are in no export.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from windlass.kit import json
from windlass.kit.faults import fault_point
from windlass.spec.document import BYTES_MAX as SPEC_BYTES_MAX
from windlass.vault import files
from windlass.vault.errors import VaultCorrupt, VaultError
from windlass.vault.export_errors import ExportNewer, NoKeys, NotAnExport
from windlass.vault.keys import NetworkKeys
from windlass.vault.vault import Vault

SCHEMA = 1
MARK = "vault.json"
NOTE = "exported.json"
FILES_MAX = 20_000
"""Twice the accounts that a network may have."""

BYTES_MAX = 64 << 20
"""Of all files together: several geneses with contracts, and ten thousand keystores."""

SEALED_BYTES_MAX = 2 * BYTES_MAX
"""Of a file to be imported: base64 adds a third, and paths come to it."""

DEPTH_MAX = 8
NAME_BYTES_MAX = 255
PATH_BYTES_MAX = 1024
LISTENERS_MAX = 1024
PORTS_MAX = 16_384

Standing = Literal["none", "never", "stale", "current"]
"""Of a vault: without keys, never exported, with keys that came later, or all of it exported."""


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """Where a workload of the network could be asked when it was exported."""

    network: str
    workload: str
    cometbft_url: str | None = None
    rpc_url: str | None = None


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A port that a workload had; its enode has it, too."""

    network: str
    workload: str
    name: str
    number: int


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the vault; `path` is relative, its parts joined with `/`."""

    path: str
    content: bytes


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What an export holds. `made` is Unix time; `spec` is the spec's file, None if there was none.

    A field that a later release adds and that an earlier one may ignore does not raise `schema`.
    """

    schema: int = SCHEMA
    made: float
    release: str
    files: list[File]
    spec: bytes | None = None
    listeners: list[Listener] = []
    ports: list[Port] = []

    def __repr__(self) -> str:
        return "Content(…)"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """exported.json: `at` is Unix time, `digest` that of the files that were exported."""

    schema: int = files.SCHEMA
    at: float
    digest: str


class _Versioned(msgspec.Struct, frozen=True):
    schema: int


def collect(vault: Path) -> list[File]:
    """Every file of the vault but the note, by path.

    Raises NoKeys, VaultExposed, VaultNewer, VaultCorrupt for what can't be exported, FileError.
    """
    Vault(vault).open()
    if not Vault(vault).networks():
        raise NoKeys(vault)
    found: list[File] = []
    total = 0
    for path in _regular(vault, DEPTH_MAX):
        content = files.read_secret(path)
        if content is None:
            continue  # taken away meanwhile
        total += len(content)
        if len(found) == FILES_MAX or total > BYTES_MAX:
            raise VaultError(
                f"{vault} is larger than an export may be: {FILES_MAX} files of {BYTES_MAX >> 20} "
                "MiB together.",
                "Take away what is not Windlass's own.",
            )
        found.append(File(path=path.relative_to(vault).as_posix(), content=content))
    return found


def _regular(directory: Path, depth: int) -> list[Path]:
    """The files below, without hidden ones: those are none of ours, or what a crash left."""
    files.refuse_exposed(directory)
    found: list[Path] = []
    for path in files.entries(directory):
        if path.name.startswith(".") or path.name == NOTE:
            continue
        if reason := _wrong_name(path.name):
            raise VaultCorrupt(directory, f"it has a file whose name {reason}")
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue  # taken away meanwhile
        if stat.S_ISDIR(mode) and depth > 1:
            found += _regular(path, depth - 1)
        elif stat.S_ISREG(mode):
            found.append(path)
        else:
            raise VaultCorrupt(path, "it is no regular file, and an export has no others")
    return found


def digest(found: list[File]) -> str:
    """One number for all of these. It tells nothing of the secrets: those can't be guessed."""
    whole = hashlib.sha256()
    for one in sorted(found, key=lambda one: one.path):
        whole.update(hashlib.sha256(one.path.encode()).digest())
        whole.update(hashlib.sha256(one.content).digest())
    return whole.hexdigest()


def note_export(vault: Path, found: list[File], at: float) -> None:
    """Remembers that exactly these files are in an export. Raises FileError."""
    note = Note(at=at, digest=digest(found))
    files.write_secret(vault / NOTE, msgspec.json.encode(note) + b"\n")


def noted(vault: Path) -> Note | None:
    """What the vault knows of its last export; a note that can't be read is none."""
    try:
        return files.read_versioned(vault / NOTE, Note)
    except VaultError:
        return None


def standing(vault: Path) -> Standing:
    """Whether an export has all keys of this vault. Raises what `collect` raises but NoKeys."""
    try:
        found = collect(vault)
    except NoKeys:
        return "none"
    note = noted(vault)
    if note is None:
        return "never"
    return "current" if note.digest == digest(found) else "stale"


def decode(path: Path, content: bytes) -> Content:
    """What was in the file at `path`, found harmless. Raises NotAnExport, ExportNewer.

    That it opened says who could write it, not that it means well: nothing in it may lead out of
    the vault.
    """
    try:
        found = json.decode(content, _Versioned).schema
        if found > SCHEMA:
            raise ExportNewer(path, found, SCHEMA)
        whole = json.decode(content, Content)
    except json.JsonError:
        # Without the reason: it may show a part of a key.
        raise NotAnExport(path, "what it holds is not what an export holds") from None
    if reason := _wrong(whole):
        raise NotAnExport(path, reason)
    return whole


def _wrong(content: Content) -> str:
    """What of it no export of ours has, in words; '' if nothing."""
    paths = [one.path for one in content.files]
    if len(paths) > FILES_MAX or sum(len(one.content) for one in content.files) > BYTES_MAX:
        return "it holds too much"
    if MARK not in paths:
        return f"it has no {MARK}"
    known = set(paths)
    if len(known) != len(paths):
        return "it has a file twice"
    for path in paths:
        parts = path.split("/")
        if len(parts) > DEPTH_MAX or len(path.encode("utf-8", "replace")) > PATH_BYTES_MAX:
            return "it has a path that is too long"
        if any(map(_wrong_name, parts)) or path == NOTE:
            return "it has a path that no file of a vault has"
        if any("/".join(parts[:depth]) in known for depth in range(1, len(parts))):
            return "it has a file where it has a directory"
    if content.spec is not None and len(content.spec) > SPEC_BYTES_MAX:
        return "its spec is too large"
    if len(content.listeners) > LISTENERS_MAX or len(content.ports) > PORTS_MAX:
        return "it names too many addresses"
    numbers = [port.number for port in content.ports]
    owners = {(port.network, port.workload, port.name) for port in content.ports}
    if len(set(numbers)) != len(numbers) or len(owners) != len(numbers):
        return "it has a port twice"
    if not all(0 < number < 1 << 16 for number in numbers):
        return "it has a port that is none"
    return ""


def _wrong_name(name: str) -> str:
    """Why a file of a vault can't be called so; '' if it can."""
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "is not UTF-8"
    if not 0 < length <= NAME_BYTES_MAX:
        return "is empty or too long"
    if name.startswith(".") or "/" in name or not name.isprintable():
        return "has characters that it may not have"
    return ""


def unpack(content: Content, directory: Path, source: Path) -> dict[str, NetworkKeys]:
    """Makes a vault of it in a directory that is not there yet, and returns its networks' keys.

    Networks that were not complete when they were exported are not among those. Raises NotAnExport
    if it is no vault that could be used, FileError.
    """
    files.make_directory(directory)
    made = {directory}
    for one in sorted(content.files, key=lambda one: one.path):
        path = directory / one.path
        for parent in reversed(path.relative_to(directory).parents):
            if directory / parent not in made:
                files.make_directory(directory / parent)
                made.add(directory / parent)
        files.write_secret(path, one.content)
        fault_point("import-file")
    note_export(directory, content.files, content.made)
    try:
        return complete(directory)
    except VaultError as error:
        raise NotAnExport(source, f"its keys can't be used ({error.sentence})") from error


def complete(directory: Path) -> dict[str, NetworkKeys]:
    """The keys of the vault's networks, without those that were never made to the end."""
    vault = Vault(directory)
    found = {name: vault.existing(name) for name in vault.networks()}
    return {name: keys for name, keys in found.items() if keys is not None}


def validators(networks: Mapping[str, NetworkKeys]) -> dict[str, str]:
    """network/workload by the CometBFT address of each key of these."""
    return {
        keys.validator_key(workload).address: f"{name}/{workload}"
        for name, keys in networks.items()
        for workload, identity in keys.identities.items()
        if identity.validator_key
    }
