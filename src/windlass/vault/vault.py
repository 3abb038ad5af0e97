"""Keys, genesis and secrets of a spec's networks: made at first use, kept, never made twice.

Nothing else in Windlass makes a secret. Whoever calls holds the lock of the state that this vault
belongs to, so one process at a time writes here; reading needs no lock.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

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

TIMESTAMP_MAX = 1 << 63
_HASH = re.compile(r"0x[0-9a-f]{64}")
_SECRET = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")

T = TypeVar("T")


class _Identities(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """identities.json."""

    schema: int = files.SCHEMA
    identities: dict[str, Identity]


class _Secrets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """secrets.json: 64 hex digits each."""

    schema: int = files.SCHEMA
    ethstats: str

    def __post_init__(self) -> None:
        if not _SECRET.fullmatch(self.ethstats):
            raise ValueError("ethstats is not 64 hex digits")

    def __repr__(self) -> str:
        return "_Secrets(…)"


class _Genesis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """genesis.json: both documents as text, so that every node gets the same bytes for ever."""

    schema: int = files.SCHEMA
    made_from: making.Ingredients
    timestamp: int
    hash: str
    named: dict[str, Address]
    ethereum: str
    cometbft: str

    def __post_init__(self) -> None:
        # The reasons quote nothing: what stands there may belong elsewhere.
        if not _HASH.fullmatch(self.hash):
            raise ValueError("the hash is not 64 hex digits")
        if not all(_ADDRESS.fullmatch(address) for address in self.named.values()):
            raise ValueError("an address is not 40 hex digits")
        if not 0 <= self.timestamp < TIMESTAMP_MAX:
            raise ValueError("the timestamp is no second of Unix time")
        _part("Ethereum", self.ethereum, dict[str, Any])
        if self.made_from.consensus == "bft":
            _part("CometBFT", self.cometbft, _Members)
        elif self.cometbft:
            raise ValueError("it has a CometBFT part, but no validators")


def _part(name: str, text: str, kind: type[T]) -> T:
    """One of the two documents, read; raises ValueError."""
    try:
        return json.decode(text, kind)
    except json.JsonError as error:
        raise ValueError(f"its {name} part is damaged") from error


class _Member(msgspec.Struct, frozen=True):
    address: str
    name: str


class _Members(msgspec.Struct, frozen=True):
    validators: list[_Member]


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
        if files.mode(self.directory) is None:
            return
        if not self.directory.is_dir():
            raise VaultCorrupt(self.directory, "it is no directory")
        files.refuse_exposed(self.directory)
        mark = files.read_versioned(self.directory / "vault.json", files.Mark)
        if mark is None and self.networks():
            raise VaultCorrupt(self.directory / "vault.json", "it is missing")

    def networks(self) -> list[str]:
        """The names of the networks that it has something of."""
        return [entry.name for entry in files.entries(self.directory) if entry.is_dir()]

    def identities(self, name: str, network: Network) -> NetworkKeys:
        """Everything that the network needs; what is missing is made, nothing else is changed.

        Raises GenesisMismatch before anything is made; VaultExposed, VaultCorrupt, VaultNewer,
        FileError.
        """
        self.open()
        directory = self.directory / name
        stored = self._refuse_mismatch(name, network)
        files.prepare(self.directory, name, self._write)
        identities = self._identities(name, network, stored)
        if self._secrets(name) is None:  # new, or made by a release that had no dashboard
            made = _Secrets(ethstats=secrets.token_hex(32))
            self._write(directory / "secrets.json", msgspec.json.encode(made) + b"\n")
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
        secret = existing.ethstats_secret
        return dataclasses.replace(
            existing,
            identities=identities,
            ethstats_secret=secret or VaultPreview().identities(name, network).ethstats_secret,
            preview=not secret or identities != existing.identities,
        )

    def existing(self, name: str) -> NetworkKeys | None:
        """What was made for the network, or None if nothing is complete; makes nothing."""
        self.open()
        stored = self._stored_genesis(name)
        kept = self._kept_identities(name, stored)
        if stored is None or kept is None:
            return None
        return self._keys(name, kept, stored)

    def accounts(self, name: str) -> Accounts:
        """The network's accounts, to list, add to, and sign with."""
        self.open()
        stored = self._stored_genesis(name)
        kept = self._kept_identities(name, stored)
        return self._accounts(name, stored.named if stored else {}, kept or {})

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

    def _kept_identities(self, name: str, stored: _Genesis | None) -> Mapping[str, Identity] | None:
        """What identities.json holds: all that a network needs that was made from it."""
        path = self.directory / name / "identities.json"
        document = files.read_versioned(path, _Identities)
        if stored is None:
            return document.identities if document else None
        if document is None:
            raise VaultCorrupt(path, "it is missing although the network was made with it")
        made_from, kept = stored.made_from, document.identities
        makers = (f"validator-{number}" for number in range(made_from.validators))
        for maker in ("sealer",) if made_from.consensus == "solo" else makers:
            if maker not in kept:
                raise VaultCorrupt(path, f"it has no keys of {maker}")
        if reason := making.lacking(made_from.consensus, kept):
            raise VaultCorrupt(path, reason)
        return kept

    def _identities(
        self, name: str, network: Network, stored: _Genesis | None
    ) -> dict[str, Identity]:
        path = self.directory / name / "identities.json"
        existing = self._kept_identities(name, stored) or {}
        identities = making.new_identities(
            network, existing, lambda _workload, _kind: secrets.token_bytes(32)
        )
        if reason := making.lacking(network.consensus, identities):
            raise VaultCorrupt(path, reason)
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

    def _secrets(self, name: str) -> _Secrets | None:
        return files.read_versioned(self.directory / name / "secrets.json", _Secrets)

    def _stored_genesis(self, name: str) -> _Genesis | None:
        directory = self.directory / name
        if directory.exists():
            files.refuse_exposed(directory)
        return files.read_versioned(directory / "genesis.json", _Genesis)

    def _keys(
        self, name: str, identities: Mapping[str, Identity], genesis: _Genesis
    ) -> NetworkKeys:
        kept = self._secrets(name)
        return NetworkKeys(
            network=name,
            identities=identities,
            ethstats_secret=kept.ethstats if kept else "",
            accounts=self._accounts(name, genesis.named, identities).all(),
            ethereum_genesis=genesis.ethereum.encode(),
            ethereum_genesis_hash=BlockHash(genesis.hash),
            ethereum_genesis_timestamp=genesis.timestamp,
            cometbft_genesis=genesis.cometbft.encode(),
            genesis_validators=_genesis_validators(genesis),
            passphrase_file=self.directory / name / "passphrase",
        )


def _genesis_validators(genesis: _Genesis) -> tuple[str, ...]:
    if genesis.made_from.consensus == "solo":
        return ()
    return tuple(f"validator-{number}" for number in range(genesis.made_from.validators))


def _check_validators(
    directory: Path, network: Network, identities: Mapping[str, Identity], genesis: _Genesis
) -> None:
    """The keys must be those that the genesis names, or the network would never make a block.

    Validators beyond the genesis are not in it: they follow the chain until it takes them in.
    """
    if network.consensus == "solo":
        return
    members = _part("CometBFT", genesis.cometbft, _Members).validators
    named = {member.name: member.address for member in members}
    of_genesis = _genesis_validators(genesis)
    for validator in (one for one in names(network, "validator") if one in of_genesis):
        key = ValidatorKey(bytes.fromhex(identities[validator].validator_key))
        if named.get(validator) != key.address:
            raise VaultCorrupt(
                directory / "identities.json",
                f"the key of {validator} is not the one in the genesis",
            )
