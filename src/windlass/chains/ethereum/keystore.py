"""Web3 Secret Storage, version 3: a private key encrypted with a passphrase, in JSON.

Every Ethereum wallet and geth itself read these files, so whatever the vault makes can be taken
elsewhere. What we read may come from anywhere and may be hostile: its size, and the memory and
time that its own parameters ask for, are capped before anything is computed.
Source: the "Web3 Secret Storage Definition" (ethereum.org) and go-ethereum accounts/keystore.

What we write uses a light scrypt (N = 4096, r = 8, p = 1, 4 MiB, some 10 ms): stretching protects
weak passphrases from being guessed, and the vault's are 256 random bits, which nobody guesses.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
import uuid
from typing import Any

import msgspec

from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.keys import InvalidKeyError, address_from_private_key
from windlass.chains.ethereum.quantities import Address
from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.kit.json import JsonError

FILE_BYTES_MAX = 16_384
"""A keystore has some 500 bytes."""

SCRYPT_N = 4096
SCRYPT_R = 8
SCRYPT_P = 1

_MEMORY_BYTES_MAX = 1 << 30
"""Of scrypt. geth's "standard" files ask for 256 MiB, some wallets for 512."""

_SCRYPT_WORK_MAX = 1 << 24
"""N · r · p; geth's standard is 2**21. Bounds the time to some ten seconds."""

_PBKDF2_ROUNDS_MAX = 10_000_000
"""Wallets use 262,144; this is some five seconds."""


class KeystoreError(WindlassError):
    """The file is no keystore that can be read, or the passphrase is not its own."""

    code = "keystore"


class WrongPassphrase(KeystoreError):
    """The passphrase is not this file's, or somebody changed the file."""

    code = "wrong_passphrase"

    def __init__(self) -> None:
        super().__init__(
            "The passphrase does not open this keystore.",
            "Try again with the passphrase that it was made with; nothing was changed.",
        )


class _Cipher(msgspec.Struct, frozen=True):
    iv: str


class _Crypto(msgspec.Struct, frozen=True):
    cipher: str
    ciphertext: str
    cipherparams: _Cipher
    kdf: str
    kdfparams: dict[str, Any]
    mac: str


class _Keystore(msgspec.Struct, frozen=True):
    """`Crypto` is how very old wallets write it; `name` is an addition that others ignore."""

    version: int
    crypto: _Crypto | None = None
    Crypto: _Crypto | None = None
    address: str = ""
    name: str = ""


class Label(msgspec.Struct, frozen=True):
    """What a keystore says without a passphrase."""

    address: Address
    name: str


def encrypt(private_key: bytes, passphrase: str, *, name: str = "") -> bytes:
    """A keystore of this key as JSON. Raises InvalidKeyError if the key is none."""
    address = address_from_private_key(private_key)
    salt, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    parameters = {"dklen": 32, "n": SCRYPT_N, "p": SCRYPT_P, "r": SCRYPT_R, "salt": salt.hex()}
    derived = _scrypt(passphrase, parameters)
    ciphertext = _aes_128_ctr(derived[:16], iv, private_key)
    document = {
        "address": address[2:],
        "crypto": {
            "cipher": "aes-128-ctr",
            "ciphertext": ciphertext.hex(),
            "cipherparams": {"iv": iv.hex()},
            "kdf": "scrypt",
            "kdfparams": parameters,
            "mac": keccak256(derived[16:32] + ciphertext).hex(),
        },
        "id": str(uuid.uuid4()),
        "version": 3,
    }
    if name:
        document["name"] = name
    return msgspec.json.encode(document) + b"\n"


def decrypt(content: bytes, passphrase: str) -> bytes:
    """The 32-byte private key. Raises WrongPassphrase, KeystoreError with the reason."""
    keystore = _parse(content)
    crypto = keystore.crypto or keystore.Crypto
    if crypto is None:
        raise _refusal("it has no 'crypto' part")
    if crypto.cipher != "aes-128-ctr":
        raise _refusal(f"its cipher is {crypto.cipher[:40]!r}, only aes-128-ctr is known")
    ciphertext = _hex(crypto.ciphertext, 32, "ciphertext")
    iv = _hex(crypto.cipherparams.iv, 16, "iv")
    derived = _derive(crypto, passphrase)
    mac = keccak256(derived[16:32] + ciphertext)
    if not hmac.compare_digest(mac, _hex(crypto.mac, 32, "mac")):
        raise WrongPassphrase
    private_key = _aes_128_ctr(derived[:16], iv, ciphertext)
    try:
        address = address_from_private_key(private_key)
    except InvalidKeyError as error:
        raise _refusal("what it holds is not a private key") from error
    if keystore.address and address[2:] != _plain(keystore.address):
        raise _refusal(
            f"it says that its address is {keystore.address[:42]!r}, but it is {address}"
        )
    return private_key


def label(content: bytes) -> Label:
    """Address and name of a keystore, without its passphrase. Raises KeystoreError."""
    keystore = _parse(content)
    address = _hex(_plain(keystore.address), 20, "address")
    return Label(Address("0x" + address.hex()), keystore.name)


def file_name(address: Address, now: dt.datetime) -> str:
    """UTC--2026-11-21T13-46-00.000000000Z--hex: what geth calls such a file; `now` is in UTC."""
    return f"UTC--{now:%Y-%m-%dT%H-%M-%S.%f}000Z--{address[2:]}"


def _parse(content: bytes) -> _Keystore:
    if len(content) > FILE_BYTES_MAX:
        raise _refusal(f"it is larger than {FILE_BYTES_MAX} bytes")
    try:
        keystore = json.decode(content, _Keystore)
    except JsonError as error:
        raise _refusal(str(error)) from error
    if keystore.version != 3:
        raise _refusal(f"it is of version {keystore.version}, only 3 is known")
    return keystore


def _derive(crypto: _Crypto, passphrase: str) -> bytes:
    """The 32 bytes that the passphrase becomes, by the file's own function and parameters."""
    _number(crypto.kdfparams, "dklen", 32, 32)
    if crypto.kdf == "scrypt":
        return _scrypt(passphrase, crypto.kdfparams)
    if crypto.kdf == "pbkdf2":
        return _pbkdf2(passphrase, crypto.kdfparams)
    raise _refusal(f"its key derivation is {crypto.kdf[:40]!r}, only scrypt and pbkdf2 are known")


def _scrypt(passphrase: str, parameters: dict[str, Any]) -> bytes:
    n = _number(parameters, "n", 2, 1 << 24)
    r = _number(parameters, "r", 1, 1 << 10)
    p = _number(parameters, "p", 1, 1 << 10)
    if n & (n - 1) or 128 * n * r > _MEMORY_BYTES_MAX or n * r * p > _SCRYPT_WORK_MAX:
        raise _refusal(f"its scrypt parameters n={n}, r={r}, p={p} are wrong or ask for too much")
    secret, salt = passphrase.encode(), _salt(parameters)
    try:
        if n >= 1 << 16 * r:
            return _scrypt_beyond_the_rfc(secret, salt, n, r, p)
        # OpenSSL counts its own buffers against the limit too.
        memory = 128 * r * (n + p + 2) + (1 << 20)
        return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=32)
    except (ValueError, MemoryError) as error:
        raise _refusal(f"scrypt refuses n={n}, r={r}, p={p}: {error}") from error


def _scrypt_beyond_the_rfc(secret: bytes, salt: bytes, n: int, r: int, p: int) -> bytes:
    """With parameters that RFC 7914 forbids and OpenSSL refuses: N of 2**(16 r) or more.

    The example in the definition of these files has them (n = 262144, r = 1, p = 8), so wallets
    copied them.
    """
    from Crypto.Protocol.KDF import scrypt

    derived = scrypt(secret, salt, 32, N=n, r=r, p=p)  # type: ignore[arg-type]
    assert isinstance(derived, bytes)
    return derived


def _pbkdf2(passphrase: str, parameters: dict[str, Any]) -> bytes:
    if parameters.get("prf") != "hmac-sha256":
        raise _refusal(f"its prf is {str(parameters.get('prf'))[:40]!r}, not hmac-sha256")
    rounds = _number(parameters, "c", 1, _PBKDF2_ROUNDS_MAX)
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), _salt(parameters), rounds, 32)


def _aes_128_ctr(key: bytes, iv: bytes, content: bytes) -> bytes:
    # Imported here: listing accounts needs no cipher.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return cipher.update(content) + cipher.finalize()


def _salt(parameters: dict[str, Any]) -> bytes:
    salt = parameters.get("salt")
    if not isinstance(salt, str) or len(salt) > 256:
        raise _refusal("it has no salt")
    return _hex(salt, len(_plain(salt)) // 2, "salt")


def _number(parameters: dict[str, Any], name: str, least: int, most: int) -> int:
    value = parameters.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise _refusal(f"{name} is {str(value)[:40]}, needed is a number from {least} to {most}")
    return value


def _hex(text: str, length: int, what: str) -> bytes:
    try:
        value = bytes.fromhex(_plain(text))
    except ValueError:
        value = b""
    if len(value) != length or not length:
        raise _refusal(f"its {what} is not {2 * length} hex digits")
    return value


def _plain(text: str) -> str:
    return text.lower().removeprefix("0x")


def _refusal(reason: str) -> KeystoreError:
    return KeystoreError(
        f"This is no keystore that can be read: {reason}.",
        "Give a Web3 Secret Storage file of version 3, as geth and wallets write them.",
    )
