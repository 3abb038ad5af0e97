"""Keystores, held against eth_keyfile and eth_account in both directions."""

from __future__ import annotations

import datetime as dt
import json
from typing import Literal

import pytest
from eth_account import Account
from eth_keyfile.keyfile import create_keyfile_json
from hypothesis import given, settings
from hypothesis import strategies as st

from windlass.chains.ethereum import keystore
from windlass.chains.ethereum.keys import address_from_private_key
from windlass.chains.ethereum.quantities import Address

KEY = bytes(range(1, 33))
KEYS = st.integers(1, 2**255).map(lambda number: number.to_bytes(32, "big"))


@settings(max_examples=15, deadline=None)
@given(KEYS, st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_others_open_ours(key: bytes, passphrase: str) -> None:
    """What we write, eth_account opens, for any key and any passphrase."""
    content = keystore.encrypt(key, passphrase, name="treasury")

    assert bytes(Account.decrypt(json.loads(content), passphrase)) == key
    assert keystore.decrypt(content, passphrase) == key
    assert keystore.label(content) == keystore.Label(address_from_private_key(key), "treasury")


@pytest.mark.parametrize(
    ("kdf", "work"), [("scrypt", 1 << 12), ("scrypt", 1 << 18), ("pbkdf2", 262_144)]
)
def test_we_open_theirs(kdf: Literal["scrypt", "pbkdf2"], work: int) -> None:
    """What others write we open, with light and heavy scrypt and with pbkdf2."""
    document = create_keyfile_json(KEY, b"pass", kdf=kdf, iterations=work)

    assert keystore.decrypt(json.dumps(document).encode(), "pass") == KEY


def test_the_official_vectors_open() -> None:
    """The two examples of the Web3 Secret Storage Definition hold the key that it says."""
    secret = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d"
    common = {"address": "008aeeda4d805471df9b2a5b0f38a0c3bcba786b", "version": 3}
    pbkdf2 = {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "kdf": "pbkdf2",
        "kdfparams": {
            "c": 262144,
            "dklen": 32,
            "prf": "hmac-sha256",
            "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    }
    scrypt = {
        "cipher": "aes-128-ctr",
        "cipherparams": {"iv": "83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
        "kdf": "scrypt",
        "kdfparams": {
            "dklen": 32,
            "n": 262144,
            "p": 8,
            "r": 1,
            "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
    }
    for crypto in (pbkdf2, scrypt):
        content = json.dumps({**common, "crypto": crypto}).encode()

        assert keystore.decrypt(content, "testpassword").hex() == secret


def test_wrong_passphrase_says_so() -> None:
    """Another passphrase is refused as such, and neither it nor the key is in the text."""
    content = keystore.encrypt(KEY, "right")

    with pytest.raises(keystore.WrongPassphrase) as refusal:
        keystore.decrypt(content, "wrong-passphrase-here")

    assert "wrong-passphrase-here" not in str(refusal.value)


def changed(**crypto: object) -> bytes:
    """A right keystore with some of its crypto part replaced."""
    document = json.loads(keystore.encrypt(KEY, "pass"))
    document["crypto"] |= crypto
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "keystore"),
        (b"\xff\xfe", "keystore"),
        (b"[]", "keystore"),
        (b"{" * 20_000, "larger"),
        (b'{"version": 1}', "version"),
        (b'{"version": 3}', "crypto"),
        (changed(cipher="aes-256-gcm"), "cipher"),
        (changed(kdf="argon2"), "key derivation"),
        (changed(ciphertext="zz"), "ciphertext"),
        (changed(mac="00"), "mac"),
        (changed(kdfparams={}), "dklen"),
        (changed(kdfparams={"dklen": 32, "n": 1 << 24, "r": 8, "p": 1, "salt": "00"}), "too much"),
        (changed(kdfparams={"dklen": 32, "n": 4097, "r": 8, "p": 1, "salt": "00"}), "scrypt"),
        (changed(kdfparams={"dklen": 32, "n": 4096, "r": 1024, "p": 1024, "salt": "00"}), "much"),
        (changed(kdfparams={"dklen": 32, "n": True, "r": 8, "p": 1, "salt": "00"}), "n is"),
        (changed(kdf="pbkdf2", kdfparams={"dklen": 32, "c": 1}), "prf"),
        (
            changed(
                kdf="pbkdf2",
                kdfparams={"dklen": 32, "c": 10**12, "prf": "hmac-sha256", "salt": "00"},
            ),
            "c is",
        ),
    ],
)
def test_hostile_files_are_refused_at_once(content: bytes, reason: str) -> None:
    """Whatever is wrong or asks for too much memory or time is refused before it costs any."""
    with pytest.raises(keystore.KeystoreError, match=reason):
        keystore.decrypt(content, "pass")


def test_a_foreign_address_is_refused() -> None:
    """A file that names another address than its key has is refused."""
    document = json.loads(keystore.encrypt(KEY, "pass"))
    document["address"] = "00" * 20

    with pytest.raises(keystore.KeystoreError, match="address"):
        keystore.decrypt(json.dumps(document).encode(), "pass")


@given(st.binary(max_size=300))
def test_noise_is_refused(content: bytes) -> None:
    """Random bytes never get further than a KeystoreError."""
    with pytest.raises(keystore.KeystoreError):
        keystore.decrypt(content, "pass")


def test_file_name_is_geths() -> None:
    """Files sort by age and are called as geth calls them."""
    moment = dt.datetime(2026, 11, 21, 13, 46, 0, 123456, tzinfo=dt.UTC)
    name = keystore.file_name(Address("0x" + "ab" * 20), moment)

    assert name == "UTC--2026-11-21T13-46-00.123456000Z--" + "ab" * 20
