"""YAML text → a tree in which every node knows its line and column.

Scalars stay text: only the field that a scalar stands for knows whether `1.17`, `no` or `0x10` is
a version, a name or a number, so nothing is guessed here and nothing is mangled. The tree is built
from the parser's events, not by the library's own constructors, because the file may be hostile:
size, depth and node count are capped while reading, aliases count with everything they stand for
(a "billion laughs" file stays small), tags are refused, duplicate keys are reported.

The only module that imports the YAML library.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from windlass.spec.errors import Problem, SpecError, SpecUnreadable

BYTES_MAX = 1 << 20
"""A spec is some 2 KB; 1 MiB leaves room for the code of forty genesis contracts."""

DEPTH_MAX = 20
"""The deepest field lies 6 levels down."""

NODES_MAX = 20_000
"""Counting an alias as all that it stands for. A thousand genesis accounts have 5,000; parsing
this many takes a second or two."""


class Scalar(msgspec.Struct, frozen=True):
    """A word, number or text as it was written; `plain` if without quotes."""

    line: int
    column: int
    text: str
    plain: bool
    size: int = 1

    @property
    def is_null(self) -> bool:
        """Whether it stands for "no value"."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


class Sequence(msgspec.Struct, frozen=True):
    """A list."""

    line: int
    column: int
    items: tuple[Node, ...]
    size: int


class Mapping(msgspec.Struct, frozen=True):
    """Fields in the order of the file. Keys are scalars and unique."""

    line: int
    column: int
    entries: tuple[tuple[Scalar, Node], ...]
    size: int


Node = Scalar | Sequence | Mapping


def read_text(path: Path) -> str:
    """The text of the file, or SpecUnreadable or SpecError with the reason why there is none."""
    try:
        # Before it is opened: a FIFO would be waited for without end, a device may act on it.
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            raise SpecUnreadable(
                f"{path} is no regular file: a spec can't come from a pipe, a socket or a device.",
                "Write it into a file, and name that with `-f FILE`.",
            )
        with path.open("rb") as file:
            raw = file.read(BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise SpecUnreadable(
            f"There is no spec at {path}.",
            "Make one with `windlass init`, or name another file with `-f FILE`.",
        ) from error
    except IsADirectoryError as error:
        raise SpecUnreadable(
            f"{path} is a directory, a spec is a file.",
            f"Name the file: `-f {path}/windlass.yaml`.",
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecUnreadable(
            f"The spec {path} can't be read: {reason}.", "Make it readable for this user."
        ) from error
    if len(raw) > BYTES_MAX:
        raise SpecUnreadable(
            f"The spec {path} is larger than 1 MiB, which no spec needs.", "Is it the right file?"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        problem = Problem(
            line, column, "", f"byte 0x{raw[error.start]:02x} is no UTF-8; save the file as UTF-8"
        )
        raise SpecError(str(path), [problem]) from error


def parse(text: str, file: str) -> tuple[Node, list[Problem]]:
    """The tree and what is wrong with its shape; SpecError if there is no tree to speak of."""
    import ruamel.yaml
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    builder = _Builder(ruamel.yaml.YAML(typ="safe", pure=True).parse(text))
    try:
        return builder.document(), builder.problems
    except _Refused as refusal:
        problem = refusal.problem
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = Problem(line, column, "", _explain(error, text, line))
    except ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        character = error.character if isinstance(error.character, int) else ord(error.character)
        problem = Problem(line, column, "", f"character U+{character:04X} can't be in a YAML file")
    except (YAMLError, ValueError, AssertionError) as error:
        # The library checks some of its input with bare assertions and int().
        problem = Problem(1, 1, "", f"not YAML: {str(error) or type(error).__name__}")
    raise SpecError(file, [*builder.problems, problem])


def _explain(error: Any, text: str, line: int) -> str:
    """The parser's complaint in words of somebody who writes a spec, not a parser."""
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    indent = written[: len(written) - len(written.lstrip())]
    if "\t" in indent or "'\\t'" in str(error.problem):
        return "a tab is used for indentation; YAML wants spaces"
    context = f" {error.context}" if error.context else ""
    return f"not YAML: {error.problem}{context}"


class _Refused(Exception):
    """Ends the reading: nothing after this point can be trusted."""

    def __init__(self, sentence: str, event: Any = None) -> None:
        super().__init__(sentence)
        line, column = (event.start_mark.line, event.start_mark.column) if event else (0, 0)
        self.problem = Problem(line + 1, column + 1, "", sentence)


class _Builder:
    """Builds the tree from parser events, with every limit checked before memory is spent."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._anchors: dict[str, Node] = {}
        self._nodes = 0
        self.problems: list[Problem] = []

    def document(self) -> Node:
        """The one document of the stream; a file with nothing but comments is refused."""
        root: Node | None = None
        for event in self._events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                if root is not None:
                    raise _Refused("a second document begins here; a spec is one document", event)
                root = self._node(next(self._events), 0)
        if root is None or (isinstance(root, Scalar) and root.is_null):
            raise _Refused("the file holds nothing; `windlass init` writes a commented spec")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        kind = type(event).__name__
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if kind == "AliasEvent":
            return self._alias(event)
        self._count(event, 1)
        if depth > DEPTH_MAX:
            raise _Refused(f"nested more than {DEPTH_MAX} levels deep, no spec needs that", event)
        tag = getattr(event, "ctag", None) or getattr(event, "tag", None)
        if tag is not None and str(tag) not in ("", "!"):
            raise _Refused(f"the tag {str(tag)[:60]} is not used in a spec; remove it", event)
        node: Node
        if kind == "ScalarEvent":
            node = Scalar(line, column, str(event.value), event.style is None)
        elif kind == "SequenceStartEvent":
            items = tuple(self._items(depth))
            node = Sequence(line, column, items, 1 + sum(item.size for item in items))
        else:
            entries = tuple(self._entries(depth))
            size = 1 + sum(1 + value.size for _, value in entries)
            node = Mapping(line, column, entries, size)
        if event.anchor:
            self._anchors[str(event.anchor)] = node
        return node

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(str(event.anchor))
        if node is None:
            raise _Refused(f"*{str(event.anchor)[:60]} stands for nothing defined above it", event)
        self._count(event, node.size)
        return node

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > NODES_MAX:
            raise _Refused(f"more than {NODES_MAX} values so far, no spec needs that", event)

    def _items(self, depth: int) -> Iterator[Node]:
        for event in self._events:
            if type(event).__name__ == "SequenceEndEvent":
                return
            yield self._node(event, depth + 1)

    def _entries(self, depth: int) -> Iterator[tuple[Scalar, Node]]:
        seen: dict[str, Scalar] = {}
        for event in self._events:
            if type(event).__name__ == "MappingEndEvent":
                return
            key = self._node(event, depth + 1)
            value = self._node(next(self._events), depth + 1)
            if isinstance(value, Scalar) and value.plain and not value.text:
                # The parser places what is not there at whatever comes next, lines further down.
                value = Scalar(key.line, key.column, "", plain=True)
            if not isinstance(key, Scalar):
                sentence = "a field's name must be a word, this is a list or a mapping"
                self.problems.append(Problem(key.line, key.column, "", sentence))
            elif key.text in seen:
                first = seen[key.text]
                sentence = f"{key.text[:60]!r} is already there in line {first.line}; keep one"
                self.problems.append(Problem(key.line, key.column, "", sentence))
            else:
                seen[key.text] = key
                yield key, value
