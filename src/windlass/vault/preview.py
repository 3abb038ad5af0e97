"""Placeholders for a plan that is printed before anything exists.

They are made like real keys, but from the names alone, so that the same spec always shows the same
plan, and everybody could compute them: nothing may ever be started with them.
"""

from __future__ import annotations

import hashlib

from windlass.chains.ethereum.keys import address_from_private_key
from windlass.spec.models import Network
from windlass.spec.roster import names
from windlass.vault import making
from windlass.vault.keys import Account, NetworkKeys


class VaultPreview:
    """Answers `identities` as a vault would, without a directory."""

    def identities(self, name: str, network: Network) -> NetworkKeys:
        """Keys that are marked with `preview`; the genesis says that it is of 1970."""

        def placeholder(workload: str, kind: str) -> bytes:
            text = f"windlass preview, not a secret: {name}/{workload} {kind}"
            return hashlib.sha256(text.encode()).digest()

        identities = making.new_identities(network, {}, placeholder)
        named = {
            account.name: address_from_private_key(placeholder(account.name, "account"))
            for account in network.genesis.accounts
            if account.name is not None
        }
        ethereum = making.ethereum_genesis(network, named, 0)
        return NetworkKeys(
            network=name,
            identities=identities,
            accounts=tuple(
                Account(name=label, address=address, keystore=None, origin="genesis")
                for label, address in named.items()
            ),
            ethereum_genesis=ethereum.file(),
            ethereum_genesis_hash=ethereum.hash(),
            ethereum_genesis_timestamp=ethereum.timestamp,
            cometbft_genesis=making.cometbft_genesis(name, network, identities, ethereum),
            ethstats_secret=placeholder("dashboard", "ethstats").hex(),
            genesis_validators=names(network, "validator"),
            preview=True,
        )
