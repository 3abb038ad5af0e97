"""CometBFT's two Ed25519 keys and the JSON files in which it expects them.

The validator key signs votes: whoever has it can vote in the validator's name, and two running
copies of it equivocate. The node key only names a machine among its peers. Both files carry the
private key as 64 bytes, seed and public key, as Go's crypto/ed25519 stores them.
Source: CometBFT 0.38, privval/file.go, p2p/key.go, crypto/ed25519.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

_PUBLIC_KEY_TYPE = "tendermint/PubKeyEd25519"
_PRIVATE_KEY_TYPE = "tendermint/PrivKeyEd25519"


def address(public_key: bytes) -> str:
    """A validator's address: the first 20 bytes of the key's SHA-256, 40 upper-case hex digits."""
    return hashlib.sha256(public_key).digest()[:20].hex().upper()


def public_key_json(public_key: bytes) -> dict[str, str]:
    """A public key as CometBFT's JSON files and RPC write it."""
    return {"type": _PUBLIC_KEY_TYPE, "value": base64.b64encode(public_key).decode()}


def initial_validator_state() -> bytes:
    """priv_validator_state.json of a validator that has signed nothing.

    CometBFT keeps the last vote in this file so as never to sign twice at one height: write it
    only where there is none.
    """
    return _json({"height": "0", "round": 0, "step": 0})


@dataclass(frozen=True)
class ValidatorKey:
    """The key that signs votes. `private` is the 32-byte Ed25519 seed (RFC 8032)."""

    private: bytes = field(repr=False)

    @cached_property
    def public(self) -> bytes:
        """32 bytes."""
        return _public_key(self.private)

    @property
    def address(self) -> str:
        """40 upper-case hex digits: how headers, votes and the genesis name this validator."""
        return address(self.public)

    def sign(self, message: bytes) -> bytes:
        """64 bytes. The caller sees to it that the message can't be one of CometBFT's."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.private).sign(message)

    def key_file(self) -> bytes:
        """priv_validator_key.json; secret."""
        return _json(
            {
                "address": self.address,
                "pub_key": public_key_json(self.public),
                "priv_key": _private_key_json(self.private, self.public),
            }
        )


@dataclass(frozen=True)
class NodeKey:
    """The key that names a node among its peers. `private` is the 32-byte Ed25519 seed."""

    private: bytes = field(repr=False)

    @cached_property
    def public(self) -> bytes:
        """32 bytes."""
        return _public_key(self.private)

    @property
    def id(self) -> str:
        """40 lower-case hex digits: the `id` in a peer's `id@host:port`."""
        return address(self.public).lower()

    def key_file(self) -> bytes:
        """node_key.json; secret."""
        return _json({"priv_key": _private_key_json(self.private, self.public)})


def is_signed_by(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the signature is the key's, of that message (RFC 8032)."""
    # Imported here: a bridge needs it for the rare change of the validator set only.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _public_key(private: bytes) -> bytes:
    # Imported here: the bridge needs this module's constants and addresses, never a key.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    if len(private) != 32:
        raise ValueError(f"an Ed25519 seed has 32 bytes, this one has {len(private)}")
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _private_key_json(private: bytes, public: bytes) -> dict[str, str]:
    return {"type": _PRIVATE_KEY_TYPE, "value": base64.b64encode(private + public).decode()}


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
