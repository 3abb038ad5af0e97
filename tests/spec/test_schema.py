"""The JSON Schema and the reference: every field, nothing open, nothing that differs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from windlass.spec import models, reference, schema
from windlass.spec.template import TEMPLATES, render

SECTIONS = (
    models.Spec,
    models.Network,
    models.Genesis,
    models.GenesisAccount,
    models.GenesisContract,
    models.Clients,
    models.Ports,
    models.Resources,
)


def complaints(value: object, of: dict[str, Any], place: str = "") -> Iterator[str]:
    """What a JSON Schema validator would say, for the keywords that ours uses."""
    if "$ref" in of:
        of = schema.json_schema()["$defs"][of["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in of:
        if all(list(complaints(value, one, place)) for one in of["anyOf"]):
            yield f"{place}: matches none"
        return
    if ("enum" in of and value not in of["enum"]) or ("const" in of and value != of["const"]):
        yield f"{place}: {value!r} is not among the values"
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
    }
    wanted = of.get("type", [])
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if wanted and not any(isinstance(value, kinds[one]) for one in wanted if one != "null"):
        yield f"{place}: {value!r} is not {wanted}"
    if isinstance(value, str) and "pattern" in of and not re.search(of["pattern"], value):
        yield f"{place}: {value!r} does not match"
    if isinstance(value, int) and not of.get("minimum", value) <= value <= of.get("maximum", value):
        yield f"{place}: {value} is out of range"
    if isinstance(value, list):
        for item in value:
            yield from complaints(item, of.get("items", {}), f"{place}[]")
    if isinstance(value, dict):
        yield from (
            f"{place}: {name} is missing" for name in of.get("required", []) if name not in value
        )
        for name, inner in value.items():
            known = of.get("properties", {}).get(name)
            for pattern, candidate in of.get("patternProperties", {}).items():
                known = candidate if re.search(pattern, str(name)) else known
            if known is None:
                yield f"{place}.{name}: unknown"
            else:
                yield from complaints(inner, known, f"{place}.{name}")


def check(text: str) -> list[str]:
    """What an editor with the schema says about a text."""
    return list(complaints(YAML(typ="safe").load(text), schema.json_schema()))


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_templates_fit_the_schema(template: str) -> None:
    """What we write, an editor accepts: as it is, and with everything switched on."""
    text = render(template, "harbour")

    assert check(text) == []
    assert check(re.sub(r"(?m)^( *)#(?=\S)", r"\1", text)) == []


@pytest.mark.parametrize(
    "line",
    ["valdators: 4", "chain_id: one", "consensus: pow", "ports: {http: 1}", "ports: never"],
)
def test_wrong_fields_are_underlined(line: str) -> None:
    """What the loader refuses for its name or type, an editor shows while one types."""
    fields = "family: ethereum" + ("" if "chain_id" in line else "\n    chain_id: 20261")

    assert check(f"name: a\nnetworks:\n  trade:\n    {fields}\n    {line}\n")


def mappings(of: object) -> Iterator[dict[str, Any]]:
    """Every part of the schema that describes a mapping."""
    if isinstance(of, dict):
        if of.get("type") == "object":
            yield of
        for inner in of.values():
            yield from mappings(inner)
    elif isinstance(of, list):
        for inner in of:
            yield from mappings(inner)


def test_every_mapping_is_closed() -> None:
    """No part of the schema lets an unknown field pass."""
    found = list(mappings(schema.json_schema()))

    assert len(found) >= len(SECTIONS)
    assert all(one["additionalProperties"] is False for one in found)


def test_schema_is_json() -> None:
    """It can be printed, and says which dialect it is in."""
    text = json.dumps(schema.json_schema())

    assert json.loads(text)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_field_is_documented(section: type) -> None:
    """Each field has a sentence in the schema and a row in the reference."""
    definition = schema.json_schema()["$defs"][section.__name__]
    page = reference.markdown()

    for field in section.__struct_fields__:  # type: ignore[attr-defined]
        assert len(definition["properties"][field]["description"]) > 10, field
        assert f"| `{field}` |" in page, field


def test_reference_is_made_of_whole_tables() -> None:
    """Every row has three cells, so that the page renders."""
    rows = [line for line in reference.markdown().splitlines() if line.startswith("|")]

    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)
