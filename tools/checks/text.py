"""Words that must not be in any file: leftovers, package registries, paths of somebody's machine.

The patterns are written with one letter in brackets, so that they do not find themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.checks.source import Finding, Source

RULES = {
    "leftover": (
        re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b"),
        "is a leftover: do it, or say in a sentence why it is so",
    ),
    "registry": (
        re.compile(
            r"https?://(registry|proxy|files|index|static|repo\d*|deb|sum)\.[a-z]"
            r"|\bp[y]pi\.org|p[y]thonhosted|pr[o]xy\.golang|s[u]m\.golang"
        ),
        "names a package registry's host: leave the choice to the user's own client",
    ),
    "machine-path": (
        re.compile(r"(?<![A-Za-z0-9])/(w[o]rk|f[a]rm|r[o]ot)/"),
        "is a path of one machine",
    ),
    "secret": (
        re.compile(r"-----BEG[I]N [A-Z ]*PRIVATE KEY-----"),
        "is a private key: the vault makes them, the repository holds none",
    ),
}
ACTION = re.compile(r"^\s*(?:- )?uses:\s*(\S+)@(\S+)")


def check(source: Source) -> Iterator[Finding]:
    """Every such word with its line, and GitHub actions that are not pinned by commit."""
    for number, line in enumerate(source.lines, 1):
        for rule, (pattern, sentence) in RULES.items():
            for match in pattern.finditer(line):
                word = match.group(0)
                yield Finding(rule, source.path, number, word, f"`{word}` {sentence}")
        action = ACTION.match(line) if source.under(".github") else None
        if action and not re.fullmatch(r"[0-9a-f]{40}", action.group(2)):
            name = f"{action.group(1)}@{action.group(2)}"
            sentence = f"`{name}` can change under us: pin the commit"
            yield Finding("unpinned-action", source.path, number, name, sentence)
