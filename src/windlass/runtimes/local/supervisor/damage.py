"""Whether a program's last words say that its database is damaged, so that it can never start.

Deleting data is the last resort, so it takes a known sentence of a storage engine, and none of the
sentences that explain the death otherwise: a full disk or a missing right often ends in a complaint
of the database, too, and a deleted one would not help there.
"""

from __future__ import annotations

import re
import signal

LOG_BYTES_MAX = 64 << 10
"""How much of the log is looked at: a start of geth that fails writes some 10 KiB."""

_DAMAGED = re.compile(
    r"corrupt|malformed|checksum mismatch|bad magic|missing trie node|missing block number"
    r"|gap (?:\(#\d+\) )?in the chain|invalid (?:table|chunk|checksum|footer)|background error"
    r"|(?:leveldb|pebble)[^\n]*(?:error|not found|missing|invalid|fail|could not open|no such file)"
    r"|head (?:block|header|state) missing|freezer table|truncat\w+ (?:head|tail)[^\n]*fail"
    r"|(?:freezer|ancient)[^\n]*(?:error|fail|missing|mismatch)",
    re.IGNORECASE,
)
_ERROR = re.compile(r"\s*(?:fatal\b|panic:|CRIT\b|ERROR\b)", re.IGNORECASE)
_OTHERWISE = re.compile(
    r"address already in use|no space left|disk quota|permission denied|operation not permitted"
    r"|read-only file system|too many open files|cannot allocate memory|out of memory"
    r"|incompatible genesis|genesis[^\n]*(?:mismatch|differ)|(?:database|chain) (?:contains|has)"
    r"[^\n]*genesis|already used by another process|resource temporarily unavailable"
    r"|flag provided but not defined|incorrect usage|input/output error",
    re.IGNORECASE,
)


def damage_in(log: str) -> str | None:
    """The line that tells of a damaged database; None if there is none or another cause is.

    Only what a program calls an error counts: geth warns of a "missing or corrupted snapshot" at
    every first start.
    """
    errors = [line.strip() for line in log.splitlines() if _ERROR.match(line)]
    if any(_OTHERWISE.search(line) for line in errors):
        return None
    damaged = [line for line in errors if _DAMAGED.search(line)]
    return damaged[-1][:300] if damaged else None


def last_words(log: str) -> str:
    """The line of a dead program's log that most likely says why: its fatal one, else its last."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for line in reversed(lines):
        if re.search(r"\bfatal\b|panic:|\bCRIT\b|Error:", line, re.IGNORECASE):
            return line[:300]
    return lines[-1][:300] if lines else ""


def how_it_ended(code: int | None) -> str:
    """An exit code in words: negative for a signal, None if nobody could see it."""
    if code is None:
        return "ended"
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
