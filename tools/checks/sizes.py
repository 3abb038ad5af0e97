"""Nothing grows beyond what a person reads at one go, and every test says what it holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.checks.source import Finding, Source

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
LINE_CHARACTERS_MAX = 100
LONG_CONSTANT = re.compile(r"0x[0-9a-f]{60,}")  # bytecode can't be wrapped
CODE = (".py", ".sh", ".yml", ".yaml", ".proto")


def check(source: Source) -> Iterator[Finding]:
    """Files, functions and lines that are too long, and tests without a docstring."""
    if not source.path.endswith(CODE) and source.path not in ("Makefile", ".ci/run"):
        return
    count = len(source.lines)
    if count > FILE_LINES_MAX:
        sentence = f"{count} lines; split the capability at {FILE_LINES_MAX}"
        yield Finding("file-size", source.path, 1, source.path, sentence)
    for number, line in enumerate(source.lines, 1):
        is_help = source.path == "Makefile" and "## " in line
        if is_help or source.is_python or LONG_CONSTANT.search(line):
            continue  # make help wraps it; ruff counts Python's lines
        if len(line) > LINE_CHARACTERS_MAX:
            sentence = f"{len(line)} characters; at most {LINE_CHARACTERS_MAX}"
            yield Finding("line-size", source.path, number, str(number), sentence)
    if source.is_python:
        try:
            yield from _functions(source)
        except SyntaxError as error:
            yield Finding("does-not-parse", source.path, error.lineno or 1, source.path, error.msg)


def _functions(source: Source) -> Iterator[Finding]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = (node.end_lineno or node.lineno) - node.lineno + 1
            is_test = source.under("tests") and node.name.startswith("test_")
            if is_test and not ast.get_docstring(node):
                sentence = f"{node.name}: the docstring is the property that the test holds"
                yield Finding("test-docstring", source.path, node.lineno, node.name, sentence)
            if count > FUNCTION_LINES_MAX:
                sentence = f"{node.name} has {count} lines; at most {FUNCTION_LINES_MAX}"
                yield Finding("function-size", source.path, node.lineno, node.name, sentence)
