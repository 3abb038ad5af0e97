"""Runs the project's own checks (`python -m tools.checks`): a line per finding, exit code 1."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.checks import calls, exceptions, links, sizes, text
from tools.checks.source import Finding, repository_sources

ROOT = Path(__file__).resolve().parents[2]


def findings(root: Path) -> list[Finding]:
    """Everything that breaks a rule and is not excused."""
    found: list[Finding] = []
    for source in repository_sources(root):
        found += [*sizes.check(source), *text.check(source), *links.check(source, root)]
        if not any(one.rule == "does-not-parse" for one in found if one.path == source.path):
            found += calls.check(source)
    return exceptions.apply(found, exceptions.load(root / exceptions.FILE))


def main() -> int:
    """Prints what it found."""
    found = findings(ROOT)
    for finding in sorted(found, key=lambda one: (one.path, one.line)):
        print(finding)
    print(f"{len(found)} broken rules" if found else "Sizes, calls and words: nothing found.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
