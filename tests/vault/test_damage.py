"""Damaged vaults: whatever a file of the vault holds, who reads it gets a refusal and no crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from windlass.chains.ethereum.keys import ORDER
from windlass.kit.errors import WindlassError
from windlass.spec.load import parse_spec
from windlass.spec.models import Network
from windlass.vault.errors import VaultCorrupt
from windlass.vault.keys import NetworkKeys
from windlass.vault.vault import Vault

SPEC = """\
name: a
networks:
  trade:
    family: ethereum
    chain_id: 20261
    consensus: {consensus}
    validators: 1
    bootnodes: 1
    genesis:
      accounts: [{{name: treasury, balance: 5 ether}}]
      contracts: [{{address: '0x1111111111111111111111111111111111111111', code: '0x00'}}]
"""
CONSENSUS = ["bft", "solo"]
MAKER = {"bft": "validator-0", "solo": "sealer"}
FILES = [
    "vault.json", "identities.json", "secrets.json", "genesis.json", "passphrase", "keystore"
]  # fmt: skip

WRONG: list[Any] = [None, -1, 1 << 70, "", "é" * 64, "0" * 64, "f" * 64, [], {"a": {}}]
"""Values of another type, of another length, and of no key."""


def network(consensus: str) -> Network:
    """One validator or a sealer, a node, an account and a contract."""
    return parse_spec(SPEC.format(consensus=consensus), "f").networks["trade"]


def path_of(vault: Path, name: str) -> Path:
    """The file of that name; of keystores the first."""
    if name == "vault.json":
        return vault / name
    if name == "keystore":
        return min((vault / "trade/keystore").iterdir())
    return vault / "trade" / name


@pytest.fixture(scope="module", params=CONSENSUS)
def damaged(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A consensus and a complete vault of such a network, whose files a test may replace."""
    directory = tmp_path_factory.mktemp("vault") / "vault"
    Vault(directory).identities("trade", network(request.param))
    return request.param, directory


def readers(consensus: str, directory: Path) -> dict[str, Callable[[], object]]:
    """What the verbs do with a vault, by what does it; nothing is written."""
    vault = Vault(directory, write=lambda _path, _content: None)
    accounts = vault.accounts
    return {
        "up": lambda: use(vault.identities("trade", network(consensus))),
        "up of another spec": lambda: vault.identities("trade", network("solo")),
        "plan": lambda: use(vault.preview("trade", network(consensus))),
        "doctor": lambda: use(vault.existing("trade")),
        "accounts list": lambda: accounts("trade").all(),
        "accounts new": lambda: accounts("trade").new("carol"),
        "send": lambda: accounts("trade").private_key("treasury"),
        "send of fees": lambda: accounts("trade").private_key(MAKER[consensus]),
    }


def use(keys: NetworkKeys | None) -> None:
    """Everything that a plan, a runtime and the doctor ask of a network's keys."""
    for name in keys.identities if keys else ():
        assert keys
        keys.enode(name, "127.0.0.1", 1)
        if not name.startswith("bootnode"):
            assert keys.jwt(name)
        if name.startswith(("validator", "sealer")):
            keys.fee_recipient(name)
        if keys.cometbft_genesis and name.startswith(("validator", "node")):
            assert keys.validator_key(name).address
            assert keys.cometbft_node_key(name).id


def tried(consensus: str, directory: Path, what: str) -> dict[str, str]:
    """Which readers refuse the vault, and how; whatever else they raise is raised here."""
    found = {}
    for name, read in readers(consensus, directory).items():
        try:
            read()
        except WindlassError as error:
            found[name] = f"{type(error).__name__}: {error}"
        except Exception as error:  # what no damage may cause; said with what was in the file
            raise AssertionError(f"{name} of a vault with {what}") from error
    return found


def refusals(consensus: str, directory: Path, path: Path, content: bytes) -> dict[str, str]:
    """Which readers refuse the vault with this in the file, and how."""
    right = path.read_bytes()
    path.write_bytes(content)
    try:
        return tried(consensus, directory, f"{content[:2000]!r} in {path.name}")
    finally:
        path.write_bytes(right)


def cuts_and_garbage(right: bytes) -> Iterator[bytes]:
    """The file empty, cut, overwritten, nested and with single bytes changed."""
    yield from (b"", b"\0" * len(right), b"\xff" * 64, b"null", b"[]", b"{}", b'""', b"[" * 5000)
    yield from (b'{"schema": 1}', b'{"schema": "1"}', b'{"schema": -1}', b'"\\ud800"')
    for part in range(1, 8):
        at = len(right) * part // 8
        yield right[:at]
        yield right[:at] + b"\xfe" + right[at + 1 :]
        yield right[:at] + b"}" + right[at:]


def changes(value: Any) -> Iterator[tuple[str, Any]]:
    """The document with one value replaced by each wrong one, one more, or one gone."""
    children = enumerate(value) if isinstance(value, list) else sorted(value.items())
    for key, child in children:
        for wrong in WRONG:
            changed = copy.copy(value)
            changed[key] = wrong
            yield f"{key}: {wrong!r}", changed
        changed = copy.copy(value)
        del changed[key]
        yield f"no {key}", changed
        if isinstance(child, dict | list):
            for where, below in changes(child):
                changed = copy.copy(value)
                changed[key] = below
                yield f"{key}.{where}", changed
    if isinstance(value, dict):
        yield "one more", value | {"more": 1}


@pytest.mark.parametrize("name", FILES)
def test_no_garbage_crashes_who_reads_it(damaged: tuple[str, Path], name: str) -> None:
    """A file of the vault that is empty, cut or overwritten gives refusals, never anything else."""
    consensus, directory = damaged
    path = path_of(directory, name)
    before = path.read_bytes()

    for content in cuts_and_garbage(before):
        refusals(consensus, directory, path, content)
    for content in (b"", b"\xff" * 64, before[: len(before) // 2]):
        assert refusals(consensus, directory, path, content), content

    assert path.read_bytes() == before
    assert refusals(consensus, directory, path, before).keys() <= {"up of another spec"}


@pytest.mark.parametrize("name", ["vault.json", "identities.json", "genesis.json", "keystore"])
def test_no_wrong_value_crashes_who_reads_it(damaged: tuple[str, Path], name: str) -> None:
    """A value of another type, form or length, and one that is gone, give refusals, too."""
    consensus, directory = damaged
    path = path_of(directory, name)

    for _, document in changes(json.loads(path.read_bytes())):
        refusals(consensus, directory, path, json.dumps(document).encode())


@pytest.mark.parametrize("name", FILES)
def test_a_directory_in_a_files_place_is_refused(damaged: tuple[str, Path], name: str) -> None:
    """What can't be read as a file at all gives refusals, too."""
    consensus, directory = damaged
    path = path_of(directory, name)
    path.rename(path.with_name(".aside"))
    path.mkdir(0o700)
    try:
        found = tried(consensus, directory, path.name)
    finally:
        path.rmdir()
        path.with_name(".aside").rename(path)

    assert found


@pytest.mark.parametrize("value", ["z" * 64, "1" * 63, "1" * 65, "1 " * 32, ""])
@pytest.mark.parametrize("field", ["node_key", "validator_key", "cometbft_node_key", "jwt"])
def test_a_damaged_key_is_refused_by_all(tmp_path: Path, field: str, value: str) -> None:
    """Every verb names the file and the field, and quotes nothing of what is in it."""
    _refused_everywhere(tmp_path, "node-0", field, value)


@pytest.mark.parametrize("value", ["0" * 64, f"{ORDER:064x}", "z" * 64, ""])
def test_a_number_that_is_no_key_of_the_curve_is_refused(tmp_path: Path, value: str) -> None:
    """64 hex digits alone are no key of an account."""
    _refused_everywhere(tmp_path, "validator-0", "fee_key", value)


def _refused_everywhere(directory: Path, workload: str, field: str, value: str) -> None:
    Vault(directory).identities("trade", network("bft"))
    path = path_of(directory, "identities.json")
    document = json.loads(path.read_bytes())
    right = document["identities"][workload][field]
    document["identities"][workload][field] = value

    found = refusals("bft", directory, path, json.dumps(document).encode())

    assert found.pop("up of another spec")
    assert found.keys() == readers("bft", directory).keys() - {"up of another spec"}
    for told in found.values():
        assert told.startswith(f"VaultCorrupt: The vault's {path} can't be used: ")
        assert field in told
        assert right not in told
        assert not value or value not in told


@pytest.mark.parametrize(
    ("consensus", "gone"), [("bft", "validator-0"), ("solo", "sealer"), ("bft", "all")]
)
def test_keys_of_a_block_maker_are_not_made_anew(tmp_path: Path, consensus: str, gone: str) -> None:
    """The genesis names them: others in their place would be a network that makes no blocks."""
    Vault(tmp_path).identities("trade", network(consensus))
    path = path_of(tmp_path, "identities.json")
    document = json.loads(path.read_bytes())
    if gone == "all":
        document["identities"].clear()
    else:
        del document["identities"][gone]
    path.write_text(json.dumps(document))
    before = path.read_bytes()

    with pytest.raises(VaultCorrupt, match=f"no keys of {MAKER[consensus]}"):
        Vault(tmp_path).identities("trade", network(consensus))

    assert path.read_bytes() == before


def test_secrets_of_a_sealer_and_its_geths_must_agree(tmp_path: Path) -> None:
    """A follower with another secret would never get a block, and nobody would know why."""
    Vault(tmp_path).identities("trade", network("solo"))
    path = path_of(tmp_path, "identities.json")
    document = json.loads(path.read_bytes())
    document["identities"]["node-0"]["jwt"] = "a" * 64
    path.write_text(json.dumps(document))

    with pytest.raises(VaultCorrupt, match="node-0 has another jwt than the sealer"):
        Vault(tmp_path).identities("trade", network("solo"))


@pytest.mark.parametrize("content", [b"", b"\n", b"a" * 63, b"a" * 64])
def test_a_wrong_passphrase_file_is_told_and_not_used(tmp_path: Path, content: bytes) -> None:
    """Nothing is encrypted under it that others could open or nobody could, and who signs is told
    which file is wrong."""
    Vault(tmp_path).identities("trade", network("bft"))
    accounts = Vault(tmp_path).accounts("trade")
    path_of(tmp_path, "passphrase").write_bytes(content)

    with pytest.raises(VaultCorrupt, match="passphrase"):
        accounts.private_key("treasury")
    if len(content) < 64:
        with pytest.raises(VaultCorrupt, match="passphrase can't be used: it is not 64 hex digits"):
            accounts.new("carol")
        assert [one.origin for one in accounts.all()] == ["genesis", "fees"]


@pytest.mark.parametrize("field", ["ciphertext", "mac"])
def test_a_damaged_key_of_a_keystore_is_told_by_its_file(tmp_path: Path, field: str) -> None:
    """Whoever signs learns which file is broken, and not that a passphrase should be tried."""
    Vault(tmp_path).identities("trade", network("bft"))
    path = path_of(tmp_path, "keystore")
    document = json.loads(path.read_bytes())
    document["crypto"][field] = "00" * 32
    path.write_text(json.dumps(document))

    with pytest.raises(VaultCorrupt, match=path.name):
        Vault(tmp_path).accounts("trade").private_key("treasury")
