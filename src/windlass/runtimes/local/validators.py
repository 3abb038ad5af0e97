"""The validator set as a person asks about it: who is in it, who may be, and which changes wait.

What the chain says is asked of the CometBFT that is furthest; names and keys come from the vault.
Who is in the set elsewhere, and has no key here, is called what its proposal called it.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from windlass.chains.cometbft import membership, set_change
from windlass.chains.cometbft.membership import ChangeRefused
from windlass.chains.cometbft.rpc import CometbftClient, CometbftError
from windlass.chains.cometbft.set_change import MalformedChange, SetChange
from windlass.kit import files
from windlass.kit.errors import UsageError, WindlassError
from windlass.runtimes.local.place import Place, opened
from windlass.runtimes.local.state import NetworkRow
from windlass.vault.errors import VaultCorrupt
from windlass.vault.keys import NetworkKeys
from windlass.vault.vault import Vault

PROPOSALS = "proposals"
"""The folder in the state's directory where proposals lie unless told otherwise."""
FILES_MAX = 200
STALE_S = 30.0

ValidatorState = Literal["active", "candidate", "removed", "unknown"]


class NoSet(WindlassError):
    """Nobody tells who the validators are."""

    code = "no_validator_set"


class UnknownValidator(UsageError):
    """There is no validator, nor one that may become one, of that name or address."""

    code = "unknown_validator"


class BadProposal(WindlassError):
    """A file is no proposal, or none for this spec, or lies where another should."""

    code = "bad_proposal"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A validator. `public_key` is Base64, '' if only its address is known; `own` says whether its
    key is in this vault."""

    name: str
    address: str
    public_key: str
    fee_recipient: str
    power: int
    state: ValidatorState
    own: bool


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A network with its keys, and where its CometBFTs answer, by workload."""

    row: NetworkRow
    keys: NetworkKeys
    urls: dict[str, str]


class ValidatorSet(msgspec.Struct, frozen=True, kw_only=True):
    """Who there is. `chain` is None where nobody could be asked, `url` whom to ask."""

    found: Found
    chain: membership.Chain | None
    url: str
    entries: tuple[Entry, ...]
    error: CometbftError | None = None

    def require_chain(self) -> membership.Chain:
        """What the chain says. Raises NoSet."""
        if self.chain is None:
            why = self.error.sentence if self.error else "nothing of it runs."
            raise NoSet(
                f"Nobody tells the validator set of {self.found.row.name}: {why}",
                "`windlass up` starts it; `windlass doctor` says what is wrong.",
            )
        return self.chain

    def find(self, label: str) -> Entry:
        """The one by that name or address, an own one first. Raises UnknownValidator."""
        fitting = [one for one in self.entries if label == one.name or label.upper() == one.address]
        if not fitting:
            known = ", ".join(one.name for one in self.entries)
            raise UnknownValidator(
                f"There is no validator {label!r} in {self.found.row.name} (there is: {known}).",
                "Name one of these. A larger number of `validators` in the spec and `windlass up` "
                "make another; somebody else's is added by `propose add --public-key …`.",
            )
        own = [one for one in fitting if one.own]
        if not own and len(fitting) > 1:
            # The chain does not ask for names of their own: nobody may be hit for another one.
            addresses = ", ".join(one.address for one in fitting)
            raise UnknownValidator(
                f"Several validators of {self.found.row.name} are called {label}: {addresses}.",
                "Say the address of the one that you mean.",
            )
        return (own or fitting)[0]

    def name_of(self, address: str) -> str:
        """What the one of that address is called."""
        return next((one.name for one in self.entries if one.address == address), address)


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal in a file. `signed` is the power of its signatures, `missing` what it lacks;
    `refused` why the chain would not take it even with enough of them, '' if it would."""

    path: Path
    change: SetChange
    signers: tuple[str, ...]
    signed: int
    missing: int
    refused: str


def find_network(place: Place, row: NetworkRow) -> Found:
    """Keys and addresses of a network. Raises UsageError for one without validators, VaultCorrupt
    and what the vault raises."""
    if row.consensus != "bft":
        raise UsageError(
            f"{row.name} is a {row.consensus} network: it has a sealer and no validators.",
            "Only networks with `consensus: bft` have a validator set.",
        )
    with opened(place) as state:
        urls = {
            one.name: one.cometbft_url
            for one in state.workloads()
            if one.network == row.name and one.cometbft_url
        }
    directory = place.state / "vault"
    keys = Vault(directory).existing(row.name)
    if keys is None:
        raise VaultCorrupt(directory, f"it has no keys of {row.name}")
    return Found(row=row, keys=keys, urls=urls)


def look(found: Found) -> ValidatorSet:
    """The set as it is now."""
    return asyncio.run(see(found))


async def see(found: Found) -> ValidatorSet:
    """The same, for who is asynchronous already."""
    asked = await asyncio.gather(*(_ask(url) for url in found.urls.values()))
    answers = [one for one in asked if isinstance(one, tuple)]
    if not answers:
        error = next((one for one in asked if isinstance(one, CometbftError)), None)
        own = entries(found, None, {})
        return ValidatorSet(found=found, chain=None, url="", entries=own, error=error)
    url, chain, public = max(answers, key=lambda one: one[1].height)
    return ValidatorSet(found=found, chain=chain, url=url, entries=entries(found, chain, public))


async def _ask(url: str) -> tuple[str, membership.Chain, dict[str, bytes]] | CometbftError:
    client = CometbftClient(url)
    try:
        return url, await client.members(), await client.public_keys()
    except CometbftError as error:
        return error
    finally:
        await client.close()


def entries(
    found: Found, chain: membership.Chain | None, public: dict[str, bytes]
) -> tuple[Entry, ...]:
    """The vault's own validators first, then those that only the chain knows."""
    own = sorted(
        (name for name in found.keys.identities if name.startswith("validator-")),
        key=lambda name: (len(name), name),
    )
    listed = []
    for name in own:
        key = found.keys.validator_key(name)
        recipient = found.keys.fee_recipient(name)
        listed.append(_entry(name, key.address, key.public, recipient, chain, own=True))
    known = {one.address for one in listed}
    if chain is not None:
        members = chain.members
        former = sorted(members.fee_recipients.keys() - members.powers)
        for address in (*members.powers, *former):
            if address not in known:
                name = members.names.get(address, address)
                key_bytes = public.get(address, b"")
                recipient = members.fee_recipient(bytes.fromhex(address))
                listed.append(_entry(name, address, key_bytes, recipient, chain, own=False))
    return tuple(listed)


def _entry(
    name: str,
    address: str,
    public: bytes,
    recipient: str,
    chain: membership.Chain | None,
    *,
    own: bool,
) -> Entry:
    state: ValidatorState = "unknown"
    if chain is not None:
        was = address in chain.members.fee_recipients
        state = "removed" if was else "candidate"
        state = "active" if address in chain.members.powers else state
    return Entry(
        name=name,
        address=address,
        public_key=base64.b64encode(public).decode(),
        fee_recipient=recipient,
        power=chain.members.powers.get(address, 0) if chain else 0,
        state=state,
        own=own,
    )


def folder(place: Place) -> Path:
    """Where proposals lie unless told otherwise."""
    return place.state / PROPOSALS


def read(path: Path) -> SetChange:
    """The proposal in a file. Raises FileError, BadProposal."""
    # It came from somebody else: a pipe under its name would keep us waiting for ever.
    content, _mode = files.read_regular(path, bytes_max=set_change.DOCUMENT_BYTES_MAX)
    try:
        return set_change.from_file(content)
    except MalformedChange as error:
        raise BadProposal(
            f"{path} is no proposal of a validator: {error}.",
            "Make one with `windlass validator propose`, or fetch the file again.",
        ) from error


def write(path: Path, change: SetChange, *, anew: bool) -> None:
    """Writes the proposal. Raises FileError, BadProposal if it is `anew` and a file is there."""
    files.ensure_directory(path.parent)
    if not anew:
        files.write_atomically(path, set_change.to_file(change), secret=False)
        return
    try:
        files.write_new(path, set_change.to_file(change), secret=False)
    except FileExistsError as error:
        raise BadProposal(
            f"{path} is there already.", "Sign and submit that one, or name another with --out."
        ) from error


def proposals(directory: Path, chain: membership.Chain) -> list[Proposal]:
    """The proposals for that chain in a directory; what is none is left out, and what was decided
    or overtaken."""
    found = []
    for path in sorted(directory.glob("*.json"))[:FILES_MAX]:
        try:
            change = read(path)
        except WindlassError:
            continue
        if (change.network, change.genesis) != (chain.network, chain.genesis):
            continue
        if change.sequence >= chain.members.next_sequence:
            found.append(weigh(path, change, chain))
    return found


def weigh(path: Path, change: SetChange, chain: membership.Chain) -> Proposal:
    """How far a proposal has come."""
    refused, signed = "", 0
    try:
        membership.check_subject(change, chain)
        signed = membership.signed_power(change, chain.members)
    except ChangeRefused as error:
        refused = error.sentence
    return Proposal(
        path=path,
        change=change,
        signers=tuple(one.address for one in change.signatures),
        signed=signed,
        missing=max(0, chain.members.total * 2 // 3 + 1 - signed),
        refused=refused,
    )


def network_of(change: SetChange, networks: Sequence[NetworkRow]) -> NetworkRow:
    """The network that a proposal is for. Raises BadProposal."""
    from windlass.chains.cometbft.configuration import chain_id_of

    for row in networks:
        if chain_id_of(row.name, row.chain_id) == change.network:
            return row
    known = ", ".join(chain_id_of(row.name, row.chain_id) for row in networks)
    raise BadProposal(
        f"The proposal is for the network {change.network}; this spec has: {known or 'none'}.",
        "Sign and submit it beside the spec of that network.",
    )
