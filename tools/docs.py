"""Writes the pages that are made from the code, or with --check says which are no longer current.

Usage: python -m tools.docs [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def spec_page() -> str:
    """Every field of windlass.yaml."""
    from tools.docs_ranges import with_ranges
    from windlass.spec.reference import markdown

    return with_ranges(markdown())


def cli_page() -> str:
    """Every verb with its help."""
    from windlass.cli.reference import markdown

    return markdown()


def doctor_page() -> str:
    """Every finding of the doctor, and its JSON."""
    from windlass.doctor.reference import markdown

    return markdown()


def programs_page() -> str:
    """Every program with its settings."""
    from tools.docs_programs import markdown

    return markdown()


PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/spec.md": spec_page,
    "docs/reference/command-line.md": cli_page,
    "docs/reference/doctor-json.md": doctor_page,
    "docs/reference/programs.md": programs_page,
}


def stale(root: Path) -> list[str]:
    """The pages that are missing or not what the code gives."""
    return [
        path
        for path, make in PAGES.items()
        if not (root / path).is_file() or (root / path).read_text("utf-8") != make()
    ]


def main(arguments: list[str]) -> int:
    """Writes, or checks."""
    if arguments == ["--check"]:
        found = stale(ROOT)
        for path in found:
            print(f"{path} is not current: make docs")
        return 1 if found else 0
    for path, make in PAGES.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(make(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
