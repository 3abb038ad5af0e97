"""Writes all keys of a state into one encrypted file, with what is needed to make its folder again.

Beside the vault that is the text of the spec; the ports, since an enode and what applications were
told have them; and where the network's programs listen, so that an import can ask them whether they
still run. All of it is in the encrypted part.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import msgspec

import windlass
from windlass.kit.errors import UsageError, WindlassError
from windlass.kit.files import FileError, read_regular, write_new
from windlass.runtimes.local import lock
from windlass.runtimes.local.errors import BrokenState, NoState, disk_full_as_refusal
from windlass.runtimes.local.place import Place, opened
from windlass.spec.document import BYTES_MAX as SPEC_BYTES_MAX
from windlass.vault import export, sealing
from windlass.vault.export import Content, Listener, Port
from windlass.vault.export_errors import ExportExists, NoKeys
from windlass.vault.vault import Vault


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written. `warnings` are sentences about what is not in it or not noted."""

    path: Path
    networks: list[str]
    files: int
    warnings: list[str]


def vault_of(place: Place) -> Path:
    """The vault of that place, also where only the vault is left of its state.

    Raises NoKeys, ForeignState, and what else opening the state raises but BrokenState: the keys
    are not in the database.
    """
    vault = place.state / "vault"
    with contextlib.suppress(NoState, BrokenState):
        opened(place).close()
    if not Vault(vault).networks():
        raise NoKeys(vault)
    return vault


def default_name(place: Place) -> str:
    """A name that no export of this spec had before: SPEC-TIME.keys, the time in UTC."""
    return f"{place.spec_path.stem}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.keys"


def refuse_target(place: Place, target: Path) -> None:
    """Raises ExportExists, UsageError for a file that can't be or should not be written."""
    if target.is_symlink() or target.exists():
        raise ExportExists(target)
    if not target.parent.is_dir():
        raise UsageError(f"There is no directory {target.parent}.", "Make it, or name another.")
    if target.resolve().is_relative_to(place.state):
        raise UsageError(
            f"{target} would lie among the data that it is a copy for.",
            "Write it elsewhere, best onto another disk.",
        )


def export_keys(place: Place, target: Path, passphrase: str) -> Exported:
    """Writes the file, then notes in the vault what is in it.

    Raises what `vault_of`, `refuse_target` and `collect` raise, WeakPassphrase, Busy, FileError.
    """
    refuse_target(place, target)
    sealing.refuse_weak(passphrase)
    vault = vault_of(place)
    warnings: list[str] = []
    with lock.held(place.state):
        found = export.collect(vault)
        listeners, ports = _addresses(place)
        made = time.time()
        content = Content(
            made=made,
            release=windlass.__version__,
            files=found,
            spec=_spec(place, warnings),
            listeners=listeners,
            ports=ports,
        )
        sealed = sealing.seal(msgspec.json.encode(content), passphrase)
        try:
            with disk_full_as_refusal(target.parent):
                write_new(target, sealed, secret=True)
        except FileExistsError as error:
            raise ExportExists(target) from error
        try:
            export.note_export(vault, found, made)
        except FileError as error:
            # The file is there: what counts is done.
            warnings.append(
                f"The vault can't note this export ({error.sentence.rstrip('.')}), so the doctor "
                "will go on asking for one."
            )
    networks = Vault(vault).networks()
    return Exported(path=target, networks=networks, files=len(found), warnings=warnings)


def _spec(place: Place, warnings: list[str]) -> bytes | None:
    """The spec as it stands there. Keys matter more: without it they are exported all the same."""
    try:
        return read_regular(place.spec_path, bytes_max=SPEC_BYTES_MAX)[0]
    except FileError as error:
        warnings.append(f"The spec is not in it: {error.sentence}")
        return None


def _addresses(place: Place) -> tuple[list[Listener], list[Port]]:
    """Where the programs listen, as the state says; nothing where there is no state any more."""
    try:
        with opened(place) as state:
            listeners = [
                Listener(
                    network=one.network,
                    workload=one.name,
                    cometbft_url=one.cometbft_url,
                    rpc_url=one.rpc_url,
                )
                for one in state.workloads()
                if one.cometbft_url or one.rpc_url
            ]
            ports = [
                Port(network=r.network, workload=r.workload, name=r.name, number=r.number)
                for r in state.ports()
            ]
    except WindlassError:  # a damaged state keeps nobody from saving the keys
        return [], []
    return listeners, ports
