"""A folder with keys that were exported from it, without a network that runs."""

from __future__ import annotations

from pathlib import Path

from windlass.kit.files import ensure_directory
from windlass.runtimes.local import port_registry
from windlass.runtimes.local.key_export import export_keys
from windlass.runtimes.local.key_import import Imported, import_keys, read_sealed
from windlass.runtimes.local.place import Place, claim
from windlass.runtimes.local.state import PortRow, State
from windlass.spec.load import load
from windlass.vault.vault import Vault

PASSPHRASE = "correct horse battery"


def place_in(folder: Path) -> Place:
    """The place of a spec in that folder, as `locate` would say it."""
    folder = folder.resolve()
    return Place(spec_path=folder / "windlass.yaml", state=folder / ".windlass")


def with_keys(folder: Path, text: str, ports: dict[str, int] | None = None) -> Place:
    """A folder with that spec, its keys, and the ports of the names network/workload/name."""
    place = place_in(folder)
    ensure_directory(folder)
    place.spec_path.write_text(text)
    for name, network in load(place.spec_path).spec.networks.items():
        Vault(place.state / "vault").identities(name, network)
    with State.open(place.state, create=True) as state, state.transaction():
        claim(state, place)
        rows = []
        for key, number in (ports or {}).items():
            network_name, workload, name = key.split("/")
            rows.append(PortRow(network=network_name, workload=workload, name=name, number=number))
        state.set_ports(rows)
    with port_registry.opened() as registry:
        registry.claim(place.state, rows)
    return place


def exported(place: Place, target: Path) -> Path:
    """The file that its keys were exported to."""
    export_keys(place, target, PASSPHRASE)
    return target


def imported(place: Place, source: Path) -> Imported:
    """What came of importing that file there."""
    return import_keys(place, source, read_sealed(source), PASSPHRASE)


def vault_files(place: Place) -> dict[str, bytes]:
    """Every file of the vault but its note, by relative path."""
    vault = place.state / "vault"
    return {
        path.relative_to(vault).as_posix(): path.read_bytes()
        for path in vault.rglob("*")
        if path.is_file() and path.name != "exported.json"
    }
