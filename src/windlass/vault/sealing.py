"""A file that opens with one passphrase only, and only as it was written.

    windlass-keys\\n                        says what it is
    {"schema": 1, "n": …, "r": …, …}\\n     how the passphrase becomes a key; no secret
    …                                      the content under AES-256-GCM, 16 bytes longer than it

The two lines are authenticated with the content, so not one byte of the file can be changed. The
passphrase is a person's, unlike those of the keystores, so scrypt is slow here: 128 MiB and half a
second for each guess. A file to be read may be hostile: what its own numbers ask for is capped
before anything is computed.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path

import msgspec

from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.vault.export_errors import (
    ExportNewer,
    ExportNotOpened,
    NotAnExport,
    WeakPassphrase,
)

SCHEMA = 1
MAGIC = b"windlass-keys\n"
HEADER_BYTES_MAX = 1024

SCRYPT_N = 1 << 17
SCRYPT_R = 8
SCRYPT_P = 1

_MEMORY_BYTES_MAX = 1 << 30
"""Of scrypt, eight times what we write: room for later releases, and no more."""

_SCRYPT_WORK_MAX = 1 << 23
"""N · r · p, eight times what we write: some four seconds."""

SALT_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_BYTES = 32

PASSPHRASE_CHARACTERS_MIN = 12
PASSPHRASE_CHARACTERS_MAX = 1024

_HEX = re.compile(r"(?:[0-9a-f]{2})+")


class _Versioned(msgspec.Struct, frozen=True):
    schema: int


class _Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`bytes` is the length of what follows, so that a cut-off file is told from a changed one."""

    schema: int = SCHEMA
    kdf: str = "scrypt"
    n: int = SCRYPT_N
    r: int = SCRYPT_R
    p: int = SCRYPT_P
    salt: str
    cipher: str = "aes-256-gcm"
    nonce: str
    bytes: int


class NoRoomForScrypt(WindlassError):
    """The machine does not give the memory that a passphrase is stretched in."""

    code = "no_memory"


def refuse_weak(passphrase: str) -> None:
    """Raises WeakPassphrase for one that nobody should keep keys under."""
    if not passphrase.strip():
        raise WeakPassphrase("The passphrase is empty.", "Keys are exported under one only.")
    count = len(passphrase)
    if not PASSPHRASE_CHARACTERS_MIN <= count <= PASSPHRASE_CHARACTERS_MAX:
        raise WeakPassphrase(
            f"The passphrase has {count} characters, needed are {PASSPHRASE_CHARACTERS_MIN} to "
            f"{PASSPHRASE_CHARACTERS_MAX}.",
            "Several words that nobody would put together are easy to keep.",
        )


def seal(content: bytes, passphrase: str) -> bytes:
    """The whole file. Raises WeakPassphrase, NoRoomForScrypt."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    refuse_weak(passphrase)
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    header = _Header(salt=salt.hex(), nonce=nonce.hex(), bytes=len(content) + TAG_BYTES)
    head = MAGIC + msgspec.json.encode(header) + b"\n"
    return head + AESGCM(_key(passphrase, header)).encrypt(nonce, content, head)


def read_header(path: Path, file: bytes) -> None:
    """Raises what `unseal` raises before it needs the passphrase."""
    _split(path, file)


def unseal(path: Path, file: bytes, passphrase: str) -> bytes:
    """The content of a file that was read from that path.

    Raises NotAnExport, ExportNewer, ExportNotOpened, NoRoomForScrypt.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    header, head, sealed = _split(path, file)
    try:
        key = _key(passphrase, header)
        return AESGCM(key).decrypt(bytes.fromhex(header.nonce), sealed, head)
    except InvalidTag:
        raise ExportNotOpened(path) from None


def _split(path: Path, file: bytes) -> tuple[_Header, bytes, bytes]:
    """The header, the bytes that it stands in, and what follows them."""
    if not file.startswith(MAGIC):
        # A file that was cut within the first line begins like one of ours.
        cut = bool(file) and MAGIC.startswith(file)
        raise NotAnExport(path, "it is cut off" if cut else "it does not begin like one")
    end = file.find(b"\n", len(MAGIC), len(MAGIC) + HEADER_BYTES_MAX)
    if end < 0:
        raise NotAnExport(path, "its header has no end")
    line = file[len(MAGIC) : end]
    try:
        found = json.decode(line, _Versioned).schema
        if found > SCHEMA:
            raise ExportNewer(path, found, SCHEMA)
        header = json.decode(line, _Header)
    except json.JsonError as error:
        raise NotAnExport(path, f"its header is damaged ({error})") from error
    if reason := _wrong(header):
        raise NotAnExport(path, reason)
    sealed = file[end + 1 :]
    if len(sealed) != header.bytes:
        kind = "cut off" if len(sealed) < header.bytes else "too long"
        raise NotAnExport(
            path, f"it is {kind}: {len(sealed)} bytes follow its header, not {header.bytes}"
        )
    return header, file[: end + 1], sealed


def _wrong(header: _Header) -> str:
    """What of a header can't be used, in words; '' if all can."""
    n, r, p = header.n, header.r, header.p
    if header.schema < 1:
        return f"its schema is {header.schema}"
    if header.kdf != "scrypt" or header.cipher != "aes-256-gcm":
        return "it asks for another cipher than scrypt and aes-256-gcm"
    powers = n > 1 and n & (n - 1) == 0 and r > 0 and p > 0
    if not powers or 128 * n * r > _MEMORY_BYTES_MAX or n * r * p > _SCRYPT_WORK_MAX:
        return "its scrypt parameters are wrong or ask for too much"
    for text, count in ((header.salt, SALT_BYTES), (header.nonce, NONCE_BYTES)):
        if not _HEX.fullmatch(text) or len(text) != 2 * count:
            return "its salt or nonce is damaged"
    return "nothing is in it" if header.bytes <= TAG_BYTES else ""


def _key(passphrase: str, header: _Header) -> bytes:
    n, r, p = header.n, header.r, header.p
    # OpenSSL counts its own buffers against the limit, too.
    memory = 128 * r * (n + p + 2) + (1 << 20)
    # Any text has an encoding so: the error of one that has none would show a part of it.
    secret = passphrase.encode("utf-8", "surrogatepass")
    try:
        return hashlib.scrypt(
            secret,
            salt=bytes.fromhex(header.salt),
            n=n,
            r=r,
            p=p,
            maxmem=memory,
            dklen=KEY_BYTES,
        )
    except (ValueError, MemoryError) as error:
        raise NoRoomForScrypt(
            f"The passphrase can't be worked on: {str(error) or 'there is no memory'}.",
            f"It takes {128 * n * r >> 20} MiB of memory for a moment.",
        ) from error
