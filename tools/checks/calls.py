"""Calls that only one part may make, found in the syntax tree.

Each rule names the folders where the call is at home. Names are resolved through the file's
imports, so `from os import kill as end` is found too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.checks.source import Finding, Source


@dataclass(frozen=True)
class Rule:
    """Calls matching `calls` are refused in `within`, except in `home`."""

    name: str
    calls: re.Pattern[str]
    within: tuple[str, ...]
    home: tuple[str, ...]
    sentence: str


RULES = (
    Rule(
        "prints-or-exits",
        re.compile(
            r"(print|input|exit|quit|sys\.exit|os\._exit|SystemExit|sys\.std(out|err)\.write"
            r"|click\.\w*echo)"
        ),
        ("src",),
        ("src/windlass/cli",),
        "only cli prints or exits: raise a WindlassError or log",
    ),
    Rule(
        "starts-process",
        re.compile(
            r"(subprocess\.\w+|multiprocessing\..+|asyncio\.create_subprocess_\w+|pty\.\w+"
            r"|os\.(fork|forkpty|system|popen|exec\w+|spawn\w+|posix_spawnp?))"
        ),
        ("src",),
        ("src/windlass/runtimes",),
        "only runtimes starts processes: describe a Process in the plan",
    ),
    Rule(
        "ends-process",
        re.compile(r"(os\.(kill|killpg|pidfd_open)|signal\.(pidfd_send_signal|raise_signal))"),
        ("src",),
        ("src/windlass/runtimes",),
        "only runtimes ends processes: ask the supervisor",
    ),
    Rule(
        "writes-file",
        re.compile(
            r"(open:w|os\.open|os\.fdopen|\*\.(write_text|write_bytes|touch)|shutil\.copy\w*)"
        ),
        ("src",),
        ("src/windlass/kit/files.py",),
        "only kit/files.py writes files: with their mode, and whole or not at all",
    ),
    Rule(
        "decodes-json",
        re.compile(r"(msgspec\.json\.(decode|Decoder)|json\.loads?)"),
        ("src",),
        ("src/windlass/kit/json.py",),
        "only kit/json.py decodes JSON: elsewhere some error that it can raise is forgotten",
    ),
    Rule(
        "bare-sleep",
        re.compile(r"(time\.sleep|asyncio\.sleep)"),
        ("tests",),
        ("tests/support/wait.py", "tests/benchmarks"),
        "wait for a condition with a bound (tests/support/wait.py)",
    ),
    Rule(
        "mocks",
        re.compile(r"(unittest\.mock\..+|\*\.setattr|pytest_mock\..+)"),
        ("tests",),
        (),
        "use the real thing or a small fake behind our own interface",
    ),
    Rule(
        "skips",
        re.compile(r"pytest\.(skip|xfail|importorskip|mark\.(skip|skipif|xfail))"),
        ("tests",),
        (),
        "a test that needs something gets it from `make test-setup`; none is skipped",
    ),
)
MONEY = re.compile(r"(^|_)(wei|ether|gwei|amount|balance|gas)(_|$)")


def check(source: Source) -> Iterator[Finding]:
    """Every call that is not at home in this file."""
    if not source.is_python:
        return
    imported = _imports(source.tree)
    rules = [one for one in RULES if source.under(*one.within) and not source.under(*one.home)]
    loops = [node for node in ast.walk(source.tree) if isinstance(node, ast.While)]
    pacing = {id(node) for loop in loops for node in ast.walk(loop)}
    for node in ast.walk(source.tree):
        for rule in rules:
            called = _called(node, imported)
            if rule.name == "bare-sleep" and id(node) in pacing:
                continue  # asked again after each pause: that is a wait for a condition
            if called and rule.calls.fullmatch(called):
                line = getattr(node, "lineno", 1)
                yield Finding(rule.name, source.path, line, called, f"`{called}`: {rule.sentence}")
        yield from _anywhere(source, node, imported)
    yield from _sleeps_in_async(source, imported)


def _anywhere(source: Source, node: ast.AST, imported: dict[str, str]) -> Iterator[Finding]:
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == "shell" and getattr(keyword.value, "value", None) is True:
                sentence = "a shell reads the arguments again: pass a list"
                yield Finding("shell", source.path, node.lineno, "shell=True", sentence)
        if _name(node.func, imported) == "float" and any(map(_is_money, node.args)):
            yield _float_money(source, node.lineno)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        money = _is_money(node.left) or _is_money(node.right)
        if money and source.under("src"):
            yield _float_money(source, node.lineno)
    if isinstance(node, ast.ExceptHandler) and _is_broad(node):
        text = " ".join(source.lines[node.lineno - 1 : node.lineno + 1])
        comment = text.partition("#")[2]
        if len(comment.split()) < 4:
            sentence = "a broad except says beside it, in a comment, why everything is caught here"
            yield Finding("broad-except", source.path, node.lineno, "except", sentence)


def _float_money(source: Source, line: int) -> Finding:
    sentence = "money and gas are whole numbers: use //, or say the ratio with integers"
    return Finding("float-money", source.path, line, "float", sentence)


def _sleeps_in_async(source: Source, imported: dict[str, str]) -> Iterator[Finding]:
    for function in ast.walk(source.tree):
        if isinstance(function, ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and _name(node.func, imported) == "time.sleep":
                    sentence = "time.sleep stops every task of the loop: await asyncio.sleep"
                    yield Finding("async-sleep", source.path, node.lineno, "time.sleep", sentence)


def _is_broad(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    ends_in_raise = isinstance(handler.body[-1], ast.Raise) and handler.body[-1].exc is None
    return not ends_in_raise and any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))
        for kind in kinds
    )


def _is_money(node: ast.AST) -> bool:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    names |= {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    return any(MONEY.search(name.lower()) for name in names)


def _imports(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for: {"sp": "subprocess", "kill": "os.kill"}."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    names[alias.asname] = alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def _called(node: ast.AST, imported: dict[str, str]) -> str:
    """The dotted name that is called, raised or decorates; `*.method` for a method."""
    if isinstance(node, ast.Attribute) and _name(node, imported).startswith("pytest."):
        return _name(node, imported)
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
        return node.exc.id
    if not isinstance(node, ast.Call):
        return ""
    name = _name(node.func, imported)
    if name.startswith("pytest."):
        return ""  # seen above, as the attribute it is
    if name.endswith(".sleep") and getattr(node.args[0], "value", None) == 0:
        return ""  # lets other tasks run, waits for nothing
    if re.search(r"(^|\.)open$", name) and name != "os.open":
        position = 1 if name in ("open", "io.open", "gzip.open") else 0
        return "open:w" if _writes(node, position) else ""
    if isinstance(node.func, ast.Attribute) and not _is_module(name):
        return f"*.{node.func.attr}"
    return name


def _is_module(name: str) -> bool:
    known = ("os.", "sys.", "asyncio.", "subprocess.", "multiprocessing.", "pty.", "signal.")
    more = ("time.", "shutil.", "click.", "pytest.", "unittest.", "msgspec.", "json.")
    return name.startswith((*known, *more))


def _writes(call: ast.Call, position: int) -> bool:
    mode = next((word.value for word in call.keywords if word.arg == "mode"), None)
    if mode is None and len(call.args) > position:
        mode = call.args[position]
    value = getattr(mode, "value", "r")
    return isinstance(value, str) and any(letter in value for letter in "wax+")


def _name(node: ast.AST, imported: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return imported.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value, imported) or '*'}.{node.attr}"
    return ""
