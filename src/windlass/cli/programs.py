"""`windlass run`: one of our own programs, as supervisors and clusters start them.

Kept apart from click for speed: a network starts a dozen of these at the same moment. What only the
help needs (the settings' types and their documentation) is imported when somebody asks for it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from windlass.kit.running import exit_code_of


class Program(NamedTuple):
    """What people are told about a program, besides what its settings say themselves.

    `address` names the settings that say where it serves HTTP; `variables` are those of its
    environment that only it reads; `example` is a whole settings file.
    """

    line: str
    about: str
    address: str
    example: dict[str, Any]
    variables: dict[str, str]


PROGRAMS = {
    "bridge": Program(
        "joins one geth to one CometBFT",
        "CometBFT asks it for blocks and tells it which are decided; geth builds and executes "
        "them. It keeps every decided block in a log of its own, so that geth can be given again "
        "what it lost. It starts in any order with the two, and waits for them.",
        "health_host:health_port",
        {
            "network": "trade",
            "node": "validator-0",
            "chain_id": 20260,
            "genesis_hash": "0x" + "5d" * 32,
            "engine_url": "http://127.0.0.1:8551",
            "jwt_file": "jwt.hex",
            "rpc_url": "http://127.0.0.1:8545",
            "geth_ipc": "geth.ipc",
            "abci_socket": "abci.sock",
            "database": "bridge.sqlite",
            "registrar_url": "http://127.0.0.1:9898",
            "health_host": "127.0.0.1",
            "health_port": 9700,
            "block_time_s": 1,
        },
        {},
    ),
    "sealer": Program(
        "makes blocks on a network with a single authority",
        "It has its geth build a block each block time, keeps the block in a log of its own, and "
        "gives it to the geths that follow.",
        "health_host:health_port",
        {
            "network": "trade",
            "node": "sealer",
            "chain_id": 20260,
            "genesis_hash": "0x" + "5d" * 32,
            "genesis_timestamp": 1767225600,
            "engine_url": "http://127.0.0.1:8551",
            "jwt_file": "jwt.hex",
            "geth_ipc": "geth.ipc",
            "database": "sealer.sqlite",
            "followers": [{"name": "node-0", "engine_url": "http://127.0.0.1:8552"}],
            "fee_recipient": "0x" + "00" * 19 + "fe",
            "health_host": "127.0.0.1",
            "health_port": 9700,
            "block_time_s": 1,
        },
        {},
    ),
    "bootnode": Program(
        "answers discovery and serves its own enode",
        "Through it geths find one another (discovery v4). It knows no chain and joins none.",
        "bind:http_port",
        {
            "network": "trade",
            "node": "bootnode-0",
            "key_file": "nodekey",
            "host": "127.0.0.1",
            "bind": "127.0.0.1",
            "port": 30301,
            "http_port": 8080,
            "table_file": "table.json",
        },
        {},
    ),
    "registrar": Program(
        "serves the list of live bootnodes",
        "It asks each bootnode for its enode and serves those of the living joined by commas: what "
        "geth takes as `--bootnodes`. If none is alive, it serves the last good list.",
        "bind:port",
        {
            "network": "trade",
            "node": "registrar",
            "bind": "127.0.0.1",
            "port": 9899,
            "bootnodes": ["http://127.0.0.1:8080"],
        },
        {
            "BOOTNODE_SERVICE": "DNS name whose addresses are the bootnodes, each asked on port "
            "8080; it wins over `bootnodes` and `bootnode_service`, which may then be left out.",
        },
    ),
    "gateway": Program(
        "is a network's RPC endpoint, in front of its nodes",
        "Reads go to nodes that are up to date, and no client ever sees the chain go backwards. "
        "A transaction that it accepted is kept and sent again until it is in a block. The file of "
        'nodes is one JSON object: {"nodes": [{"name", "rpc_url", "ws_url", "priority"}]}.',
        "health_host:health_port",
        {
            "network": "trade",
            "node": "gateway",
            "chain_id": 20260,
            "genesis_hash": "0x" + "5d" * 32,
            "block_time_s": 1,
            "nodes_file": "nodes.json",
            "database": "gateway.sqlite",
            "host": "127.0.0.1",
            "http_port": 8545,
            "ws_port": 8546,
            "health_host": "127.0.0.1",
            "health_port": 9700,
        },
        {},
    ),
    "dashboard": Program(
        "shows a network live in the browser",
        "Nodes report to it over the ethstats protocol, each with a secret of its own. The file of "
        'nodes is one JSON object: {"nodes": [{"name", "role", "cometbft_url", "validator", '
        '"fee_recipient"}]}.',
        "host:port",
        {
            "network": "trade",
            "node": "dashboard",
            "chain_id": 20260,
            "consensus": "bft",
            "block_time_s": 1,
            "nodes_file": "nodes.json",
            "secret_file": "ethstats.secret",
            "database": "dashboard.sqlite",
            "host": "127.0.0.1",
            "port": 3000,
        },
        {},
    ),
}
VARIABLES = {
    "WINDLASS_LOG_LEVEL": "Least level of what is logged: DEBUG, INFO (the default), WARNING, "
    "ERROR or CRITICAL.",
    "NO_COLOR": "No colours where the log is a terminal.",
}
"""Environment variables that all of them read."""
EXAMPLE_SERVICE = "localhost"
"""A DNS name that every machine has: asks the bootnode on this machine's port 8080."""
SUPERVISOR = "supervisor"
HELP = ("--help", "-h")
COLUMNS = 80


def run_program(name: str, arguments: list[str]) -> int:
    """Runs `windlass run NAME …` and returns its exit code."""
    if name == SUPERVISOR:
        from windlass.runtimes.local.supervisor.main import main as supervise

        return supervise(arguments)
    if name not in PROGRAMS:
        return _refused(f"There is no program {name!r}.", f"There is: {', '.join(PROGRAMS)}.", 2)
    if any(one in HELP for one in arguments):
        sys.stdout.write(page(name))
        return 0
    if len(arguments) != 2 or arguments[0] != "--settings":
        return _refused(f"{name} takes one option: --settings FILE.", f"Usage: {usage(name)}", 2)
    main = importlib.import_module(f"windlass.programs.{name}.main").main
    return exit_code_of(main, arguments[1])


def _refused(sentence: str, next_step: str, exit_code: int) -> int:
    sys.stderr.write(f"error: {sentence}\n" + (f"  {next_step}\n" if next_step else ""))
    return exit_code


def usage(name: str) -> str:
    """The command line that runs the program."""
    return f"windlass run {name} --settings FILE"


class Setting(NamedTuple):
    """A field of a settings file; `default` is JSON, None if the field must be there."""

    name: str
    type: str
    default: str | None
    text: str


def settings_of(name: str) -> list[Setting]:
    """The fields of the program's settings file, as its struct declares them."""
    return list(_fields(importlib.import_module(f"windlass.programs.{name}.settings").Settings))


def _fields(struct: Any) -> Iterator[Setting]:
    """A field each, and below a list of objects the fields of those."""
    import msgspec

    texts = _texts(struct)
    for field in msgspec.structs.fields(struct):
        default = None if field.required else msgspec.json.encode(field.default).decode()
        yield Setting(field.name, _type(field.type), default, texts.get(field.name, ""))
        for inner in getattr(field.type, "__args__", ()):
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                for one in _fields(inner):
                    yield one._replace(name=f"{field.name}[].{one.name}")


def _texts(struct: Any) -> dict[str, str]:
    """What stands below each field of the struct; only the source has it."""
    import ast
    import inspect
    from itertools import pairwise

    (declared,) = ast.parse(inspect.getsource(struct)).body
    assert isinstance(declared, ast.ClassDef)
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in pairwise(declared.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


_TYPES = {str: "text", int: "whole number", float: "number", type(None): "null"}


def _type(kind: Any) -> str:
    """How a value of that type is called in JSON."""
    if kind in _TYPES:
        return _TYPES[kind]
    inner = getattr(kind, "__args__", ())
    if not inner:
        return "object"
    if getattr(kind, "__origin__", None) is tuple:
        return f"list of {_type(inner[0])}s"
    return " or ".join(_type(one) for one in inner)


def examples_of(name: str) -> list[str]:
    """Command lines that run the program with its example as settings, the usual one first."""
    command = usage(name).replace("FILE", f"{name}.json")
    own = [f"{variable}={EXAMPLE_SERVICE} {command}" for variable in PROGRAMS[name].variables]
    return [command, *own]


def page(name: str) -> str:
    """What `windlass run NAME --help` shows."""
    return "\n".join(_lines(name)) + "\n"


def _lines(name: str) -> Iterator[str]:
    import json
    import textwrap

    def wrapped(text: str, indent: str) -> list[str]:
        return textwrap.wrap(
            text, COLUMNS, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )

    program = PROGRAMS[name]
    yield f"Usage: {usage(name)}\n"
    yield f"  The {name} {program.line}.\n"
    yield from wrapped(program.about, "  ")
    yield "\nSettings (FILE is one JSON object; there are no other fields):"
    for setting in settings_of(name):
        default = "required" if setting.default is None else f"default {setting.default}"
        yield f"  {setting.name}  ({setting.type}, {default})"
        yield from wrapped(setting.text, "      ")
    yield "\nEnvironment:"
    for variable, text in (program.variables | VARIABLES).items():
        yield f"  {variable}"
        yield from wrapped(text, "      ")
    yield f"\nExample, with this as {name}.json:\n"
    yield textwrap.indent(json.dumps(program.example, indent=2), "  ") + "\n"
    yield from (f"  {example}" for example in examples_of(name))
