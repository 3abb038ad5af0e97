"""What the vault hands out: the keys and the genesis of one network, read-only and in memory.

Private keys never appear in a representation. Public parts are computed when first asked for,
because most callers need few of them and the curve's library takes a moment to load.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import msgspec

from windlass.chains.cometbft.keys import NodeKey, ValidatorKey
from windlass.chains.ethereum.quantities import Address, BlockHash

_KEY = re.compile(r"[0-9a-fA-F]{64}")
_CURVE_KEYS = ("node_key", "fee_key")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account whose key the vault holds.

    `keystore` is its Web3 Secret Storage file, None for a fee recipient, whose key lies with the
    identity of its validator. `origin` is genesis, made (or imported) or fees.
    """

    name: str
    address: Address
    keystore: Path | None
    origin: str


class Identity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The secrets of one workload as 64 hex digits each; '' where it needs none of that kind.

    Whatever else is in a field is a ValueError, which never shows it.
    """

    node_key: str
    """secp256k1: what an Ethereum node or a bootnode is called by its peers."""
    validator_key: str = ""
    """Ed25519 seed of CometBFT's voting key; a node without voting power has one too."""
    cometbft_node_key: str = ""
    """Ed25519 seed of what CometBFT is called by its peers."""
    jwt: str = ""
    """What a consensus program proves itself with to its geth (Engine API)."""
    fee_key: str = ""
    """secp256k1 key of the account that gets the fees of the blocks that it makes."""

    def __post_init__(self) -> None:
        from windlass.chains.ethereum.keys import ORDER

        for name in self.__struct_fields__:
            digits = getattr(self, name)
            if not digits and name != "node_key":
                continue
            if not _KEY.fullmatch(digits):
                raise ValueError(f"{name} is not 64 hex digits")
            if name in _CURVE_KEYS and not 0 < int(digits, 16) < ORDER:
                raise ValueError(f"{name} is no key of the curve")

    def __repr__(self) -> str:
        return "Identity(…)"


@dataclass(frozen=True, kw_only=True)
class NetworkKeys:
    """The identities of a network's workloads, its accounts and its genesis.

    `preview` marks placeholders that a plan may be printed with before anything exists; nothing
    may ever be started with them. Hashes and times are those of the Ethereum block 0.
    """

    network: str
    identities: Mapping[str, Identity] = field(repr=False)
    accounts: tuple[Account, ...]
    ethereum_genesis: bytes = field(repr=False)
    """JSON as geth's --override.genesis wants it."""
    ethereum_genesis_hash: BlockHash
    ethereum_genesis_timestamp: int
    cometbft_genesis: bytes = field(repr=False)
    """JSON; empty in a solo network."""
    genesis_validators: tuple[str, ...] = ()
    """Who votes from block 1 on; the chain may have changed that since. None in a solo network."""
    passphrase_file: Path | None = None
    """What the keystores are encrypted with."""
    ethstats_secret: str = field(default="", repr=False)
    """64 hex digits: from it follows what each node reports to the dashboard with. '' in a vault of
    an earlier release that no `up` has opened since."""
    preview: bool = False

    def node_key(self, workload: str) -> bytes:
        """32 bytes: the secp256k1 key of a validator, sealer, node or bootnode."""
        return bytes.fromhex(self._identity(workload).node_key)

    def enode(self, workload: str, host: str, port: int) -> str:
        """The enode URL of the workload at that address, TCP and UDP on the same port."""
        from windlass.chains.ethereum.enode import Enode

        return str(Enode(self._public_keys[workload], host, port, port))

    def validator_key(self, workload: str) -> ValidatorKey:
        """CometBFT's voting key of a validator, or the powerless one of a node."""
        return ValidatorKey(bytes.fromhex(self._identity(workload).validator_key))

    def cometbft_node_key(self, workload: str) -> NodeKey:
        """What the CometBFT of a validator or node is called by its peers."""
        return NodeKey(bytes.fromhex(self._identity(workload).cometbft_node_key))

    def jwt(self, workload: str) -> str:
        """64 hex digits. In a solo network all have the same: the sealer talks to every geth."""
        return self._identity(workload).jwt

    def fee_recipient(self, workload: str) -> Address:
        """The account that gets the fees of the blocks that a validator or sealer makes."""
        from windlass.chains.ethereum.keys import address_from_private_key

        return address_from_private_key(bytes.fromhex(self._identity(workload).fee_key))

    def ethstats_secret_of(self, workload: str) -> str:
        """What a node proves its name to the dashboard with: 64 hex digits that only it and the
        dashboard can know, so that no node can report for another."""
        secret = bytes.fromhex(self.ethstats_secret)
        return hmac.digest(secret, workload.encode(), "sha256").hex()

    def _identity(self, workload: str) -> Identity:
        return self.identities[workload]

    @cached_property
    def _public_keys(self) -> dict[str, bytes]:
        from windlass.chains.ethereum.keys import public_key

        return {name: public_key(self.node_key(name)) for name in self.identities}
