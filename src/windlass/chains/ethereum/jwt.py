"""The token that an Engine API call carries: HS256 over nothing but the time it was made.

Both sides share 32 secret bytes; geth accepts a token whose `iat` is at most 60 s away from its
own clock. Source: execution-apis, src/engine/authentication.md; RFC 7519, RFC 7515.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

from windlass.kit.files import read_hex

SECRET_BYTES = 32
REFRESH_S = 20.0
"""A third of what geth allows, so that a token is never refused for its age alone."""

_HEADER = b'{"alg":"HS256","typ":"JWT"}'


def token(secret: bytes, now: float) -> str:
    """A token made at `now` (unix seconds)."""
    message = _base64url(_HEADER) + b"." + _base64url(b'{"iat":%d}' % int(now))
    signature = hmac.new(secret, message, hashlib.sha256).digest()
    return (message + b"." + _base64url(signature)).decode()


def read_secret(path: Path) -> bytes:
    """The secret in `path`: 64 hex digits, as geth writes and reads them. Raises FileError."""
    return read_hex(path, length=SECRET_BYTES)


class Tokens:
    """Makes tokens from a secret file, a fresh one every REFRESH_S.

    The file is read again with each fresh token: a corrected secret needs no restart.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made_at = float("-inf")
        self._token = ""

    def current(self, now: float) -> str:
        """A token at most REFRESH_S older than `now` (unix seconds). Raises FileError."""
        # abs(): when the clock is set back, a token from the future must go as well.
        if abs(now - self._made_at) >= REFRESH_S:
            self._token = token(read_secret(self._path), now)
            self._made_at = now
        return self._token

    def forget(self) -> None:
        """Makes the next call read the file again: geth refused what we have."""
        self._made_at = float("-inf")


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
