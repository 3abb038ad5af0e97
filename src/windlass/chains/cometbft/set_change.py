"""A change of the validator set as a document: what is proposed, and who has signed it.

It is a small JSON file that goes from holder to holder, each of whom adds a signature, until it has
enough of them; then it travels as a transaction of CometBFT (0x02 and the same JSON without white
space) into a block.

What is signed is the document without its signatures, after `DOMAIN`. A validator's key signs
nothing else but CometBFT's own messages, and those begin with their length, which is never zero
(CometBFT 0.38, types/vote.go: a delimited protobuf with a type in it). The domain begins with a
zero byte: no vote can be taken for a change, nor a change for a vote.

The signed part names the network, block 0 and the number of the change, so that a signature holds
for one change of one chain, once.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Literal

import msgspec

from windlass.chains.cometbft.configuration import CHANGE_BYTES_MAX, VOTING_POWER
from windlass.chains.cometbft.keys import ValidatorKey, address, is_signed_by
from windlass.kit import json

DOMAIN = b"\x00windlass validator set change 1\n"
TAG = b"\x02"
"""The first byte of a change in a CometBFT block; a payload begins with 0x01."""
VALIDATORS_MAX = 100
"""The most that a set may have: more than this would spend its second on votes."""
DOCUMENT_BYTES_MAX = 64 << 10
"""Of a file, which may be indented."""
HEIGHT_MAX = (1 << 63) - 1
NAME_CHARACTERS_MAX = 40

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_NETWORK = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,50}")  # what JSON writes without an escape
_FEE_RECIPIENT = re.compile(r"0x[0-9a-f]{40}")
_NOTHING = re.compile("")
_GENESIS = re.compile(r"0x[0-9a-f]{64}")


class MalformedChange(ValueError):
    """These bytes are no change; says why."""


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One validator's. Both fields are Base64 with padding."""

    public_key: str
    signature: str

    def __post_init__(self) -> None:
        _bytes(self.public_key, 32, "a signer's public key")
        _bytes(self.signature, 64, "a signature")

    @property
    def address(self) -> str:
        """The signer's, 40 upper-case hex digits."""
        return address(_bytes(self.public_key, 32, "a signer's public key"))


class SetChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A validator is added to the set or removed from it.

    `network` is CometBFT's chain id, `genesis` the hash of Ethereum's block 0. `sequence` counts a
    chain's changes from 1; the chain takes number N only after N - 1. `expires` is the last height
    at which it may be decided. `power` is 0 for a removal, and `fee_recipient` ''.
    """

    schema: Literal[1] = 1
    network: str
    genesis: str
    action: Literal["add", "remove"]
    public_key: str
    name: str
    fee_recipient: str
    power: int
    sequence: int
    expires: int
    signatures: tuple[Signature, ...] = ()

    def __post_init__(self) -> None:
        self.public_key_bytes  # noqa: B018 - raises for what is no key
        if not _NETWORK.fullmatch(self.network):
            raise ValueError("network is no CometBFT chain id")
        if not _GENESIS.fullmatch(self.genesis):
            raise ValueError("genesis is not 0x and 64 lower-case hex digits")
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"the name is not 1 to {NAME_CHARACTERS_MAX} lower-case letters, digits and hyphens"
            )
        adds = self.action == "add"
        wanted = _FEE_RECIPIENT if adds else _NOTHING
        if not wanted.fullmatch(self.fee_recipient):
            raise ValueError("fee_recipient is 0x and 40 lower-case hex digits for add, else empty")
        if self.power != (VOTING_POWER if adds else 0):
            raise ValueError(f"power is {VOTING_POWER} for add and 0 for remove")
        if not (0 < self.sequence <= HEIGHT_MAX and 0 < self.expires <= HEIGHT_MAX):
            raise ValueError("sequence and expires are positive 63-bit numbers")
        if len(self.signatures) > VALIDATORS_MAX:
            raise ValueError(f"there are more than {VALIDATORS_MAX} signatures")

    @property
    def public_key_bytes(self) -> bytes:
        """The subject's key, 32 bytes."""
        return _bytes(self.public_key, 32, "public_key")

    @property
    def address(self) -> str:
        """The subject's, 40 upper-case hex digits."""
        return address(self.public_key_bytes)

    def signed_bytes(self) -> bytes:
        """What the signatures are of."""
        return DOMAIN + msgspec.json.encode(msgspec.structs.replace(self, signatures=()))

    def signed(self, key: ValidatorKey) -> SetChange:
        """The same with one more signature."""
        one = Signature(
            public_key=base64.b64encode(key.public).decode(),
            signature=base64.b64encode(key.sign(self.signed_bytes())).decode(),
        )
        return msgspec.structs.replace(self, signatures=(*self.signatures, one))

    def holds(self, signature: Signature) -> bool:
        """Whether that signature is of this change, by the key that it names."""
        return is_signed_by(
            base64.b64decode(signature.public_key),
            base64.b64decode(signature.signature),
            self.signed_bytes(),
        )


def encode(change: SetChange) -> bytes:
    """The transaction."""
    return TAG + msgspec.json.encode(change)


def decode(transaction: bytes) -> SetChange:
    """The change in a transaction. There is one encoding of each; raises MalformedChange."""
    if len(transaction) > CHANGE_BYTES_MAX:
        raise MalformedChange(f"it has more than {CHANGE_BYTES_MAX} bytes")
    if transaction[:1] != TAG:
        raise MalformedChange("it does not begin as a change does")
    change = _read(transaction[1:])
    if encode(change) != transaction:
        raise MalformedChange("it is not written in the one way that a change is written")
    return change


def to_file(change: SetChange) -> bytes:
    """The document that goes from holder to holder."""
    return msgspec.json.format(msgspec.json.encode(change), indent=2) + b"\n"


def from_file(content: bytes) -> SetChange:
    """The change in a document, however it is indented. Raises MalformedChange."""
    if len(content) > DOCUMENT_BYTES_MAX:
        raise MalformedChange(f"it has more than {DOCUMENT_BYTES_MAX} bytes")
    return _read(content)


def public_key_from(text: str) -> bytes:
    """A public key as people pass it on, in Base64; raises ValueError."""
    return _bytes(text, 32, "the public key")


def _read(content: bytes) -> SetChange:
    try:
        return json.decode(content, SetChange)
    except json.JsonError as error:
        raise MalformedChange(str(error)) from error


def _bytes(text: str, length: int, what: str) -> bytes:
    """The bytes of a Base64 text, of which there is one form; raises ValueError."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != length or base64.b64encode(value).decode() != text:
        raise ValueError(f"{what} is not {length} bytes in Base64")
    return value
