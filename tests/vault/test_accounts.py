"""Accounts: ordinary keystores that others can open, found by name or address."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account as TheirAccount
from eth_keyfile.keyfile import create_keyfile_json

from windlass.chains.ethereum.keys import address_from_private_key, checksum_address
from windlass.chains.ethereum.keystore import KeystoreError, WrongPassphrase
from windlass.spec.load import parse_spec
from windlass.vault.accounts import Accounts, WrongName
from windlass.vault.errors import AccountExists, NotAKey, UnknownAccount, VaultCorrupt, VaultExposed
from windlass.vault.vault import Vault

KEY = bytes(range(1, 33))
SPEC = """\
name: a
networks:
  trade:
    family: ethereum
    chain_id: 20261
    validators: 1
    genesis: {accounts: [{name: treasury, balance: 5 ether}, {name: alice, balance: 1 ether}]}
"""


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    """The accounts of a network with two named genesis accounts and one validator."""
    vault = Vault(tmp_path / "vault")
    vault.identities("trade", parse_spec(SPEC, "f").networks["trade"])
    return vault.accounts("trade")


def test_genesis_accounts_come_first_then_the_fees(accounts: Accounts) -> None:
    """The order is that of the spec, whatever the files are called."""
    accounts.new("carol")
    found = [(account.name, account.origin) for account in accounts.all()]

    assert found == [
        ("treasury", "genesis"),
        ("alice", "genesis"),
        ("carol", "made"),
        ("validator-0", "fees"),
    ]


def test_others_open_our_keystores(accounts: Accounts) -> None:
    """A keystore and the passphrase beside it are all that a wallet needs."""
    for account in (accounts.find("treasury"), accounts.new("carol")):
        assert account.keystore is not None
        passphrase = (account.keystore.parent.parent / "passphrase").read_text().strip()
        document = json.loads(account.keystore.read_text())
        key = bytes(TheirAccount.decrypt(document, passphrase))

        assert len(passphrase) == 64
        assert address_from_private_key(key) == account.address == "0x" + document["address"]
        assert account.keystore.name.endswith(f"--{account.address[2:]}")
        assert accounts.private_key(account.name) == key


def test_accounts_are_found_by_name_and_address(accounts: Accounts) -> None:
    """Any way of writing the address finds the account."""
    treasury = accounts.find("treasury")

    assert accounts.find(treasury.address) == treasury
    assert accounts.find(checksum_address(treasury.address)) == treasury


def test_fees_can_be_spent(accounts: Accounts) -> None:
    """The account that gets a validator's fees has a key as well."""
    fees = accounts.find("validator-0")

    assert address_from_private_key(accounts.private_key("validator-0")) == fees.address


def test_unknown_accounts_are_refused_with_the_known(accounts: Accounts) -> None:
    """A wrong name gives the right ones."""
    with pytest.raises(UnknownAccount, match="treasury, alice"):
        accounts.find("mallory")


@pytest.mark.parametrize("digits", [KEY.hex(), "0x" + KEY.hex(), KEY.hex().upper() + "\n"])
def test_a_key_is_imported(accounts: Accounts, digits: str) -> None:
    """Hex digits become a keystore like every other."""
    account = accounts.import_key("carol", digits)

    assert account.address == address_from_private_key(KEY)
    assert accounts.private_key("carol") == KEY


@pytest.mark.parametrize(
    "digits", ["", "0x", "12", "zz" * 32, "00" * 32, "ff" * 32, KEY.hex() + "0"]
)
def test_what_is_no_key_is_not_shown(accounts: Accounts, digits: str) -> None:
    """Something nearly a key is refused without being repeated."""
    with pytest.raises(NotAKey) as error:
        accounts.import_key("carol", digits)

    assert len(digits) < 4 or digits not in str(error.value)


def test_a_foreign_keystore_is_imported(accounts: Accounts) -> None:
    """It opens with its own passphrase once and with ours from then on."""
    theirs = json.dumps(create_keyfile_json(KEY, b"their passphrase", iterations=4096)).encode()
    account = accounts.import_keystore("carol", theirs, "their passphrase")

    assert account.keystore is not None
    assert accounts.private_key(account.address) == KEY
    assert account.keystore.read_bytes() != theirs


def test_a_foreign_keystore_needs_its_passphrase(accounts: Accounts) -> None:
    """The wrong passphrase changes nothing."""
    theirs = json.dumps(create_keyfile_json(KEY, b"right", iterations=4096)).encode()
    before = accounts.all()

    with pytest.raises(WrongPassphrase):
        accounts.import_keystore("carol", theirs, "wrong")
    with pytest.raises(KeystoreError):
        accounts.import_keystore("carol", b"{}", "wrong")

    assert accounts.all() == before


def test_nothing_is_overwritten(accounts: Accounts) -> None:
    """A name that is taken, and a key that is there under another name, are refused."""
    accounts.import_key("carol", KEY.hex())

    for name in ("carol", "treasury", "validator-0"):
        with pytest.raises(AccountExists, match=name):
            accounts.new(name)
    with pytest.raises(AccountExists, match="carol"):
        accounts.import_key("dave", KEY.hex())


@pytest.mark.parametrize("name", ["", "Carol", "a b", "../x", "a" * 31])
def test_names_are_labels(accounts: Accounts, name: str) -> None:
    """An account's name is one that a spec could have."""
    with pytest.raises(WrongName, match="DNS label"):
        accounts.new(name)


def test_accounts_can_come_before_the_network(tmp_path: Path) -> None:
    """An account made early is the one that the genesis funds, if the spec names it."""
    vault = Vault(tmp_path)
    early = vault.accounts("trade").new("treasury")
    keys = vault.identities("trade", parse_spec(SPEC, "f").networks["trade"])
    treasury = next(one for one in keys.accounts if one.name == "treasury")

    assert treasury.address == early.address


def test_a_keystore_that_was_taken_away_is_missed(accounts: Accounts) -> None:
    """The account is still listed, without a keystore, and signing says what is missing."""
    keystore = accounts.find("treasury").keystore
    assert keystore is not None
    keystore.unlink()

    assert accounts.find("treasury").keystore is None
    with pytest.raises(UnknownAccount, match="no key"):
        accounts.private_key("treasury")


def test_a_lost_passphrase_is_not_replaced(accounts: Accounts, tmp_path: Path) -> None:
    """Keystores under two passphrases would be a trap, so the loss is told."""
    (tmp_path / "vault" / "trade" / "passphrase").unlink()

    for use in (lambda: accounts.private_key("treasury"), lambda: accounts.new("carol")):
        with pytest.raises(VaultCorrupt, match="passphrase"):
            use()


def test_a_damaged_keystore_is_named(accounts: Accounts) -> None:
    """The file that is broken is the one that is told."""
    keystore = accounts.find("treasury").keystore
    assert keystore is not None
    keystore.write_bytes(b"{}")

    with pytest.raises(VaultCorrupt, match=keystore.name):
        accounts.all()


def test_an_open_keystore_is_refused(accounts: Accounts) -> None:
    """A keystore that others can read is not used."""
    keystore = accounts.find("treasury").keystore
    assert keystore is not None
    keystore.chmod(0o640)

    with pytest.raises(VaultExposed, match="0640"):
        accounts.private_key("treasury")
