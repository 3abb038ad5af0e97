"""Tree → structs: reads a `Spec` out of a parsed document and notes everything that is wrong.

The structs themselves say what is allowed (`models.py`), so this file knows no field by name. It
never stops at the first problem: a value that can't be read is noted and left out, and whoever
corrects the file sees the whole list at once.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import inspect

from windlass.spec.document import Mapping, Node, Scalar, Sequence
from windlass.spec.errors import Problem
from windlass.spec.kinds import KINDS, PLAIN_INTEGER
from windlass.spec.values import shown, suggestion

ENTRIES_MAX = 1000
"""Of one list or mapping: more accounts or slots than that belong into transactions."""


PATH_SHOWN_MAX = 120


class _Unreadable:
    """Stands for a value that was noted as a problem."""


UNREADABLE: Final = _Unreadable()


class Reader:
    """One reading, whose results fill up as it goes.

    `places` has the line and column of every value by its path, `built` every struct that could
    be read, by path, so that the rules can look at what is fine beside what is not.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.places: dict[str, tuple[int, int]] = {}
        self.built: dict[str, msgspec.Struct] = {}

    def read(self, node: Node, section: type[msgspec.Struct]) -> None:
        """Reads the document as a `section`, which is then `built['']` if nothing is wrong."""
        self._read(node, inspect.type_info(section), "", {})

    def note(self, path: str, sentence: str) -> None:
        """Notes a problem with the value at `path`; what is absent lies where its parent is."""
        place = path
        while place not in self.places and place:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        line, column = self.places.get(place, (1, 1))
        self.problems.append(Problem(line, column, path, sentence))

    def _read(self, node: Node, kind: inspect.Type, path: str, extra: dict[str, Any]) -> Any:
        self.places[path] = (node.line, node.column)
        if isinstance(kind, inspect.Metadata):
            return self._read(node, kind.type, path, extra | (kind.extra or {}))
        if isinstance(kind, inspect.UnionType):
            if isinstance(node, Scalar) and node.is_null:
                return None
            (kind,) = (one for one in kind.types if not isinstance(one, inspect.NoneType))
            return self._read(node, kind, path, extra)
        if isinstance(kind, inspect.StructType):
            return self._struct(node, kind, path, extra)
        if isinstance(kind, inspect.DictType):
            return self._dict(node, kind, path, extra)
        if isinstance(kind, inspect.VarTupleType):
            return self._tuple(node, kind, path)
        return self._scalar(node, kind, path, extra)

    def _struct(
        self, node: Node, kind: inspect.StructType, path: str, extra: dict[str, Any]
    ) -> Any:
        if isinstance(node, Scalar) and "word" in extra and node.text == extra["word"]:
            return kind.cls()
        if not isinstance(node, Mapping):
            words = f" or {extra['word']!r}" if "word" in extra else ""
            self.note(path, f"found {_what(node)}, needed are fields ('name: value' lines){words}")
            return UNREADABLE
        fields = {field.name: field for field in kind.fields}
        found: dict[str, Any] = {}
        whole = True
        for key, value in node.entries:
            place = _join(path, key.text)
            if key.text in fields:
                found[key.text] = self._read(value, fields[key.text].type, place, {})
                whole = whole and found[key.text] is not UNREADABLE
            else:
                whole = False
                self.places[place] = (key.line, key.column)
                self.note(place, _unknown("field", key.text, list(fields)))
        for field in kind.fields:
            if field.required and field.name not in found:
                whole = False
                self.note(_join(path, field.name), f"is missing; {_meaning(field)}")
        if not whole:
            return UNREADABLE
        self.built[path] = kind.cls(**found)
        return self.built[path]

    def _dict(self, node: Node, kind: inspect.DictType, path: str, extra: dict[str, Any]) -> Any:
        entry = extra.get("entry", "entry")
        if not isinstance(node, Mapping):
            self.note(path, f"found {_what(node)}, needed is a mapping ('{entry}: value' lines)")
            return UNREADABLE
        if len(node.entries) > ENTRIES_MAX:
            self.note(path, f"has {len(node.entries)} entries, at most {ENTRIES_MAX} are possible")
            return UNREADABLE
        found: dict[Any, Any] = {}
        whole = True
        for key, value in node.entries:
            place = _join(path, key.text)
            self.places[place] = (key.line, key.column)
            name = self._key(key, kind, place, extra)
            values = {"kind": extra["values"]} if "values" in extra else {}
            content = self._read(value, kind.value_type, place, values)
            if name is UNREADABLE or content is UNREADABLE:
                whole = False
            elif name in found:
                whole = False
                self.note(place, f"the same {entry} is already there, written in another way")
            else:
                found[name] = content
        return found if whole else UNREADABLE

    def _key(self, key: Scalar, kind: inspect.DictType, path: str, extra: dict[str, Any]) -> Any:
        if isinstance(kind.key_type, inspect.LiteralType):
            known = [str(value) for value in kind.key_type.values]
            if key.text not in known:
                self.note(path, _unknown(extra.get("entry", "key"), key.text, known))
                return UNREADABLE
            return key.text
        try:
            return KINDS[extra["keys"]].read(key.text)
        except ValueError as reason:
            self.note(path, f"as the name of a {extra.get('entry', 'entry')}: {reason}")
            return UNREADABLE

    def _tuple(self, node: Node, kind: inspect.VarTupleType, path: str) -> Any:
        if not isinstance(node, Sequence):
            self.note(path, f"found {_what(node)}, needed is a list ('- ' before each item)")
            return UNREADABLE
        if len(node.items) > ENTRIES_MAX:
            self.note(path, f"has {len(node.items)} items, at most {ENTRIES_MAX} are possible")
            return UNREADABLE
        items = [
            self._read(item, kind.item_type, f"{path}[{index}]", {})
            for index, item in enumerate(node.items)
        ]
        return UNREADABLE if UNREADABLE in items else tuple(items)

    def _scalar(self, node: Node, kind: inspect.Type, path: str, extra: dict[str, Any]) -> Any:
        needed = "a whole number" if isinstance(kind, inspect.IntType) else "a single value"
        if not isinstance(node, Scalar):
            self.note(path, f"found {_what(node)}, needed is {needed}")
            return UNREADABLE
        if node.is_null:
            self.note(path, f"has no value, needed is {needed}")
            return UNREADABLE
        try:
            if isinstance(kind, inspect.LiteralType) and "kind" not in extra:
                return _one_of(node.text, [str(value) for value in kind.values])
            reading = KINDS[extra["kind"]] if "kind" in extra else PLAIN_INTEGER
            return _within(reading.read(node.text), kind)
        except ValueError as reason:
            self.note(path, str(reason))
            return UNREADABLE


def _within(value: Any, kind: inspect.Type) -> Any:
    if not isinstance(kind, inspect.IntType) or kind.ge is None or kind.le is None:
        return value
    if not kind.ge <= value <= kind.le:
        raise ValueError(f"is {value}, needed is a number from {kind.ge} to {kind.le}")
    return value


def _one_of(text: str, known: list[str]) -> str:
    if text not in known:
        raise ValueError(_unknown("value", text, known))
    return text


def _unknown(thing: str, word: str, known: list[str]) -> str:
    return f"unknown {thing} {shown(word)}{suggestion(word, known)}"


def _meaning(field: inspect.Field) -> str:
    """What a missing field would say: its documentation's first sentence."""
    described = field.type
    if isinstance(described, inspect.Metadata) and described.extra_json_schema:
        sentence = str(described.extra_json_schema["description"]).split(". ")[0].rstrip(".")
        return "it says: " + sentence[0].lower() + sentence[1:]
    return "it has no default"


def _what(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    return "nothing" if node.is_null else shown(node.text)


def _join(path: str, name: str) -> str:
    """Paths are shown to people: a hostile name may not fill the screen or break the line."""
    clean = name if name.isprintable() else repr(name)
    return (f"{path}.{clean}" if path else clean)[:PATH_SHOWN_MAX]
