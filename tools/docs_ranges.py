"""Puts the ranges of numbers into the spec's reference page, from the schema that editors check by.

The schema has them from the models and the kinds of values, which are what the loader reads by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from windlass.spec.schema import json_schema

_SECTION = re.compile(r"## (\w+): ")
_ROW = re.compile(r"\| `(\w+)` \| (?P<rest>.*) \|\Z")
_PLAIN_MAX = 99_999
"""Up to here numbers are read without commas; ports never have any."""


def with_ranges(page: str) -> str:
    """The page, each field that is a number ending in its smallest and largest value."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: str) -> Iterator[str]:
    schema = json_schema()
    fields: dict[str, Any] = {}
    for line in page.splitlines():
        if section := _SECTION.match(line):
            of = schema["$defs"].get(section.group(1), schema)
            fields = of["properties"]
        row = _ROW.match(line)
        range_ = range_of(fields[row.group(1)]) if row else None
        yield f"{line.removesuffix(' |')} {range_} |" if range_ else line


def range_of(field: dict[str, Any]) -> str | None:
    """What the field's schema says of its size, as a sentence; None if it says nothing.

    A maximum alone is about how a value is written (an amount without unit can only be 0).
    """
    for form in (field, *field.get("anyOf", ())):
        least, most = form.get("minimum"), form.get("maximum")
        if least is not None and least == most:
            return f"Only {least}."
        if least is not None and most is not None:
            style = "," if most > _PLAIN_MAX else ""
            return f"From {least:{style}} to {most:{style}}."
        if least is not None:
            return f"At least {least}."
        if "exclusiveMinimum" in form:
            return f"More than {form['exclusiveMinimum']}."
    return None
