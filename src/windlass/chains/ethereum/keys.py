"""secp256k1 keys: what a node signs discovery with and what an account is.

The only module that imports coincurve (libsecp256k1). A private key is 32 bytes and never part of
an error's text or a representation.
"""

from __future__ import annotations

import secrets

import coincurve

from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.quantities import Address

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of the curve's group: a private key is a number from 1 to this less one."""


class InvalidKeyError(ValueError):
    """The bytes are no key, no signature, or the signature fits no key."""


class PrivateKey:
    """A key that signs. `public_key` has 64 bytes: x and y, without the 0x04 in front."""

    __slots__ = ("_key", "public_key")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < ORDER:
            raise InvalidKeyError("a private key has 32 bytes and is from 1 to the curve's order")
        self._key = coincurve.PrivateKey(secret)
        self.public_key = self._key.public_key.format(compressed=False)[1:]

    def __repr__(self) -> str:
        return f"PrivateKey(of {self.public_key[:8].hex()}…)"

    @property
    def compressed_public_key(self) -> bytes:
        """33 bytes: 0x02 or 0x03 (the parity of y) and x."""
        return self._key.public_key.format(compressed=True)

    @property
    def address(self) -> Address:
        """The account of this key."""
        return address_from_public_key(self.public_key)

    def sign(self, digest: bytes) -> bytes:
        """65 bytes r ‖ s ‖ v with v 0 or 1 and s in the lower half (EIP-2), over 32 bytes."""
        if len(digest) != 32:
            raise InvalidKeyError("a signature is made over 32 bytes")
        return self._key.sign_recoverable(digest, hasher=None)


def generate_private_key() -> bytes:
    """32 bytes from the system's randomness."""
    while True:
        secret = secrets.token_bytes(32)
        if 0 < int.from_bytes(secret, "big") < ORDER:
            return secret


def public_key(private_key: bytes) -> bytes:
    """64 bytes: x and y. Raises InvalidKeyError."""
    return PrivateKey(private_key).public_key


def recover(signature: bytes, digest: bytes) -> bytes:
    """The 64-byte public key that made r ‖ s ‖ v over this digest. Raises InvalidKeyError."""
    if len(signature) != 65 or signature[64] > 3 or len(digest) != 32:
        raise InvalidKeyError("a signature has 65 bytes, the last from 0 to 3, over 32 bytes")
    try:
        key = coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception as error:
        # coincurve raises a bare Exception where libsecp256k1 gives no point.
        raise InvalidKeyError("the signature fits no key") from error
    return key.format(compressed=False)[1:]


def address_from_public_key(key: bytes) -> Address:
    """The last 20 bytes of the hash of the 64-byte public key (yellow paper, appendix F)."""
    if len(key) != 64:
        raise InvalidKeyError("a public key has 64 bytes")
    return Address("0x" + keccak256(key)[12:].hex())


def address_from_private_key(private_key: bytes) -> Address:
    """The account of a private key. Raises InvalidKeyError."""
    return PrivateKey(private_key).address


def checksum_address(address: Address) -> str:
    """The mixed-case form (EIP-55) that people's tools check for typing errors."""
    digits = address[2:].lower()
    nibbles = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit
        for digit, nibble in zip(digits, nibbles, strict=False)
    )
