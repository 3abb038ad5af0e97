"""What all bridges of a network agree on after a height, and how it becomes the app hash.

The app hash is CometBFT's guard: every validator computes it from the same decided blocks, and one
that got there differently can't sign the next. It is also each block's `parentBeaconBlockRoot`
(EIP-4788), so a contract can read what consensus said about the block before.
"""

from __future__ import annotations

import hashlib

import msgspec

from windlass.chains.cometbft.app_hash import after_block
from windlass.chains.cometbft.membership import META_KEY, Members
from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.payload_log import Head, PayloadLog
from windlass.chains.ethereum.quantities import Address, BlockHash, Height
from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.kit.json import JsonError
from windlass.programs.bridge.settings import Genesis

_GENESIS_TAG = b"windlass genesis 1"
_SET_TAG = b"windlass validator set 1"


class WrongNetwork(WindlassError):
    """CometBFT's genesis and this bridge's settings describe different chains."""

    code = "wrong_network"


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a height."""

    head: Head
    members: Members


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A decided height on its way into the log; `encoded` is the payload as CometBFT carried it."""

    state: State
    payload: Payload | None
    encoded: bytes | None


class Chain:
    """The newest state, and its log. `state` is None before the genesis is known.

    Raises WrongNetwork if the log does not say who the validators are.
    """

    def __init__(self, payloads: PayloadLog) -> None:
        self.payloads = payloads
        self._stored_members: Members | None = None
        self.state = self._stored()

    def head(self) -> Head | None:
        """What geth must be at; None before the genesis is known."""
        return self.state.head if self.state else None

    def require(self) -> State:
        """The newest state. Raises WrongNetwork before the genesis is known."""
        if self.state is None:
            raise WrongNetwork("CometBFT sent a block before the genesis.")
        return self.state

    def begin(self, state: State) -> None:
        """Starts from a genesis; nothing is written before the first commit."""
        self.state = state

    def commit(self, pending: Pending) -> None:
        """Makes a height durable, in one transaction. Raises PayloadLogError."""
        members = pending.state.members
        meta = {}
        if members != self._stored_members:
            meta[META_KEY] = msgspec.json.encode(members)
        head = pending.state.head
        self.payloads.commit(head, pending.payload, encoded=pending.encoded, meta=meta)
        self._stored_members = members

    def _stored(self) -> State | None:
        head = self.payloads.head()
        if head is None:
            return None
        try:
            members = json.decode(self.payloads.meta(META_KEY) or b"", Members)
        except JsonError as error:
            raise WrongNetwork(
                f"The payload log {self.payloads.path} does not name the validators: {error}.",
                "Move the file and CometBFT's data away: both are fetched from the others again.",
            ) from error
        self._stored_members = members
        return State(head=head, members=members)


def genesis_state(genesis_bytes: bytes, powers: dict[str, int], genesis_hash: str) -> State:
    """The state before height 1, from CometBFT's `app_state`.

    Raises WrongNetwork if that is malformed or means another Ethereum genesis than `genesis_hash`.
    """
    try:
        genesis = json.decode(genesis_bytes, Genesis)
    except JsonError as error:
        raise WrongNetwork(
            f"The app_state of CometBFT's genesis can't be read: {error}.",
            "Write genesis.json and the bridge's settings from the same release.",
        ) from error
    if genesis.ethereum_genesis_hash != genesis_hash:
        raise WrongNetwork(
            f"CometBFT's genesis names the Ethereum genesis {genesis.ethereum_genesis_hash}, the "
            f"bridge's settings {genesis_hash}.",
            "Give CometBFT and the bridge the files of one network.",
        )
    recipients = {name: Address(value) for name, value in genesis.fee_recipients.items()}
    head = Head(
        height=0,
        app_hash=hashlib.sha256(_GENESIS_TAG + bytes.fromhex(genesis_hash[2:])).digest(),
        number=Height(0),
        block_hash=BlockHash(genesis_hash),
        timestamp=genesis.ethereum_genesis_timestamp,
    )
    return State(head=head, members=Members(powers=powers, fee_recipients=recipients))


def next_head(head: Head, number: Height, block_hash: BlockHash, timestamp: int) -> Head:
    """The head after a height that brought this block."""
    return Head(
        height=head.height + 1,
        app_hash=after_block(head.app_hash, block_hash, number, timestamp),
        number=number,
        block_hash=block_hash,
        timestamp=timestamp,
    )


def same_head(head: Head) -> Head:
    """The head after a height that brought no block: only the height moves."""
    return Head(
        height=head.height + 1,
        app_hash=head.app_hash,
        number=head.number,
        block_hash=head.block_hash,
        timestamp=head.timestamp,
    )


def with_members(head: Head, members: Members) -> Head:
    """The head after a height that also changed the validator set: its app hash is of the set, too,
    so that a validator that got another one can't go on."""
    digest = hashlib.sha256(_SET_TAG + head.app_hash + members.digest_bytes())
    return msgspec.structs.replace(head, app_hash=digest.digest())
