"""The JSON Schema of the spec, for editors that complete and check while one types.

Made from the structs (`models.py`) and the kinds of values (`kinds.py`), so that it has every
field, its documentation and its form, and nothing else: every mapping is closed. What no schema
can say (a checksum, a public chain id, rules between fields) stays with the loader.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from windlass.spec.kinds import INTEGER_PATTERN, KINDS
from windlass.spec.models import Spec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema of the whole file."""
    definitions: dict[str, Any] = {}
    root = _schema(inspect.type_info(Spec), {}, definitions)
    return {
        "$schema": DIALECT,
        "title": "windlass.yaml",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _schema(
    kind: inspect.Type, extra: dict[str, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    if isinstance(kind, inspect.Metadata):
        documented = {"description": (kind.extra_json_schema or {}).get("description", "")}
        return documented | _schema(kind.type, extra | (kind.extra or {}), definitions)
    if "kind" in extra:
        return KINDS[extra["kind"]].schema
    if isinstance(kind, inspect.UnionType):
        (one,) = (one for one in kind.types if not isinstance(one, inspect.NoneType))
        return _schema(one, extra, definitions)
    if isinstance(kind, inspect.StructType):
        return _struct(kind, extra, definitions)
    if isinstance(kind, inspect.DictType):
        return _dict(kind, extra, definitions)
    if isinstance(kind, inspect.VarTupleType):
        return {"type": "array", "items": _schema(kind.item_type, {}, definitions)}
    if isinstance(kind, inspect.LiteralType):
        return {"enum": list(kind.values)}
    assert isinstance(kind, inspect.IntType), kind
    return {
        "type": ["integer", "string"],
        "pattern": INTEGER_PATTERN,
        "minimum": kind.ge,
        "maximum": kind.le,
    }


def _struct(
    kind: inspect.StructType, extra: dict[str, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    name = kind.cls.__name__
    if name not in definitions:
        definitions[name] = {}  # taken before its fields are looked at
        definitions[name] |= {
            "type": "object",
            "description": (kind.cls.__doc__ or "").strip().splitlines()[0],
            "additionalProperties": False,
            "required": [field.name for field in kind.fields if field.required],
            "properties": {field.name: _field(field, definitions) for field in kind.fields},
        }
    reference = {"$ref": f"#/$defs/{name}"}
    if "word" in extra:
        return {"anyOf": [{"const": extra["word"]}, reference]}
    return reference


def _field(field: inspect.Field, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _schema(field.type, {}, definitions)
    if field.default is not msgspec.NODEFAULT and isinstance(field.default, (int, str)):
        return schema | {"default": field.default}
    return schema


def _dict(
    kind: inspect.DictType, extra: dict[str, Any], definitions: dict[str, Any]
) -> dict[str, Any]:
    values = _schema(
        kind.value_type, {"kind": extra["values"]} if "values" in extra else {}, definitions
    )
    if isinstance(kind.key_type, inspect.LiteralType):
        names = dict.fromkeys(kind.key_type.values, values)
        return {"type": "object", "additionalProperties": False, "properties": names}
    pattern = KINDS[extra["keys"]].schema["pattern"]
    return {
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {pattern: values},
    }
