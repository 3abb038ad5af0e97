"""Whether a program's last words say that its database is damaged, so that it can never start.

Deleting data is the last resort, so it takes a known sentence of a storage engine, and none of the
sentences that explain the death otherwise: a full disk or a missing right often ends in a complaint
of the database, too, and a deleted one would not help there.
"""

from __future__ import annotations

import re

LOG_BYTES_MAX = 64 << 10
"""How much of the log is looked at: a start of geth that fails writes some 10 KiB."""

_DAMAGED = re.compile(
    r"gap in the chain|gap \(#\d+\) in the chain|corrupt|missing trie node|missing block number"
    r"|checksum mismatch|bad magic|invalid (?:table|chunk|checksum|footer)"
    r"|(?:leveldb|pebble)[^\n]*(?:error|not found|missing|invalid|fail)"
    r"|MANIFEST[^\n]*(?:missing|not found|no such file)|background error|unclean ancient"
    r"|head (?:block|header|state) missing|truncat\w+ (?:head|tail)[^\n]*fail"
    r"|(?:freezer|ancient)[^\n]*(?:error|fail|missing|mismatch)",
    re.IGNORECASE,
)
_OTHERWISE = re.compile(
    r"address already in use|no space left|disk quota|permission denied|operation not permitted"
    r"|read-only file system|too many open files|cannot allocate memory|out of memory"
    r"|incompatible genesis|genesis[^\n]*(?:mismatch|differ)|(?:database|chain) (?:contains|has)"
    r"[^\n]*genesis|already used by another process|resource temporarily unavailable"
    r"|flag provided but not defined|incorrect usage|input/output error",
    re.IGNORECASE,
)


def damage_in(log: str) -> str | None:
    """The line that tells of a damaged database; None if there is none or another cause is."""
    if _OTHERWISE.search(log):
        return None
    match = _DAMAGED.search(log)
    if match is None:
        return None
    start = log.rfind("\n", 0, match.start()) + 1
    end = log.find("\n", match.end())
    return log[start : end if end >= 0 else len(log)].strip()[:300]


def last_words(log: str) -> str:
    """The line of a dead program's log that most likely says why: its fatal one, else its last."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for line in reversed(lines):
        if re.search(r"\bfatal\b|panic:|\bCRIT\b|Error:", line, re.IGNORECASE):
            return line[:300]
    return lines[-1][:300] if lines else ""
