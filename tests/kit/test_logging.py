"""Log lines: values stay values, secrets stay secret, strangers' bytes stay harmless."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Generator
from typing import Any

import msgspec
import pytest

from windlass.kit.logging import setup


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _keep_handlers() -> Generator[None]:
    root = logging.getLogger()
    kept = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], logging.raiseExceptions = kept[0], kept[2]
    root.setLevel(kept[1])


def _json(message: str, extra: dict[str, Any]) -> dict[str, Any]:
    out = io.StringIO()
    setup("bridge", stream=out)
    logging.getLogger("a.b").warning(message, extra=extra)
    assert out.getvalue().count("\n") == 1
    line: dict[str, Any] = msgspec.json.decode(out.getvalue())
    return line


def test_json_line() -> None:
    """Off a terminal a record is one line of JSON with its values as they are."""
    line = _json("peer joined", {"peer": "ab\ncd", "count": 3, "raw": b"\x01"})
    assert line["message"] == "peer joined"
    assert (line["level"], line["program"], line["logger"]) == ("warning", "bridge", "a.b")
    assert (line["peer"], line["count"], line["raw"]) == ("ab\ncd", 3, "01")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])


@pytest.mark.parametrize(
    "name", ["key", "private_key", "jwt", "token", "password", "vault_passphrase", "secret"]
)
def test_secret_values_are_hidden(name: str) -> None:
    """A value whose name says that it is secret is not written."""
    assert _json("x", {name: "s3cr3t"})[name] == "[hidden]"


def test_public_keys_are_shown() -> None:
    """A public key is no secret, and what a name merely contains does not hide it."""
    assert _json("x", {"public_key_hex": "ab", "keys": 2})["public_key_hex"] == "ab"


def test_long_values_are_cut() -> None:
    """A value of a stranger cannot fill the disk."""
    assert len(_json("x", {"value": "y" * 10**6})["value"]) < 3000


def test_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person reads time, level, message and values; control characters are made visible."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    setup("bridge", stream=out)
    logging.getLogger("a").error("bad \x1b[2J packet", extra={"sender": "x\r\ny"})
    assert "\x1b[31m" in out.getvalue()
    assert r"bad \x1b[2J packet sender=x\x0d\x0ay" in out.getvalue()


def test_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is respected."""
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    setup("bridge", stream=out)
    logging.getLogger("a").error("plain")
    assert "\x1b" not in out.getvalue()


def test_exception_is_part_of_the_line() -> None:
    """A traceback does not break the one-line-per-record rule."""
    out = io.StringIO()
    setup("bridge", stream=out)
    try:
        int("why")
    except ValueError:
        logging.getLogger("a").exception("failed")
    line = msgspec.json.decode(out.getvalue())
    assert "ValueError: invalid literal" in line["exception"]
