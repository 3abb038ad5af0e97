"""Makes a state's vault again from an exported file: all of it, or nothing.

Whatever can be refused is refused before anything has a name that counts. The vault is made beside
its place and gets its name by one rename; the spec comes after it, because a spec without its keys
would let `up` begin another network. So a crash between any two steps leaves a state in which
`up` starts nothing wrong, and the same import does what is missing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from windlass.kit.errors import WindlassError
from windlass.kit.faults import fault_point
from windlass.kit.files import (
    FileError,
    ensure_directory,
    move_directory,
    read_bytes,
    read_regular,
    write_new,
)
from windlass.runtimes.local import lock, port_registry, process_table
from windlass.runtimes.local.deleting import delete
from windlass.runtimes.local.elsewhere import refuse_in_use
from windlass.runtimes.local.errors import NoState, disk_full_as_refusal
from windlass.runtimes.local.place import Place, claim, opened
from windlass.runtimes.local.state import PortRow, State
from windlass.spec.document import BYTES_MAX as SPEC_BYTES_MAX
from windlass.spec.load import load
from windlass.vault import export, files, sealing
from windlass.vault.export import Content
from windlass.vault.export_errors import NoKeys, VaultExists
from windlass.vault.keys import NetworkKeys
from windlass.vault.vault import Vault

STAGED = "vault.importing"
GENESIS_BYTES_MAX = 16 << 20


class StillRuns(WindlassError):
    """Programs of the state run that is to get its keys."""

    code = "still_runs"

    def __init__(self, state: Path, pids: list[int]) -> None:
        listed = " ".join(map(str, pids))
        super().__init__(
            f"Programs of {state} run: {', '.join(map(str, pids))}.",
            f"Stop them first: `windlass down`; if their data are gone, `kill {listed}`.",
        )


class OtherData(WindlassError):
    """The data that lie there were not made with the keys of the file."""

    code = "other_data"

    def __init__(self, path: Path, network: str) -> None:
        super().__init__(
            f"{path} is not the genesis that the file has for {network}: these data belong to "
            "another network.",
            "Import into another folder (`-f FOLDER/windlass.yaml`), or give that network up with "
            "`windlass down --purge`.",
        )


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What there is now. `networks` maps names to the hashes of their block 0.

    `spec` says what became of the spec: it was written, is the same as the file's (kept), differs
    from it, or there is none in the file (missing). `blocks` is true where data of the networks are
    there already; `idle` are other states with these keys, of which nothing runs; `was_there` is
    true if the vault had these keys before.
    """

    made: float
    networks: dict[str, str]
    spec: str
    blocks: bool
    idle: list[Path]
    was_there: bool


def read_sealed(source: Path) -> bytes:
    """The file, which begins as one of ours. Raises FileError, NotAnExport, ExportNewer."""
    content, _mode = read_regular(source, bytes_max=export.SEALED_BYTES_MAX)
    sealing.read_header(source, content)
    return content


def import_keys(place: Place, source: Path, sealed: bytes, passphrase: str) -> Imported:
    """Makes the vault, and what else of the file's content is missing at that place.

    Raises ExportNotOpened, NotAnExport, ExportNewer, ForeignState, StillRuns, VaultExists,
    OtherData, GenesisMismatch, SignsElsewhere, what the spec there raises, Busy, DiskFull,
    FileError.
    """
    content = export.decode(source, sealing.unseal(source, sealed, passphrase))
    with lock.held(place.state), disk_full_as_refusal(place.state):
        with contextlib.suppress(NoState):
            opened(place).close()
        vault = place.state / "vault"
        if _has(vault, content):
            keys = export.complete(vault)
            # If they are in use here, that is what they are for.
            idle = [] if _running(place.state) else _in_use(place, keys, content)
            return _finish(place, content, keys, idle=idle, was_there=True)
        _refuse_running(place.state)
        staged = place.state / STAGED
        delete(staged)
        try:
            keys = export.unpack(content, staged, source)
            fault_point("import-unpacked")
            _refuse_other_data(place.state, keys)
            _refuse_other_spec(place, staged)
            idle = _in_use(place, keys, content)
            _keep_ports(place, content)
            fault_point("import-ports")
            delete(vault)  # it has a mark at most, see _has
            move_directory(staged, vault)
        except BaseException:
            with contextlib.suppress(WindlassError):
                delete(staged)
            raise
        fault_point("import-vault")
        return _finish(place, content, keys, idle=idle, was_there=False)


def _has(vault: Path, content: Content) -> bool:
    """Whether the vault is what the file holds. Raises VaultExists if it has any other key."""
    try:
        if export.digest(export.collect(vault)) == export.digest(content.files):
            return True
    except NoKeys:
        left = {path.name for path in files.entries(vault) if not path.name.startswith(".")}
        if left <= {export.MARK, export.NOTE}:
            return False
    raise VaultExists(vault)


def _refuse_running(state: Path) -> None:
    if found := _running(state):
        raise StillRuns(state, found)


def _running(state: Path) -> list[int]:
    """The pids of what runs of that state."""
    return [who.pid for who in (*process_table.supervisors(state), *process_table.owned(state))]


def _in_use(place: Place, keys: Mapping[str, NetworkKeys], content: Content) -> list[Path]:
    """Idle states with the same keys. Raises SignsElsewhere if one is not idle."""
    return refuse_in_use(place.state, keys, content.listeners)


def _refuse_other_data(state: Path, networks: Mapping[str, NetworkKeys]) -> None:
    """geth would refuse them at its start; here it is known before the vault has its name."""
    for name, keys in networks.items():
        for path in sorted((state / "nodes" / name).glob("*/genesis.json")):
            if read_bytes(path, bytes_max=GENESIS_BYTES_MAX) != keys.ethereum_genesis:
                raise OtherData(path, name)


def _refuse_other_spec(place: Place, staged: Path) -> None:
    """A spec that is there already stays, so it must ask for networks that the keys are for."""
    if place.spec_path.exists():
        for name, network in load(place.spec_path).spec.networks.items():
            Vault(staged).preview(name, network)


def _keep_ports(place: Place, content: Content) -> None:
    """Gives the state the ports that it had, but for those that another spec has by now."""
    with (
        port_registry.opened() as registry,
        State.open(place.state, create=True) as state,
    ):
        if state.ports():
            return
        ports = []
        for one in content.ports:
            holder = registry.holder(one.number)
            if holder is None or holder.state == str(place.state):
                ports.append(
                    PortRow(
                        network=one.network,
                        workload=one.workload,
                        name=one.name,
                        number=one.number,
                    )
                )
        with state.transaction():
            claim(state, place)
            state.set_ports(ports)
        registry.claim(place.state, ports)


def _finish(
    place: Place,
    content: Content,
    keys: Mapping[str, NetworkKeys],
    *,
    idle: list[Path],
    was_there: bool,
) -> Imported:
    spec = _finish_spec(place, content)
    fault_point("import-spec")
    nodes = place.state / "nodes"
    return Imported(
        made=content.made,
        networks={name: one.ethereum_genesis_hash for name, one in keys.items()},
        spec=spec,
        blocks=any((nodes / name).is_dir() for name in keys),
        idle=idle,
        was_there=was_there,
    )


def _finish_spec(place: Place, content: Content) -> str:
    if content.spec is None:
        return "kept" if place.spec_path.exists() else "missing"
    if not os.path.lexists(place.spec_path):
        with contextlib.suppress(FileExistsError):  # somebody wrote one meanwhile: it stays
            ensure_directory(place.spec_path.parent, 0o755)
            write_new(place.spec_path, content.spec, secret=False)
            return "written"
    try:
        found = read_regular(place.spec_path, bytes_max=SPEC_BYTES_MAX)[0]
    except FileError:
        return "differs"
    return "kept" if found == content.spec else "differs"
