"""What keys there are, for people: whose, of which kind, and the part that everybody may know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from windlass.vault.keys import Identity, NetworkKeys
from windlass.vault.vault import Vault


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A key or secret. `kind` is enode, validator, cometbft-node, fees, jwt or account.

    `public` is the public key (enode), the address (validator, fees, account) or the id
    (cometbft-node); None for a secret that has no public part.
    """

    network: str
    owner: str
    kind: str
    public: str | None


def rows(vault: Path) -> list[KeyRow]:
    """Every key of the vault's networks that are complete. Raises what `Vault.existing` raises."""
    reader = Vault(vault)
    found: list[KeyRow] = []
    for name in reader.networks():
        keys = reader.existing(name)
        if keys is not None:
            found += _of_network(name, keys)
    return found


def _of_network(name: str, keys: NetworkKeys) -> Iterator[KeyRow]:
    for owner, identity in keys.identities.items():
        for kind, public in _of_workload(owner, identity, keys):
            yield KeyRow(network=name, owner=owner, kind=kind, public=public)
    for account in keys.accounts:
        if account.keystore is not None:  # the others' keys are the fee keys above
            yield KeyRow(network=name, owner=account.name, kind="account", public=account.address)


def _of_workload(
    owner: str, identity: Identity, keys: NetworkKeys
) -> Iterator[tuple[str, str | None]]:
    yield "enode", keys.enode(owner, "", 0).removeprefix("enode://").partition("@")[0]
    if identity.validator_key:
        yield "validator", keys.validator_key(owner).address
    if identity.cometbft_node_key:
        yield "cometbft-node", keys.cometbft_node_key(owner).id
    if identity.fee_key:
        yield "fees", keys.fee_recipient(owner)
    if identity.jwt:
        yield "jwt", None
