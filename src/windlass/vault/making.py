"""How identities and block 0 come to be: the decisions, free of files.

Randomness is passed in, so that a preview can make placeholders by the same way that a vault makes
keys.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from windlass.chains.cometbft import configuration
from windlass.chains.cometbft.keys import ValidatorKey
from windlass.chains.ethereum.genesis import Allocation, Genesis
from windlass.chains.ethereum.keys import ORDER, address_from_private_key
from windlass.chains.ethereum.quantities import Address, Wei, format_ether
from windlass.spec.models import GenesisContract, Network
from windlass.spec.roster import BLOCK_MAKERS, Member, names, roster
from windlass.vault.errors import Difference
from windlass.vault.keys import Identity

Randomness = Callable[[str, str], bytes]
"""(workload, kind of key) → 32 bytes."""

_WITHOUT_KEYS = ("registrar", "gateway", "dashboard")
"""The roles that prove themselves to nobody."""


def new_identities(
    network: Network, existing: Mapping[str, Identity], randomness: Randomness
) -> dict[str, Identity]:
    """The existing identities, untouched, and those that are missing."""
    identities = dict(existing)
    for member in roster(network):
        if member.role not in _WITHOUT_KEYS and member.name not in identities:
            shared = identities["sealer"].jwt if "sealer" in identities else ""
            jwt = shared if network.consensus == "solo" else ""
            identities[member.name] = _identity(network, member, jwt, randomness)
    return identities


def _identity(network: Network, member: Member, jwt: str, randomness: Randomness) -> Identity:
    workload = member.name

    def key(kind: str) -> str:
        return randomness(workload, kind).hex()

    if member.role == "bootnode":
        return Identity(node_key=_curve_key(workload, "node", randomness))
    in_bft = network.consensus == "bft"
    return Identity(
        node_key=_curve_key(workload, "node", randomness),
        validator_key=key("validator") if in_bft else "",
        cometbft_node_key=key("cometbft node") if in_bft else "",
        jwt=jwt or key("jwt"),
        fee_key=_curve_key(workload, "fee", randomness) if member.role in BLOCK_MAKERS else "",
    )


def lacking(consensus: str, identities: Mapping[str, Identity]) -> str:
    """What one of these workloads of a network has not and must have, in words; '' if nothing."""
    for name, identity in identities.items():
        role = name.partition("-")[0]
        needed = [] if role == "bootnode" else ["jwt"]
        if consensus == "bft" and role in ("validator", "node"):
            needed += ["validator_key", "cometbft_node_key"]
        if role in BLOCK_MAKERS:
            needed.append("fee_key")
        for kind in needed:
            if not getattr(identity, kind):
                return f"{name} has no {kind}"
        # The sealer talks to every geth with its own.
        sealer = identities.get("sealer") if consensus == "solo" and role == "node" else None
        if sealer is not None and identity.jwt != sealer.jwt:
            return f"{name} has another jwt than the sealer"
    return ""


def _curve_key(workload: str, kind: str, randomness: Randomness) -> str:
    """A secp256k1 key; one of 2**128 random numbers is none, so there is no loop to bound."""
    secret = randomness(workload, kind)
    if not 0 < int.from_bytes(secret, "big") < ORDER:
        secret = hashlib.sha256(secret).digest()
    return secret.hex()


_DECIMAL = re.compile(r"[0-9]{1,78}")
_OF_CONTRACT = {"balance", "nonce", "code", "storage"}


class Ingredients(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a spec decides block 0, in the form in which it is kept and compared.

    Gas limit and block time are not among them: both can change while a network runs. `validators`
    is how many the genesis has; it is kept and not compared, since the chain can change its set:
    the spec's number says how many run.
    """

    consensus: Literal["bft", "solo"]
    chain_id: int
    validators: int
    accounts: dict[str, str]
    """Name or address → balance in wei."""
    contracts: dict[str, dict[str, str]]
    """Address → balance, nonce and the SHA-256 of code and storage."""

    def __post_init__(self) -> None:
        if not all(_DECIMAL.fullmatch(balance) for balance in self.accounts.values()):
            raise ValueError("the balance of an account is no number")
        if any(contract.keys() != _OF_CONTRACT for contract in self.contracts.values()):
            raise ValueError("a contract lacks a part, or has another")


def ingredients(network: Network) -> Ingredients:
    """What block 0 of this network is made from."""
    return Ingredients(
        consensus=network.consensus,
        chain_id=network.chain_id,
        validators=len(names(network, "validator")),
        accounts={
            account.name or account.address or "": str(account.balance)
            for account in network.genesis.accounts
        },
        contracts={
            contract.address: {
                "balance": str(contract.balance),
                "nonce": str(contract.nonce),
                "code": hashlib.sha256(contract.code.encode()).hexdigest(),
                "storage": _digest(contract),
            }
            for contract in network.genesis.contracts
        },
    )


def _digest(contract: GenesisContract) -> str:
    return hashlib.sha256(msgspec.json.encode(sorted(contract.storage.items()))).hexdigest()


def differences(old: Ingredients, new: Ingredients) -> list[Difference]:
    """What changed, by the name that the field has in the spec."""
    found = [
        Difference(name, str(getattr(old, name)), str(getattr(new, name)))
        for name in ("consensus", "chain_id")
        if getattr(old, name) != getattr(new, name)
    ]
    for label in sorted(old.accounts.keys() | new.accounts.keys()):
        before, after = old.accounts.get(label), new.accounts.get(label)
        if before != after:
            found.append(Difference(f"genesis.accounts.{label}", _ether(before), _ether(after)))
    for address in sorted(old.contracts.keys() | new.contracts.keys()):
        was, will = old.contracts.get(address), new.contracts.get(address)
        place = f"genesis.contracts.{address}"
        if was is None or will is None:
            found.append(Difference(place, _presence(was), _presence(will)))
            continue
        found += (
            Difference(f"{place}.{name}", was[name][:12], will[name][:12])
            for name in will
            if was[name] != will[name]
        )
    return found


def _ether(wei: str | None) -> str:
    return "absent" if wei is None else format_ether(Wei(int(wei)))


def _presence(contract: dict[str, str] | None) -> str:
    return "absent" if contract is None else "there"


def ethereum_genesis(network: Network, named: Mapping[str, Address], timestamp: int) -> Genesis:
    """Block 0; `named` gives the addresses of the accounts that the spec only names."""
    allocations: dict[Address, Allocation] = {
        account.address or named[account.name or ""]: Allocation(balance=account.balance)
        for account in network.genesis.accounts
    }
    for contract in network.genesis.contracts:
        allocations[contract.address] = Allocation(
            balance=contract.balance,
            nonce=contract.nonce,
            code=contract.code,
            storage=contract.storage,
        )
    return Genesis(
        chain_id=network.chain_id,
        timestamp=timestamp,
        gas_limit=network.gas_limit,
        allocations=allocations,
    )


def cometbft_genesis(
    name: str, network: Network, identities: Mapping[str, Identity], ethereum: Genesis
) -> bytes:
    """CometBFT's genesis.json; empty for a solo network.

    Its time is one second after that of block 0: the first block's time is the genesis time, and
    block 1 of Ethereum must be later than block 0.
    """
    if network.consensus == "solo":
        return b""
    keys = {
        validator: ValidatorKey(bytes.fromhex(identities[validator].validator_key))
        for validator in names(network, "validator")
    }
    return configuration.genesis(
        chain_id=configuration.chain_id_of(name, network.chain_id),
        genesis_time=ethereum.timestamp + 1,
        validators=[
            (validator, key.public, configuration.VOTING_POWER) for validator, key in keys.items()
        ],
        app_state={
            "ethereum_genesis_hash": ethereum.hash(),
            "ethereum_genesis_timestamp": ethereum.timestamp,
            "fee_recipients": {
                key.address: address_from_private_key(bytes.fromhex(identities[validator].fee_key))
                for validator, key in keys.items()
            },
        },
    )
