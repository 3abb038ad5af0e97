"""Every code that an error can have is on its page, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/error-codes.md"


def test_every_error_code_is_documented() -> None:
    """What a script may meet has a meaning, and the page has nothing that nobody says."""
    first_cells = re.findall(r"^\|([^|]+)\|", PAGE.read_text("utf-8"), re.MULTILINE)
    documented = [code for cell in first_cells for code in re.findall(r"`(\w+)`", cell)]
    assert sorted(documented) == sorted(set(_codes()))


def test_wrong_usage_is_told_from_a_state_of_the_world() -> None:
    """The page says "usage:" of exactly those whose exit code is 2."""
    rows = re.findall(r"^\| `(\w+)`[^|]*\| (usage:)?", PAGE.read_text("utf-8"), re.MULTILINE)
    assert {code for code, usage in rows if usage} == set(_usage_codes())


def _codes() -> Iterator[str]:
    """`code = "…"` in a class, or of an error that is made as it is told."""
    for module in _modules():
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef):
                yield from (str(value) for value in [_own(node, "code")] if value is not None)
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Attribute) and target.attr == "code":
                        yield str(node.value.value)


def _usage_codes() -> Iterator[str]:
    """Of classes that have the exit code 2, by themselves or by the class that they extend."""
    classes = [n for one in _modules() for n in ast.walk(one) if isinstance(n, ast.ClassDef)]
    exits: set[str] = set()
    before = None
    while before != exits:  # a class may stand before the one that it extends
        before = set(exits)
        exits |= {
            node.name
            for node in classes
            if _own(node, "exit_code") == 2
            or any(isinstance(base, ast.Name) and base.id in exits for base in node.bases)
        }
    for node in classes:
        code = _own(node, "code")
        if node.name in exits and code is not None:
            yield str(code)


def _own(node: ast.ClassDef, name: str) -> object:
    """The constant of that name in the class's own body."""
    for line in node.body:
        if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
            for target in line.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    return line.value.value
    return None


@cache
def _modules() -> tuple[ast.Module, ...]:
    return tuple(ast.parse(path.read_text("utf-8")) for path in (ROOT / "src").rglob("*.py"))
