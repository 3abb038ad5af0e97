"""The reference page of our own programs, made from their settings and from the paths they serve.

What a path is for stands here, and a path without a word about it fails: so none is forgotten.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from collections.abc import Iterator

from windlass.cli.programs import PROGRAMS, VARIABLES, examples_of, settings_of, usage

_HEAD = """# Our own programs: windlass run

<!-- made by `make docs` from windlass.cli.programs and the programs' settings; change it there -->

A network starts these by itself, each with a settings file that `windlass up` writes beside the
node's data. By hand a program takes the same: one JSON file with the fields below and no others.
Relative paths in it begin where the command runs. `windlass run NAME --help` shows the same.

Each runs in the foreground, logs to standard error, and ends in order on SIGTERM or Ctrl-C. The
exit code is 0 then, 2 if the settings are wrong, 1 if anything else keeps it from running; a line
on standard error says what.
"""
_COMMON_PATHS = {
    "/healthz": "whether to leave it running: 200, or 503 and a reason",
    "/readyz": "whether it is fit for work now: 200, or 503 and what it waits for",
    "/state": "what it is doing, as JSON with `schema`",
    "/metrics": "for Prometheus",
}
_OWN_PATHS = {
    "bootnode": {
        "/": "its own enode, one line",
        "/json": "its enode, and the nodes that answer it, as JSON with `schema`",
    },
    "registrar": {
        "/": "the enodes of the bootnodes, joined by commas, one line; 503 while none has answered",
        "/static-nodes.json": "the same as a JSON list",
        "/json": "each bootnode with whether it is alive, and the nodes they know, as JSON with "
        "`schema`",
    },
}


def markdown() -> str:
    """The whole page: a section per program."""
    lines = [_HEAD, *_variables("Environment variables of all of them:", VARIABLES)]
    for name in PROGRAMS:
        lines += _program(name)
    return "\n".join(lines).rstrip("\n") + "\n"


def _program(name: str) -> Iterator[str]:
    program = PROGRAMS[name]
    yield f"## {name}\n"
    yield f"The {name} {program.line}. {program.about}\n"
    yield f"```\n{usage(name)}\n```\n"
    yield "| setting | type | default | meaning |"
    yield "|---|---|---|---|"
    for one in settings_of(name):
        default = "none, required" if one.default is None else f"`{one.default}`"
        yield f"| `{one.name}` | {one.type} | {default} | {one.text.replace('|', chr(92) + '|')} |"
    yield ""
    yield from _variables("Environment variables of its own:", program.variables)
    host, port = program.address.split(":")
    yield f"It serves HTTP on `{host}`, port `{port}`:\n"
    yield "| path | answer |"
    yield "|---|---|"
    own = _OWN_PATHS.get(name, {})
    for path in paths_of(name):
        yield f"| `{path}` | {own[path] if path in own else _COMMON_PATHS[path]} |"
    yield ""
    yield f"For example, with this as `{name}.json`:\n"
    yield f"```json\n{json.dumps(program.example, indent=2)}\n```\n"
    yield "```console"
    yield from (f"$ {example}" for example in examples_of(name))
    yield "```\n"


def _variables(title: str, variables: dict[str, str]) -> Iterator[str]:
    if not variables:
        return
    yield f"{title}\n"
    yield "| variable | meaning |"
    yield "|---|---|"
    yield from (f"| `{variable}` | {text} |" for variable, text in variables.items())
    yield ""


def paths_of(name: str) -> list[str]:
    """The paths that the program serves: the keys of what `routes` in its api.py and kit give."""
    return [*_routes(f"windlass.programs.{name}.api"), *_routes("windlass.kit.health")]


def _routes(module: str) -> Iterator[str]:
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and function.name == "routes":
            for node in ast.walk(function):
                if isinstance(node, ast.Dict):
                    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                    yield from (key for key in keys if isinstance(key, str))
