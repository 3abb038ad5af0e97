"""Keys, genesis and secrets of a spec's networks: made at first use, kept, never made twice.

Nothing else in Windlass makes a secret. Whoever calls holds the lock of the state that this vault
belongs to, so one process at a time writes here; reading needs no lock.
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from windlass.chains.cometbft.keys import ValidatorKey
from windlass.chains.ethereum.quantities import Address, BlockHash
from windlass.kit import json
from windlass.spec.models import Network
from windlass.spec.roster import names
from windlass.vault import files, making
from windlass.vault.accounts import Accounts
from windlass.vault.errors import GenesisMismatch, VaultCorrupt
from windlass.vault.keys import Identity, NetworkKeys
from windlass.vault.preview import VaultPreview


class _Identities(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """identities.json."""

    schema: int = files.SCHEMA
    identities: dict[str, Identity]


class _Genesis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """genesis.json: both documents as text, so that every node gets the same bytes for ever."""

    schema: int = files.SCHEMA
    made_from: making.Ingredients
    timestamp: int
    hash: str
    named: dict[str, Address]
    ethereum: str
    cometbft: str


class Vault:
    """The vault in one directory. Making an object touches nothing; the first need creates it."""

    def __init__(
        self,
        directory: Path,
        *,
        write: files.Write = files.write_secret,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.directory = directory
        self._write = write
        self._now = now

    def open(self) -> None:
        """Refuses a vault that is open to others, of a newer release, or broken."""
        if not self.directory.exists():
            return
        if not self.directory.is_dir():
            raise VaultCorrupt(self.directory, "it is no directory")
        files.refuse_exposed(self.directory)
        mark = files.read_versioned(self.directory / "vault.json", files.Mark)
        if mark is None and self.networks():
            raise VaultCorrupt(self.directory / "vault.json", "it is missing")

    def networks(self) -> list[str]:
        """The names of the networks that it has something of."""
        if not self.directory.is_dir():
            return []
        return sorted(entry.name for entry in self.directory.iterdir() if entry.is_dir())

    def identities(self, name: str, network: Network) -> NetworkKeys:
        """Everything that the network needs; what is missing is made, nothing else is changed.

        Raises GenesisMismatch before anything is made; VaultExposed, VaultCorrupt, VaultNewer,
        FileError.
        """
        self.open()
        directory = self.directory / name
        stored = self._refuse_mismatch(name, network)
        files.prepare(self.directory, name, self._write)
        identities = self._identities(directory, network, made=stored is not None)
        if stored is None:
            stored = self._make_genesis(name, network, identities)
        _check_validators(directory, network, identities, stored)
        return self._keys(name, identities, stored)

    def preview(self, name: str, network: Network) -> NetworkKeys:
        """What `identities` would give, with placeholders for what is missing; makes nothing.

        Raises what `identities` raises.
        """
        existing = self.existing(name)
        if existing is None:
            return VaultPreview().identities(name, network)
        self._refuse_mismatch(name, network)
        placeholders = VaultPreview().identities(name, network).identities
        identities = {**placeholders, **existing.identities}
        return dataclasses.replace(
            existing, identities=identities, preview=identities != existing.identities
        )

    def existing(self, name: str) -> NetworkKeys | None:
        """What was made for the network, or None if nothing is complete; makes nothing."""
        self.open()
        stored = self._stored_genesis(name)
        kept = files.read_versioned(self.directory / name / "identities.json", _Identities)
        if stored is None or kept is None:
            return None
        return self._keys(name, kept.identities, stored)

    def accounts(self, name: str) -> Accounts:
        """The network's accounts, to list, add to, and sign with."""
        self.open()
        stored = self._stored_genesis(name)
        kept = files.read_versioned(self.directory / name / "identities.json", _Identities)
        return self._accounts(name, stored.named if stored else {}, kept.identities if kept else {})

    def _accounts(
        self, name: str, named: Mapping[str, Address], identities: Mapping[str, Identity]
    ) -> Accounts:
        return Accounts(
            name,
            self.directory / name,
            named=named,
            identities=identities,
            write=self._write,
            now=self._now,
        )

    def _identities(self, directory: Path, network: Network, *, made: bool) -> dict[str, Identity]:
        path = directory / "identities.json"
        kept = files.read_versioned(path, _Identities)
        if made and kept is None:
            raise VaultCorrupt(path, "it is missing although the network was made with it")
        existing: Mapping[str, Identity] = kept.identities if kept else {}
        identities = making.new_identities(
            network, existing, lambda _workload, _kind: secrets.token_bytes(32)
        )
        if identities != existing:
            document = _Identities(identities=identities)
            self._write(path, msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
        return identities

    def _make_genesis(
        self, name: str, network: Network, identities: Mapping[str, Identity]
    ) -> _Genesis:
        accounts = self._accounts(name, {}, identities)
        named = {
            account.name: accounts.ensure(account.name)
            for account in network.genesis.accounts
            if account.name is not None
        }
        # CometBFT's time comes one second later and must not lie ahead of the clock.
        ethereum = making.ethereum_genesis(network, named, int(self._now()) - 1)
        document = _Genesis(
            made_from=making.ingredients(network),
            timestamp=ethereum.timestamp,
            hash=ethereum.hash(),
            named=named,
            ethereum=ethereum.file().decode(),
            cometbft=making.cometbft_genesis(name, network, identities, ethereum).decode(),
        )
        content = msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
        self._write(self.directory / name / "genesis.json", content)
        return document

    def _refuse_mismatch(self, name: str, network: Network) -> _Genesis | None:
        """The stored genesis, which the spec must still ask for."""
        stored = self._stored_genesis(name)
        if stored is None:
            return None
        if found := making.differences(stored.made_from, making.ingredients(network)):
            raise GenesisMismatch(name, found)
        return stored

    def _stored_genesis(self, name: str) -> _Genesis | None:
        directory = self.directory / name
        if directory.exists():
            files.refuse_exposed(directory)
        return files.read_versioned(directory / "genesis.json", _Genesis)

    def _keys(
        self, name: str, identities: Mapping[str, Identity], genesis: _Genesis
    ) -> NetworkKeys:
        return NetworkKeys(
            network=name,
            identities=identities,
            accounts=self._accounts(name, genesis.named, identities).all(),
            ethereum_genesis=genesis.ethereum.encode(),
            ethereum_genesis_hash=BlockHash(genesis.hash),
            ethereum_genesis_timestamp=genesis.timestamp,
            cometbft_genesis=genesis.cometbft.encode(),
            passphrase_file=self.directory / name / "passphrase",
        )


class _Member(msgspec.Struct, frozen=True):
    address: str
    name: str


class _Members(msgspec.Struct, frozen=True):
    validators: list[_Member]


def _check_validators(
    directory: Path, network: Network, identities: Mapping[str, Identity], genesis: _Genesis
) -> None:
    """The keys must be those that the genesis names, or the network would never make a block."""
    if network.consensus == "solo":
        return
    try:
        members = json.decode(genesis.cometbft.encode(), _Members).validators
    except json.JsonError as error:
        raise VaultCorrupt(directory / "genesis.json", "its CometBFT part is damaged") from error
    named = {member.name: member.address for member in members}
    for validator in names(network, "validator"):
        key = ValidatorKey(bytes.fromhex(identities[validator].validator_key))
        if named.get(validator) != key.address:
            raise VaultCorrupt(
                directory / "identities.json",
                f"the key of {validator} is not the one in the genesis",
            )
