"""Links between the pages lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tools.checks.source import Finding, Source

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def check(source: Source, root: Path) -> Iterator[Finding]:
    """Relative links of a Markdown page whose target is not in the repository."""
    if not source.path.endswith(".md"):
        return
    folder = (root / source.path).parent
    for number, line in enumerate(source.lines, 1):
        for target in LINK.findall(line):
            if "://" not in target and not (folder / target).exists():
                sentence = f"`{target}` leads nowhere"
                yield Finding("dead-link", source.path, number, target, sentence)
