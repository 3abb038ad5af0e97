"""What no single value can tell: rules between fields and between networks, and the warnings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address

from windlass.chains.ethereum.quantities import Address
from windlass.chains.ethereum.system_contracts import SYSTEM_CONTRACTS
from windlass.spec.models import GenesisAccount, Network, Spec
from windlass.spec.read import Reader

ROLES_ABSENT = {"bft": {"sealer"}, "solo": {"validator"}}
"""Roles that a network of this consensus has not."""

RESERVED_ADDRESS_MAX = 0x1FF
"""Precompiled contracts lie at 0x01 to 0x11 and, in forks to come, at 0x100."""


def check(reader: Reader) -> None:
    """Notes every broken rule in `reader`."""
    networks = {
        path: section for path, section in reader.built.items() if isinstance(section, Network)
    }
    for path, network in networks.items():
        _check_validators(reader, path, network)
        _check_resources(reader, path, network)
        _check_addresses(reader, path, network)
        _check_genesis(reader, path, network)
    _check_chain_ids(reader, networks)
    _check_ports(reader, networks)
    if "networks" in reader.places and not any(
        place.startswith("networks.") for place in reader.places
    ):
        reader.note("networks", "holds no network; `windlass init` writes one to start from")


def _check_validators(reader: Reader, path: str, network: Network) -> None:
    written = f"{path}.validators" in reader.places
    if network.consensus == "solo" and written and network.validators != 1:
        reader.note(
            f"{path}.validators",
            f"is {network.validators}, but a solo network has one sealer and no validators; "
            f"leave it out, or use consensus 'bft'",
        )


def _check_resources(reader: Reader, path: str, network: Network) -> None:
    for role in network.resources:
        if role in ROLES_ABSENT[network.consensus]:
            reader.note(f"{path}.resources.{role}", f"a {network.consensus} network has no {role}")


def _check_addresses(reader: Reader, path: str, network: Network) -> None:
    """Whether who connects to `host` reaches `bind`. Two addresses outside of this machine may
    differ: a router can pass one on to the other."""
    bind, host = IPv4Address(network.bind), IPv4Address(network.host)
    if bind == host or bind.is_unspecified or not (bind.is_loopback or host.is_loopback):
        return
    also = f", or write `host: {bind}` too" if host.is_loopback else ""
    reader.note(
        f"{path}.bind",
        f"nobody can connect to {host} (host) while the network listens on {bind} only; bind to "
        f"{host} or 0.0.0.0{also}",
    )


def _check_genesis(reader: Reader, path: str, network: Network) -> None:
    seen: dict[str, str] = {}
    for place, account in _each(f"{path}.genesis.accounts", network.genesis.accounts):
        if (account.name is None) == (account.address is None):
            reader.note(place, "needs either a name (its key is made) or an address, one of them")
        if account.name is not None and re.fullmatch(r"sealer|validator-\d+", account.name):
            reader.note(f"{place}.name", f"{account.name!r} is what the fees' account is called")
        label = account.name or account.address
        if label is not None:
            _check_once(reader, seen, label, f"{place}.{'name' if account.name else 'address'}")
        if account.address is not None:
            _check_free(reader, account.address, f"{place}.address")
    for index, contract in enumerate(network.genesis.contracts):
        place = f"{path}.genesis.contracts[{index}].address"
        _check_once(reader, seen, contract.address, place)
        _check_free(reader, contract.address, place)


def _each(path: str, accounts: tuple[GenesisAccount, ...]) -> Iterator[tuple[str, GenesisAccount]]:
    for index, account in enumerate(accounts):
        yield f"{path}[{index}]", account


def _check_once(reader: Reader, seen: dict[str, str], label: str, place: str) -> None:
    if label in seen:
        reader.note(place, f"{label} is already there, at {seen[label]}")
    seen.setdefault(label, place)


def _check_free(reader: Reader, address: str, place: str) -> None:
    system = {contract.address: contract.purpose for contract in SYSTEM_CONTRACTS}
    if address in system:
        reader.note(place, f"{address} belongs to {system[Address(address)]}; take another one")
    elif int(address, 16) <= RESERVED_ADDRESS_MAX:
        reader.note(place, f"{address} is reserved for precompiled contracts; take another one")


def _check_chain_ids(reader: Reader, networks: dict[str, Network]) -> None:
    seen: dict[int, str] = {}
    for path, network in networks.items():
        if network.chain_id in seen:
            reader.note(
                f"{path}.chain_id",
                f"{network.chain_id} is also the chain id of {seen[network.chain_id]}: "
                f"transactions of one would be valid on the other; choose another number",
            )
        seen.setdefault(network.chain_id, path)


def _check_ports(reader: Reader, networks: dict[str, Network]) -> None:
    """TCP and UDP numbers are apart: only the bootnodes' discovery is UDP alone."""
    seen: dict[tuple[str, int], str] = {}
    for path, network in networks.items():
        for name in network.ports.__struct_fields__:
            number = getattr(network.ports, name)
            if number is None:
                continue
            place = f"{path}.ports.{name}"
            key = ("udp" if name == "bootnode" else "tcp", number)
            if key in seen:
                reader.note(place, f"{number} is already the port of {seen[key]}")
            seen.setdefault(key, place)


def warnings(spec: Spec) -> list[str]:
    """What is allowed and yet worth a sentence."""
    found = []
    for name, network in spec.networks.items():
        if network.consensus == "bft" and network.validators < 4:
            count = {
                1: "1 validator tolerates",
                2: "2 validators tolerate",
                3: "3 validators tolerate",
            }[network.validators]
            found.append(f"Network {name}: {count} no fault; 4 tolerate one.")
        accounts, contracts = network.genesis.accounts, network.genesis.contracts
        if not any([one.balance for one in accounts] + [one.balance for one in contracts]):
            found.append(
                f"Network {name}: no account has ether at genesis, so nobody will ever be able to "
                f"pay for a transaction."
            )
        if unused := [role for role, one in network.resources.items() if one.cpu or one.memory]:
            found.append(
                f"Network {name}: cpu and memory of {', '.join(unused)} are read but not enforced "
                f"on one machine; only disk is."
            )
    return found
