"""Keys come back whole or not at all, and nothing that is there is written over."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.keys import (
    PASSPHRASE,
    exported,
    imported,
    place_in,
    vault_files,
    with_keys,
)
from tests.support.network import WINDLASS, spec
from tests.support.small_disk import SmallDisk
from windlass.kit.errors import WindlassError
from windlass.runtimes.local import key_export, port_registry
from windlass.runtimes.local.errors import ForeignState
from windlass.runtimes.local.key_import import OtherData
from windlass.runtimes.local.place import Place
from windlass.runtimes.local.state import PortRow, State
from windlass.spec.errors import SpecError
from windlass.vault import export
from windlass.vault.errors import GenesisMismatch
from windlass.vault.export_errors import ExportExists, NoKeys, VaultExists
from windlass.vault.vault import Vault

TEXT = spec("lab", consensus="solo", chain_id=20268, nodes=1, bootnodes=1)
OTHER = spec("lab", consensus="solo", chain_id=20269, nodes=1, bootnodes=1)
PORTS = {"lab/sealer/p2p": 41901, "lab/bootnode-0/discovery": 41902}
STEPS = ["import-file", "import-file:3", "import-unpacked", "import-ports", "import-vault"]


@pytest.fixture
def lab(tmp_path: Path) -> Place:
    """A folder with keys, of a network that does not run."""
    return with_keys(tmp_path / "lab", TEXT, PORTS)


@pytest.fixture
def source(lab: Place, tmp_path: Path) -> Path:
    """The file with its keys."""
    return exported(lab, tmp_path / "lab.keys")


def lost(place: Place) -> dict[str, bytes]:
    """Deletes the whole folder; returns what was in the vault."""
    before = vault_files(place)
    shutil.rmtree(place.spec_path.parent)
    return before


def ports(place: Place) -> dict[str, int]:
    """The ports that the state keeps."""
    with State.open(place.state) as state:
        return {f"{p.network}/{p.workload}/{p.name}": p.number for p in state.ports()}


def test_a_lost_folder_comes_back(lab: Place, source: Path) -> None:
    """Keys, spec and ports are what they were, and nothing else is left lying there."""
    before = lost(lab)
    done = imported(lab, source)
    assert vault_files(lab) == before
    assert lab.spec_path.read_text() == TEXT
    assert ports(lab) == PORTS
    assert (done.spec, done.blocks, done.was_there) == ("written", False, False)
    keys = Vault(lab.state / "vault").existing("lab")
    assert keys is not None
    assert done.networks == {"lab": keys.ethereum_genesis_hash}
    assert not list(lab.state.glob("vault.*"))
    assert export.standing(lab.state / "vault") == "current"


def test_a_second_time_changes_nothing(lab: Place, source: Path) -> None:
    """The same keys are there already, which is said and no refusal."""
    before = vault_files(lab)
    done = imported(lab, source)
    assert (done.was_there, done.spec) == (True, "kept")
    assert vault_files(lab) == before


def test_only_the_vault_was_lost(lab: Place, source: Path) -> None:
    """Data and database stay as they are, and the network can go on with them."""
    genesis = vault_genesis(lab)
    shutil.rmtree(lab.state / "vault")
    data = lab.state / "nodes/lab/sealer"
    data.mkdir(parents=True)
    (data / "genesis.json").write_bytes(genesis)
    assert imported(lab, source).blocks
    assert vault_genesis(lab) == genesis


def vault_genesis(place: Place) -> bytes:
    """Ethereum's genesis of the network."""
    keys = Vault(place.state / "vault").existing("lab")
    assert keys is not None
    return keys.ethereum_genesis


def test_data_of_another_network_are_refused(lab: Place, source: Path, tmp_path: Path) -> None:
    """geth would refuse them later, when the keys were in place already."""
    place = place_in(tmp_path / "elsewhere")
    data = place.state / "nodes/lab/sealer"
    data.mkdir(parents=True)
    (data / "genesis.json").write_text("{}")
    with pytest.raises(OtherData, match="genesis"):
        imported(place, source)
    assert sorted(path.name for path in place.state.iterdir()) == ["lock", "nodes"]


def test_other_keys_are_never_written_over(source: Path, tmp_path: Path) -> None:
    """Also those of a network of the same name, and also if they are more than the file's."""
    place = with_keys(tmp_path / "other", TEXT)
    before = vault_files(place)
    with pytest.raises(VaultExists):
        imported(place, source)
    assert vault_files(place) == before


def test_keys_made_since_the_export_are_not_lost(lab: Place, source: Path) -> None:
    """A vault that has more than the file is not taken back to it."""
    Vault(lab.state / "vault").accounts("lab").new("shop")
    before = vault_files(lab)
    with pytest.raises(VaultExists):
        imported(lab, source)
    assert vault_files(lab) == before


def test_a_vault_without_a_key_in_it_is_no_vault(source: Path, tmp_path: Path) -> None:
    """What an `up` left that was ended at once stands in nobody's way."""
    place = place_in(tmp_path / "begun")
    vault = place.state / "vault"
    vault.mkdir(parents=True, mode=0o700)
    vault.chmod(0o700)
    place.state.chmod(0o700)
    (vault / "vault.json").write_text('{"schema":1}')
    (vault / "vault.json").chmod(0o600)
    assert imported(place, source).networks


def test_the_spec_that_is_there_stays(lab: Place, source: Path) -> None:
    """If it asks for the same networks, with other words or more nodes."""
    lost(lab)
    lab.spec_path.parent.mkdir()
    edited = TEXT.replace("nodes: 1\n", "nodes: 2\n", 1)
    lab.spec_path.write_text(edited)
    assert imported(lab, source).spec == "differs"
    assert lab.spec_path.read_text() == edited


@pytest.mark.parametrize(
    ("text", "refusal"), [(OTHER, GenesisMismatch), ("no: spec\n", SpecError)], ids=["other", "bad"]
)
def test_a_spec_that_asks_for_another_network_is_refused(
    lab: Place, source: Path, text: str, refusal: type[WindlassError]
) -> None:
    """Nothing was made by then."""
    lost(lab)
    lab.spec_path.parent.mkdir()
    lab.spec_path.write_text(text)
    with pytest.raises(refusal):
        imported(lab, source)
    assert not lab.state.exists()
    assert lab.spec_path.read_text() == text


def test_a_state_of_another_spec_is_refused(lab: Place, source: Path) -> None:
    """As every verb does."""
    other = lab.spec_path.with_name("other.yaml")
    other.write_text(TEXT)
    with pytest.raises(ForeignState):
        imported(Place(spec_path=other, state=lab.state), source)


def test_ports_that_others_took_are_left_to_them(lab: Place, source: Path, tmp_path: Path) -> None:
    """The others come back, and `up` finds a new one for those."""
    lost(lab)
    stranger = with_keys(tmp_path / "stranger", OTHER)
    row = PortRow(network="lab", workload="sealer", name="p2p", number=41901)
    with port_registry.opened() as registry:
        registry.claim(stranger.state, [row])
    imported(lab, source)
    assert ports(lab) == {"lab/bootnode-0/discovery": 41902}
    with port_registry.opened() as registry:
        assert registry.numbers_of(lab.state) == {"lab/bootnode-0/discovery": 41902}
        assert registry.numbers_of(stranger.state) == {"lab/sealer/p2p": 41901}


def command(place: Place, source: Path, *enter: str, **variables: str) -> tuple[int, str]:
    """`windlass keys import` as a process of its own; exit code and standard error."""
    secret = source.with_name("passphrase")
    secret.write_text(PASSPHRASE + "\n")
    secret.chmod(0o600)
    done = subprocess.run(
        [
            *enter,
            *(str(WINDLASS), "keys", "import", str(source), "-f", str(place.spec_path)),
            *("--passphrase-file", str(secret)),
        ],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_nothing_is_half(lab: Place, source: Path, step: str) -> None:
    """The vault is there whole or not at all, the spec not before it; a second time completes."""
    before = lost(lab)
    code, _ = command(lab, source, WINDLASS_FAULT=step)
    assert code == -9
    if (lab.state / "vault").exists():
        assert vault_files(lab) == before
    assert not lab.spec_path.exists()
    assert command(lab, source)[0] == 0
    assert vault_files(lab) == before
    assert lab.spec_path.read_text() == TEXT
    assert ports(lab) == PORTS
    assert not list(lab.state.glob("vault.*"))


def test_a_full_disk_leaves_nothing_half(source: Path, tmp_path: Path) -> None:
    """It is a sentence; with room again the same command works."""
    with SmallDisk(tmp_path / "disk") as disk:
        place = place_in(disk.path)
        disk.fill()
        code, told = command(place, source, *disk.enter)
        assert code == 1
        assert "full" in told or "No space" in told, told
        assert not (disk.outside / ".windlass/vault").exists()
        assert not (disk.outside / "windlass.yaml").exists()
        disk.free()
        assert command(place, source, *disk.enter)[0] == 0
        assert (disk.outside / ".windlass/vault/lab/genesis.json").is_file()
        assert (disk.outside / "windlass.yaml").read_text() == TEXT


def test_an_export_is_never_written_over(lab: Place, source: Path) -> None:
    """Neither a file nor a link that leads nowhere."""
    before = source.read_bytes()
    link = source.with_name("link")
    link.symlink_to("nowhere")
    for target in (source, link):
        with pytest.raises(ExportExists):
            key_export.export_keys(lab, target, PASSPHRASE)
    assert source.read_bytes() == before
    assert not link.exists()


def test_an_export_on_a_full_disk_is_none(lab: Place, tmp_path: Path) -> None:
    """No file is left that looks like one, and the vault notes nothing."""
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    with SmallDisk(tmp_path / "disk") as disk:
        disk.fill()
        words = ["keys", "export", str(disk.path / "lab.keys"), "-f", str(lab.spec_path)]
        done = subprocess.run(
            [*disk.enter, str(WINDLASS), *words, "--passphrase-file", str(secret)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert "is full" in done.stderr
        assert [path.name for path in disk.outside.iterdir()] == ["filler"]
    assert export.standing(lab.state / "vault") == "never"


def test_an_export_has_mode_0600_whatever_the_umask(lab: Place, tmp_path: Path) -> None:
    """From its first byte on it is closed to others."""
    before = os.umask(0)
    try:
        target = exported(lab, tmp_path / "open.keys")
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["state.db", "windlass.yaml"])
def test_keys_are_exported_also_from_a_damaged_folder(
    lab: Place, tmp_path: Path, name: str
) -> None:
    """Without a database or a spec the keys are what matters; what is missing is said."""
    (lab.state if name == "state.db" else lab.state.parent).joinpath(name).write_bytes(b"\0" * 999)
    if name == "windlass.yaml":
        lab.spec_path.unlink()
    done = key_export.export_keys(lab, tmp_path / "saved.keys", PASSPHRASE)
    assert bool(done.warnings) == (name == "windlass.yaml")
    place = place_in(tmp_path / "back")
    assert imported(place, done.path).spec == ("missing" if done.warnings else "written")
    assert vault_files(place) == vault_files(lab)


def test_without_keys_nothing_is_written(tmp_path: Path) -> None:
    """Nor is a state made."""
    place = place_in(tmp_path)
    with pytest.raises(NoKeys):
        key_export.export_keys(place, tmp_path / "none.keys", PASSPHRASE)
    assert list(tmp_path.iterdir()) == []
