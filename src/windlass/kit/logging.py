"""Log records as JSON lines for machines, as coloured lines for a person at a terminal.

Values go into `extra`, so that they stay values: `log.info("peer joined", extra={"peer": id})`.
What is logged may come from a stranger: control characters are shown as escapes and long values
are cut. A field whose name says that it is secret is never written.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from typing import Any, TextIO

import msgspec

VALUE_CHARACTERS_MAX = 2000
SECRET_NAME = re.compile(
    r"(^|_)(key|private_key|secret|password|passphrase|mnemonic|seed_phrase|jwt|token)$"
)
HIDDEN = "[hidden]"

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_COLOURS = {"DEBUG": "2", "INFO": "36", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}


def setup(program: str, *, stream: TextIO | None = None) -> None:
    """Sends all log records to stderr; called once, at the edge of a process.

    WINDLASS_LOG_LEVEL sets the level (default INFO), NO_COLOR switches colour off.
    """
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    if out.isatty():
        handler.setFormatter(LineFormatter(colour=not os.environ.get("NO_COLOR")))
    else:
        handler.setFormatter(JsonFormatter(program))
    level = os.environ.get("WINDLASS_LOG_LEVEL", "INFO").upper()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level if level in _COLOURS else "INFO")
    logging.raiseExceptions = False  # a full disk under the log must not end the program


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """The record's own values, the secret ones hidden and the long ones cut."""
    return {
        name: HIDDEN if SECRET_NAME.search(name) else _cut(value)
        for name, value in vars(record).items()
        if name not in _STANDARD
    }


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time (RFC 3339, UTC), level, program, logger, message, values."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _utc(record.created),
            "level": record.levelname.lower(),
            "program": self._program,
            "logger": record.name,
            "message": _cut(record.getMessage()),
            **fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class LineFormatter(logging.Formatter):
    """`12:34:56 info    message name=value`, for reading."""

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        level = f"{record.levelname.lower():<8}"
        if self._colour:
            level = f"\x1b[{_COLOURS.get(record.levelname, '0')}m{level}\x1b[0m"
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        values = [f"{name}={_visible(str(value))}" for name, value in fields(record).items()]
        message = _visible(str(_cut(record.getMessage())))
        line = " ".join([clock, level, message, *values])
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _utc(unix_s: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_s))
    return f"{whole}.{int(unix_s * 1000) % 1000:03d}Z"


def _cut(value: Any) -> Any:
    if isinstance(value, (bool, int, float, type(None))):
        return value
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= VALUE_CHARACTERS_MAX else text[:VALUE_CHARACTERS_MAX] + "…"


def _visible(text: str) -> str:
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)
