"""The accounts of one network: keystores in a folder that geth and wallets can read as it is.

There is no index beside them that could disagree: a keystore carries its account's name. All of
them open with one passphrase of 256 random bits, which lies beside them. That protects a keystore
that leaves the vault alone, in a backup or a mail; whoever can read the vault has the keys.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from windlass.chains.ethereum import keystore
from windlass.chains.ethereum.quantities import Address
from windlass.kit.errors import UsageError
from windlass.spec.values import label as read_label
from windlass.vault import files
from windlass.vault.errors import AccountExists, NotAKey, UnknownAccount, VaultCorrupt
from windlass.vault.keys import Account, Identity

ACCOUNTS_MAX = 10_000
"""Listing reads every file; a business that needs more accounts keeps its own keys."""


_PASSPHRASE = re.compile(rb"[0-9a-f]{64}")


class WrongName(UsageError):
    """The name can't be an account's."""

    code = "wrong_name"


class Accounts:
    """Lists, makes, imports and opens accounts. Made by `Vault.accounts`."""

    def __init__(
        self,
        network: str,
        directory: Path,
        *,
        named: Mapping[str, Address],
        identities: Mapping[str, Identity],
        write: files.Write,
        now: Callable[[], float],
    ) -> None:
        self._network = network
        self._directory = directory
        self._named = named
        self._identities = identities
        self._write = write
        self._now = now

    def all(self) -> tuple[Account, ...]:
        """Genesis accounts in the spec's order, then made ones by age, then the fee recipients.

        A genesis account whose keystore was taken away has none. Raises VaultCorrupt, VaultExposed.
        """
        kept = self._kept()
        by_name = {account.name: account for account in kept}
        genesis = [
            Account(
                name=name,
                address=address,
                keystore=by_name[name].keystore if name in by_name else None,
                origin="genesis",
            )
            for name, address in self._named.items()
        ]
        others = [account for account in kept if account.name not in self._named]
        return (*genesis, *others, *self._fee_recipients())

    def find(self, label: str) -> Account:
        """The account of that name or address. Raises UnknownAccount."""
        accounts = self.all()
        for account in accounts:
            if label == account.name or label.lower() == account.address:
                return account
        raise UnknownAccount(self._network, label, [account.name for account in accounts])

    def new(self, name: str) -> Account:
        """Makes a key and its keystore. Raises WrongName, AccountExists, FileError."""
        from windlass.chains.ethereum.keys import generate_private_key

        self._refuse_taken(name)
        return self._keep(name, generate_private_key())

    def import_key(self, name: str, digits: str) -> Account:
        """Keeps a private key given as 64 hex digits. Raises NotAKey, WrongName, AccountExists."""
        from windlass.chains.ethereum.keys import InvalidKeyError, address_from_private_key

        try:
            private_key = bytes.fromhex(digits.strip().removeprefix("0x"))
            address = address_from_private_key(private_key)
        except (ValueError, InvalidKeyError):
            raise NotAKey from None  # the reason could show a part of the key
        self._refuse_taken(name, address)
        return self._keep(name, private_key)

    def import_keystore(self, name: str, content: bytes, passphrase: str) -> Account:
        """Keeps the key of a foreign keystore under our passphrase.

        Raises KeystoreError, WrongPassphrase, WrongName, AccountExists. Its own parameters decide
        how long it takes to open: some seconds for a wallet's.
        """
        private_key = keystore.decrypt(content, passphrase)
        return self.import_key(name, private_key.hex())

    def private_key(self, label: str) -> bytes:
        """The 32 bytes of the key of the account of that name or address. Raises UnknownAccount."""
        account = self.find(label)
        if account.origin == "fees":
            return bytes.fromhex(self._identities[account.name].fee_key)
        if account.keystore is None:
            raise UnknownAccount(self._network, label, [one.name for one in self.all()])
        content = files.read_secret(account.keystore)
        if content is None:
            raise UnknownAccount(self._network, label, [one.name for one in self.all()])
        try:
            return keystore.decrypt(content, self._passphrase())
        except keystore.WrongPassphrase as error:
            reason = "it does not open with the passphrase beside the folder"
            raise VaultCorrupt(account.keystore, reason) from error
        except keystore.KeystoreError as error:
            raise VaultCorrupt(account.keystore, error.sentence.rstrip(".")) from error

    def ensure(self, name: str) -> Address:
        """The address of the account of that name, which is made if there is none."""
        kept = {account.name: account.address for account in self._kept()}
        if name not in kept:
            from windlass.chains.ethereum.keys import generate_private_key

            return self._keep(name, generate_private_key()).address
        return kept[name]

    def _kept(self) -> list[Account]:
        """What lies in the keystore folder, oldest first: the files' names begin with the time."""
        directory = self._directory / "keystore"
        paths = [path for path in files.entries(directory) if not path.name.startswith(".")]
        if paths:
            files.refuse_exposed(directory)
        accounts = []
        for path in paths[:ACCOUNTS_MAX]:
            content = files.read_secret(path)
            if content is None:
                continue
            try:
                found = keystore.label(content)
            except keystore.KeystoreError as error:
                raise VaultCorrupt(path, error.sentence.rstrip(".")) from error
            name = found.name or found.address
            accounts.append(Account(name=name, address=found.address, keystore=path, origin="made"))
        return accounts

    def _fee_recipients(self) -> list[Account]:
        from windlass.chains.ethereum.keys import address_from_private_key

        return [
            Account(
                name=workload,
                address=address_from_private_key(bytes.fromhex(identity.fee_key)),
                keystore=None,
                origin="fees",
            )
            for workload, identity in self._identities.items()
            if identity.fee_key
        ]

    def _refuse_taken(self, name: str, address: Address | None = None) -> None:
        try:
            read_label(name)
        except ValueError as reason:
            raise WrongName(f"An account's name: {reason}.", "Choose another name.") from None
        for account in self.all():
            if account.name == name:
                raise AccountExists(self._network, name)
            if account.address == address and account.keystore is not None:
                raise AccountExists(self._network, account.name)

    def _keep(self, name: str, private_key: bytes) -> Account:
        files.prepare(self._directory.parent, self._network, self._write)
        content = keystore.encrypt(private_key, self._passphrase(), name=name)
        address = keystore.label(content).address
        now = dt.datetime.fromtimestamp(self._now(), dt.UTC)
        path = self._directory / "keystore" / keystore.file_name(address, now)
        self._write(path, content)
        origin = "genesis" if name in self._named else "made"
        return Account(name=name, address=address, keystore=path, origin=origin)

    def _passphrase(self) -> str:
        """What all keystores of the network open with; made at the first need."""
        path = self._directory / "passphrase"
        kept = files.read_secret(path)
        if kept is None:
            if self._kept():
                raise VaultCorrupt(path, "it is missing although there are keystores")
            kept = secrets.token_hex(32).encode()
            self._write(path, kept + b"\n")
        digits = kept.strip()
        if not _PASSPHRASE.fullmatch(digits):
            raise VaultCorrupt(path, "it is not 64 hex digits")
        return digits.decode()
