"""The one list of reasoned exceptions; one that excuses nothing any more is itself a finding."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.checks.source import Finding

FILE = "tools/checks/exceptions.toml"
REASON_WORDS_MIN = 4


@dataclass(frozen=True)
class Exemption:
    """This rule does not hold for this name in this file, and why."""

    rule: str
    path: str
    name: str
    reason: str


def load(path: Path) -> list[Exemption]:
    """Reads the list; a field too many or too few is an error that names the entry."""
    entries = tomllib.loads(path.read_text("utf-8")).get("exception", [])
    try:
        return [Exemption(**entry) for entry in entries]
    except TypeError as error:
        raise ValueError(
            f"{path}: each [[exception]] has rule, path, name, reason: {error}"
        ) from error


def apply(findings: Iterable[Finding], exemptions: list[Exemption]) -> list[Finding]:
    """The findings that stand, and one for each exemption that is idle or gives no reason."""
    used: set[Exemption] = set()
    standing = []
    for finding in findings:
        match = next((one for one in exemptions if _excuses(one, finding)), None)
        if match:
            used.add(match)
        else:
            standing.append(finding)
    for one in exemptions:
        if len(one.reason.split()) < REASON_WORDS_MIN:
            sentence = f"{one.path} {one.name}: say why it may break `{one.rule}`"
            standing.append(Finding("exception-reason", FILE, 1, one.name, sentence))
        if one not in used:
            sentence = f"{one.path} {one.name} no longer breaks `{one.rule}`: delete the entry"
            standing.append(Finding("exception-unused", FILE, 1, one.name, sentence))
    return standing


def _excuses(one: Exemption, finding: Finding) -> bool:
    return (one.rule, one.path, one.name) == (finding.rule, finding.path, finding.name)
