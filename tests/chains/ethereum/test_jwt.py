"""Tokens and secrets of the Engine API."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest

from windlass.chains.ethereum.jwt import REFRESH_S, Tokens, read_secret, token
from windlass.kit.files import FileError

SECRET = bytes(range(32))


def decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def issued_at(text: str) -> int:
    return int(json.loads(decode(text.split(".")[1]))["iat"])


def test_token_is_a_signed_jwt() -> None:
    """RFC 7519: three base64url parts without padding, HS256 over two, `iat` in whole s."""
    text = token(SECRET, 1_700_000_000.9)
    header, claims, signature = text.split(".")
    assert "=" not in text
    assert json.loads(decode(header)) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(decode(claims)) == {"iat": 1_700_000_000}
    signed = f"{header}.{claims}".encode()
    assert decode(signature) == hmac.new(SECRET, signed, hashlib.sha256).digest()


def test_tokens_are_refreshed_before_geth_would_refuse_them(tmp_path: Path) -> None:
    """A token is used again for 20 s and never longer, also when the clock is set back."""
    path = tmp_path / "jwt.hex"
    path.write_text(SECRET.hex())
    tokens = Tokens(path)
    first = tokens.current(1000)
    assert issued_at(first) == 1000
    assert tokens.current(1000 + REFRESH_S - 1) == first
    assert issued_at(tokens.current(1000 + REFRESH_S)) == 1000 + REFRESH_S
    assert issued_at(tokens.current(500)) == 500


def test_a_corrected_secret_is_read_without_a_restart(tmp_path: Path) -> None:
    """After `forget` the file is read again."""
    path = tmp_path / "jwt.hex"
    path.write_text("00" * 32)
    tokens = Tokens(path)
    tokens.current(1000)
    path.write_text(SECRET.hex())
    tokens.forget()
    assert tokens.current(1000) == token(SECRET, 1000)


@pytest.mark.parametrize("text", [SECRET.hex(), "0x" + SECRET.hex(), SECRET.hex() + "\n"])
def test_secret_is_read_as_geth_writes_it(tmp_path: Path, text: str) -> None:
    """64 hex digits, with or without 0x and a line's end."""
    path = tmp_path / "jwt.hex"
    path.write_text(text)
    assert read_secret(path) == SECRET


@pytest.mark.parametrize("text", ["", "00" * 31, "zz" * 32, "00" * 33])
def test_a_malformed_secret_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    """The error names the file and never what is in it."""
    path = tmp_path / "jwt.hex"
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        read_secret(path)
    assert str(path) in str(caught.value)
    assert not text or text not in str(caught.value)
