"""The vault: what it makes, that it makes it once, and what it refuses."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import msgspec
import pytest

from tests.vault.examples import contents, network
from windlass.programs.bridge.settings import Genesis as BridgeGenesis
from windlass.vault.errors import GenesisMismatch, VaultCorrupt, VaultExposed, VaultNewer
from windlass.vault.keys import NetworkKeys
from windlass.vault.preview import VaultPreview
from windlass.vault.vault import Vault

NOW = 1_795_270_193.7


FUNDED = "genesis: {accounts: [{name: treasury, balance: 5 ether}]}"


def made(directory: Path, fields: str = FUNDED) -> NetworkKeys:
    """The keys of network `trade` in a vault there."""
    return Vault(directory, now=lambda: NOW).identities("trade", network(fields))


def secrets_of(keys: NetworkKeys) -> set[str]:
    """Every secret of every workload."""
    found = (
        value
        for identity in keys.identities.values()
        for value in msgspec.structs.asdict(identity).values()
    )
    return {value for value in found if value}


def test_everything_is_made_once(tmp_path: Path) -> None:
    """A second time gives the same keys, accounts and bytes, whatever the clock says."""
    first = made(tmp_path / "vault")
    again = Vault(tmp_path / "vault", now=lambda: NOW + 1000).identities("trade", network(FUNDED))

    assert again == first
    assert again.ethereum_genesis == first.ethereum_genesis
    assert again.cometbft_genesis == first.cometbft_genesis
    assert secrets_of(again) == secrets_of(first)


def test_everybody_has_keys_of_their_own(tmp_path: Path) -> None:
    """No two workloads share a secret, and each has what its programs need."""
    keys = made(tmp_path, "validators: 2")

    assert set(keys.identities) == {
        "validator-0",
        "validator-1",
        "node-0",
        "bootnode-0",
        "bootnode-1",
    }
    assert len(secrets_of(keys)) == 2 * 5 + 4 + 2
    for workload in ("validator-0", "node-0"):
        assert len(keys.jwt(workload)) == 64
        assert len(keys.validator_key(workload).address) == 40
        assert len(keys.cometbft_node_key(workload).id) == 40
    assert keys.enode("bootnode-0", "127.0.0.1", 30301).startswith("enode://")
    assert len({keys.fee_recipient(name) for name in ("validator-0", "validator-1")}) == 2


def test_solo_network_shares_the_engines_secret(tmp_path: Path) -> None:
    """The sealer feeds every geth, so all have one JWT secret, those that come later too."""
    vault = Vault(tmp_path)
    keys = vault.identities("trade", network("consensus: solo, nodes: 1"))
    grown = vault.identities("trade", network("consensus: solo, nodes: 3"))

    assert set(keys.identities) == {"sealer", "node-0", "bootnode-0", "bootnode-1"}
    assert {grown.jwt(name) for name in ("sealer", "node-0", "node-1", "node-2")} == {
        keys.jwt("sealer")
    }
    assert keys.cometbft_genesis == b""
    assert keys.fee_recipient("sealer").startswith("0x")


def test_scaling_adds_and_never_drops(tmp_path: Path) -> None:
    """More nodes get new keys; fewer keep theirs for the next time."""
    vault = Vault(tmp_path)
    one = vault.identities("trade", network("nodes: 1"))
    three = vault.identities("trade", network("nodes: 3"))
    none = vault.identities("trade", network("nodes: 0"))

    assert set(three.identities) - set(one.identities) == {"node-1", "node-2"}
    assert {name: three.identities[name] for name in one.identities} == one.identities
    assert none.identities == three.identities


def test_only_the_owner_can_read(tmp_path: Path) -> None:
    """Directories are 0700 and files 0600, the public ones too."""
    made(tmp_path / "vault")

    for path in [tmp_path / "vault", *(tmp_path / "vault").rglob("*")]:
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_the_two_geneses_fit(tmp_path: Path) -> None:
    """CometBFT's names block 0's hash and time, and begins one second later, at the clock."""
    keys = made(tmp_path, f"{FUNDED}, validators: 2")
    ethereum, comet = json.loads(keys.ethereum_genesis), json.loads(keys.cometbft_genesis)
    state = msgspec.convert(comet["app_state"], BridgeGenesis)

    assert keys.ethereum_genesis_timestamp == int(NOW) - 1 == int(ethereum["timestamp"], 16)
    assert comet["genesis_time"] == "2026-11-21T14:09:53Z"
    assert comet["chain_id"] == "trade-20261"
    assert state == BridgeGenesis(
        ethereum_genesis_hash=keys.ethereum_genesis_hash,
        ethereum_genesis_timestamp=keys.ethereum_genesis_timestamp,
        fee_recipients={
            keys.validator_key(name).address: keys.fee_recipient(name)
            for name in ("validator-0", "validator-1")
        },
    )
    assert ethereum["config"]["chainId"] == 20261
    treasury = next(one for one in keys.accounts if one.name == "treasury")
    assert ethereum["alloc"][treasury.address]["balance"] == hex(5 * 10**18)


CONTRACT = "{address: '0x1111111111111111111111111111111111111111', code: '0x%s'}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("chain_id: 20261", "chain_id: 20262", "chain_id: 20261 → 20262"),
        ("consensus: bft", "consensus: solo", "consensus: bft → solo"),
        (FUNDED, FUNDED.replace("5 e", "6 e"), "genesis.accounts.treasury: 5 ether → 6 ether"),
        (FUNDED, "nodes: 1", "genesis.accounts.treasury: 5 ether → absent"),
        ("nodes: 1", FUNDED, "genesis.accounts.treasury: absent → 5 ether"),
        (
            f"genesis: {{contracts: [{CONTRACT % '00'}]}}",
            f"genesis: {{contracts: [{CONTRACT % '01'}]}}",
            "genesis.contracts.0x1111111111111111111111111111111111111111.code: ",
        ),
        ("nodes: 1", f"genesis: {{contracts: [{CONTRACT % '00'}]}}", "absent → there"),
    ],
)
def test_another_genesis_is_refused_by_field(tmp_path: Path, old: str, new: str, told: str) -> None:
    """What block 0 was made with can't change: the fields are named and nothing is touched."""
    keys = made(tmp_path, old)
    before = contents(tmp_path)

    with pytest.raises(GenesisMismatch) as error:
        made(tmp_path, new)

    assert told in error.value.sentence
    assert "windlass down --purge" in error.value.next_step
    assert error.value.exit_code == 2
    assert contents(tmp_path) == before
    assert made(tmp_path, old) == keys


@pytest.mark.parametrize(
    "fields",
    ["gas_limit: 60_000_000", "block_time_s: 2", "nodes: 9", "ports: {rpc: 18545}", "bootnodes: 1"],
)
def test_what_block_0_does_not_hold_can_change(tmp_path: Path, fields: str) -> None:
    """Everything else of a running network may be changed, and block 0 stays the same."""
    before = made(tmp_path, "nodes: 1")

    assert made(tmp_path, fields).ethereum_genesis == before.ethereum_genesis


@pytest.mark.parametrize("number", [1, 3, 5, 9])
def test_the_number_of_validators_can_change(tmp_path: Path, number: int) -> None:
    """The genesis keeps those that it was made with, whoever runs; older ones keep their keys."""
    before, after = (made(tmp_path, f"validators: {count}") for count in (4, number))

    assert after.cometbft_genesis == before.cometbft_genesis
    assert after.genesis_validators == tuple(f"validator-{number}" for number in range(4))
    assert {name: after.identities[name] for name in before.identities} == before.identities
    assert Vault(tmp_path).preview("trade", network(f"validators: {number}")) == after


def test_the_order_of_accounts_is_no_difference(tmp_path: Path) -> None:
    """Moving a line in the spec changes nothing."""
    two = "genesis: {accounts: [{name: a, balance: 1 wei}, {name: b, balance: 2 wei}]}"
    turned = "genesis: {accounts: [{name: b, balance: 2 wei}, {name: a, balance: 1 wei}]}"

    assert made(tmp_path, two) == made(tmp_path, turned)


def test_networks_are_apart(tmp_path: Path) -> None:
    """Two networks share no secret and no genesis."""
    vault = Vault(tmp_path)
    trade = vault.identities("trade", network())
    other = vault.identities("other", network())

    assert not secrets_of(trade) & secrets_of(other)
    assert vault.networks() == ["other", "trade"]


def test_existing_makes_nothing(tmp_path: Path) -> None:
    """Asking what there is leaves no trace, and answers once there is something."""
    vault = Vault(tmp_path / "vault")

    assert vault.existing("trade") is None
    assert vault.networks() == []
    assert not (tmp_path / "vault").exists()
    keys = vault.identities("trade", network(FUNDED))
    assert vault.existing("trade") == keys


@pytest.mark.parametrize(
    "name", ["", "trade", "trade/identities.json", "trade/secrets.json", "trade/keystore"]
)
def test_what_others_can_read_is_refused(tmp_path: Path, name: str) -> None:
    """A secret that is open to others is not used; the line that closes it is told."""
    made(tmp_path)
    path = tmp_path / name
    path.chmod(0o755 if path.is_dir() else 0o644)

    with pytest.raises(VaultExposed) as error:
        made(tmp_path)

    right = "700" if path.is_dir() else "600"
    assert f"chmod {right} {path}" in error.value.next_step


DAMAGE = [b"", b"\xff", b"[]", b"{}", b'{"schema": "1"}', b"{"]
FILES = ["vault.json", "trade/identities.json", "trade/genesis.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", DAMAGE)
def test_damaged_files_are_refused(tmp_path: Path, name: str, content: bytes) -> None:
    """A file that does not hold what was written is named, and nothing is made anew over it."""
    made(tmp_path)
    (tmp_path / name).write_bytes(content)
    before = contents(tmp_path)

    with pytest.raises(VaultCorrupt) as error:
        made(tmp_path)

    assert str(tmp_path / name) in error.value.sentence
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", FILES)
def test_a_newer_vault_is_refused(tmp_path: Path, name: str) -> None:
    """What a newer release wrote is left alone, whatever else is in it."""
    made(tmp_path)
    (tmp_path / name).write_bytes(b'{"schema": 2, "whatever": []}')

    with pytest.raises(VaultNewer, match="newer"):
        made(tmp_path)


@pytest.mark.parametrize("name", ["vault.json", "trade/identities.json"])
def test_lost_files_are_not_made_anew(tmp_path: Path, name: str) -> None:
    """Keys that the genesis names can't be replaced by new ones: the loss is told."""
    made(tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(VaultCorrupt, match="missing"):
        made(tmp_path)


def test_keys_of_another_network_are_refused(tmp_path: Path) -> None:
    """Validators whose keys are not those of the genesis would never make a block."""
    vault = Vault(tmp_path)
    vault.identities("trade", network())
    vault.identities("other", network())
    stolen = (tmp_path / "other" / "identities.json").read_bytes()
    (tmp_path / "trade" / "identities.json").write_bytes(stolen)

    with pytest.raises(VaultCorrupt, match="validator-0 is not the one in the genesis"):
        vault.identities("trade", network())


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """No representation of what the vault hands out has a secret in it."""
    keys = made(tmp_path)
    shown = f"{keys!r} {keys.identities!r} {keys.validator_key('validator-0')!r}"

    assert not [secret for secret in secrets_of(keys) if secret in shown]


def test_damage_reports_show_no_secret(tmp_path: Path) -> None:
    """An error about a broken file does not quote what is in it."""
    keys = made(tmp_path)
    path = tmp_path / "trade" / "identities.json"
    path.write_bytes(path.read_bytes().replace(b'"node_key": "', b'"node_key": 7"', 1))

    with pytest.raises(VaultCorrupt) as error:
        made(tmp_path)

    assert not [secret for secret in secrets_of(keys) if secret in str(error.value)]


def test_previews_are_the_same_for_everybody() -> None:
    """A plan can be printed before anything exists: same spec, same placeholders, marked."""
    keys = VaultPreview().identities("trade", network(FUNDED))

    assert keys.preview
    assert keys == VaultPreview().identities("trade", network(FUNDED))
    assert VaultPreview().identities("other", network()).identities != keys.identities
    assert keys.ethereum_genesis_timestamp == 0
    assert json.loads(keys.cometbft_genesis)["app_state"]["ethereum_genesis_timestamp"] == 0
    assert keys.enode("validator-0", "127.0.0.1", 1)


def test_a_preview_shows_what_is_there(tmp_path: Path) -> None:
    """With a vault, only what is missing is a placeholder, and nothing is made."""
    vault = Vault(tmp_path)
    assert vault.preview("trade", network(FUNDED)).preview
    keys = vault.identities("trade", network(FUNDED))
    before = contents(tmp_path)

    assert vault.preview("trade", network(FUNDED)) == keys
    grown = vault.preview("trade", network(f"{FUNDED}, nodes: 2"))
    assert grown.preview
    assert set(grown.identities) - set(keys.identities) == {"node-1"}
    assert grown.identities["node-0"] == keys.identities["node-0"]
    with pytest.raises(GenesisMismatch):
        vault.preview("trade", network("nodes: 1"))
    assert contents(tmp_path) == before
