"""The sealed file: opens with its passphrase and as it was written, and in no other case."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from windlass.vault import sealing
from windlass.vault.export_errors import (
    ExportNewer,
    ExportNotOpened,
    NotAnExport,
    WeakPassphrase,
)

PATH = Path("trade.keys")
PASSPHRASE = "correct horse battery"
SALT, NONCE = bytes(range(32)), bytes(range(12))


def written(content: bytes, passphrase: str = PASSPHRASE, **changes: Any) -> bytes:
    """A file made from the documentation alone, with a scrypt that takes no time."""
    header: dict[str, Any] = {
        "schema": 1,
        "kdf": "scrypt",
        "n": 16,
        "r": 8,
        "p": 1,
        "salt": SALT.hex(),
        "cipher": "aes-256-gcm",
        "nonce": NONCE.hex(),
        "bytes": len(content) + 16,
    }
    head = b"windlass-keys\n" + json.dumps({**header, **changes}).encode() + b"\n"
    key = hashlib.scrypt(passphrase.encode(), salt=SALT, n=16, r=8, p=1, dklen=32)
    return head + AESGCM(key).encrypt(NONCE, content, head)


WHOLE = written(b'{"secret": "of the vault"}')


def test_what_is_sealed_opens_again() -> None:
    """With the same passphrase; the content is not in the file, and no file is like another."""
    first, second = (sealing.seal(b"all the keys", PASSPHRASE) for _ in range(2))
    assert sealing.unseal(PATH, first, PASSPHRASE) == b"all the keys"
    assert b"all the keys" not in first
    assert first != second


def test_the_file_is_as_documented() -> None:
    """N = 2^17, r = 8, p = 1; and a program that knows the page only can write it."""
    header = json.loads(sealing.seal(b"x", PASSPHRASE).split(b"\n")[1])
    assert (header["n"], header["r"], header["p"]) == (1 << 17, 8, 1)
    assert header["cipher"] == "aes-256-gcm"
    assert sealing.unseal(PATH, WHOLE, PASSPHRASE) == b'{"secret": "of the vault"}'


@pytest.mark.parametrize("wrong", ["", "Correct horse battery", PASSPHRASE + " ", "ü", "\udc80"])
def test_another_passphrase_does_not_open_it(wrong: str) -> None:
    """However near it is; and what was tried is not in the words."""
    with pytest.raises(ExportNotOpened) as refused:
        sealing.unseal(PATH, WHOLE, wrong)
    assert not wrong or wrong not in str(refused.value)


@given(place=st.integers(0, len(WHOLE) - 1), bit=st.integers(0, 7))
def test_no_bit_can_be_changed(place: int, bit: int) -> None:
    """Neither in the header nor in what follows it."""
    altered = bytearray(WHOLE)
    altered[place] ^= 1 << bit
    with pytest.raises((NotAnExport, ExportNotOpened, ExportNewer)):
        sealing.unseal(PATH, bytes(altered), PASSPHRASE)


@given(length=st.integers(0, len(WHOLE) - 1))
def test_a_cut_off_file_is_refused_as_such(length: int) -> None:
    """Wherever it ends: the passphrase is not blamed."""
    with pytest.raises(NotAnExport):
        sealing.unseal(PATH, WHOLE[:length], PASSPHRASE)


def test_how_much_is_missing_is_said() -> None:
    """And what comes after the end is no part of it."""
    with pytest.raises(NotAnExport, match="cut off"):
        sealing.unseal(PATH, WHOLE[:-1], PASSPHRASE)
    with pytest.raises(NotAnExport, match="too long"):
        sealing.unseal(PATH, WHOLE + b"\n", PASSPHRASE)


@pytest.mark.parametrize(
    "changes",
    [
        {"n": 1 << 24},
        {"n": 1 << 23, "r": 1, "p": 2},
        {"n": 1 << 300},
        {"n": 15},
        {"n": 0},
        {"n": -16},
        {"r": 1 << 20},
        {"r": 0},
        {"p": 1 << 30},
        {"p": -1},
        {"salt": ""},
        {"salt": "zz" * 32},
        {"nonce": "00"},
        {"kdf": "none"},
        {"cipher": "rot13"},
        {"bytes": 0},
        {"bytes": 16},
        {"bytes": 1 << 60},
        {"schema": 0},
        {"schema": "1"},
        {"more": 1},
        {"salt": "0" * 2000},
    ],
    ids=str,
)
def test_a_hostile_header_is_refused_before_anything_is_computed(changes: dict[str, Any]) -> None:
    """Memory and time that its numbers ask for are never spent."""
    file = written(b"x", **changes)
    with pytest.raises(NotAnExport):
        sealing.read_header(PATH, file)
    with pytest.raises(NotAnExport):
        sealing.unseal(PATH, file, PASSPHRASE)


def test_a_newer_file_is_refused_for_that_alone() -> None:
    """Its other fields mean nothing here."""
    with pytest.raises(ExportNewer, match="newer release"):
        sealing.read_header(PATH, written(b"x", schema=2, kdf="argon2", more=1))


@given(st.binary(max_size=200))
def test_a_foreign_file_is_refused(content: bytes) -> None:
    """Whatever is in it, also behind our first line."""
    for file in (content, b"windlass-keys\n" + content, b"windlass-keys\n{}\n" + content):
        with pytest.raises(NotAnExport):
            sealing.read_header(PATH, file)


@pytest.mark.parametrize("weak", ["", "            ", "eleven char", "x" * 1025])
def test_a_weak_passphrase_seals_nothing(weak: str) -> None:
    """Empty, blank, short, or longer than anybody means."""
    with pytest.raises(WeakPassphrase) as refused:
        sealing.seal(b"x", weak)
    assert not weak.strip() or weak not in str(refused.value)
