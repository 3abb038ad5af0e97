"""The reference page of the spec, made from the same declarations that the loader reads by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from windlass.spec.models import Spec

_HEAD = """# The spec: windlass.yaml

One YAML 1.2 file describes everything.
`windlass init` writes a commented one, `windlass spec check` says what is wrong in it and where,
`windlass spec schema` prints its JSON Schema for editors.
Unknown fields are refused. A field without a default must be there.
"""


def markdown() -> str:
    """The whole page: a section per mapping, a row per field."""
    return "\n".join([_HEAD, *_sections(inspect.type_info(Spec), "the file", set())])


def _sections(kind: inspect.Type, place: str, seen: set[str]) -> Iterator[str]:
    """The section of a mapping and of those inside it, outermost first, each once."""
    if not isinstance(kind, inspect.StructType) or kind.cls.__name__ in seen:
        return
    seen.add(kind.cls.__name__)
    yield f"## {kind.cls.__name__}: {place}\n"
    yield " ".join((kind.cls.__doc__ or "").split()) + "\n"
    yield "| field | default | what it says |"
    yield "|---|---|---|"
    for field in kind.fields:
        yield f"| `{field.name}` | {_default(field)} | {_description(field)} |"
    yield ""
    for field in kind.fields:
        inner, suffix = _inner(field.type)
        base = field.name if place == "the file" else f"{place.strip('`')}.{field.name}"
        yield from _sections(inner, f"`{base}{suffix}`", seen)


def _inner(kind: inspect.Type) -> tuple[inspect.Type, str]:
    """What a field holds in the end, and how its path goes on."""
    if isinstance(kind, inspect.Metadata):
        return _inner(kind.type)
    if isinstance(kind, inspect.DictType):
        return _inner(kind.value_type)[0], ".NAME"
    if isinstance(kind, inspect.VarTupleType):
        return _inner(kind.item_type)[0], "[]"
    return kind, ""


def _default(field: inspect.Field) -> str:
    if field.required:
        return "none, required"
    default: Any = field.default
    if default is None or default is msgspec.NODEFAULT or isinstance(default, (tuple, dict)):
        return "nothing"
    if isinstance(default, msgspec.Struct):
        return "its own"
    return f"`{default:_}`" if isinstance(default, int) else f"`{default}`"


def _description(field: inspect.Field) -> str:
    described = field.type
    assert isinstance(described, inspect.Metadata), field.name
    assert described.extra_json_schema, field.name
    return str(described.extra_json_schema["description"]).replace("|", "\\|")
