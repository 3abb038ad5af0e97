"""The page of the spec says how small and how large its numbers may be."""

from __future__ import annotations

import pytest

from tools.docs import PAGES
from tools.docs_ranges import range_of
from windlass.spec.models import VALIDATORS_MAX
from windlass.spec.values_ethereum import BLOCK_TIME_S_MAX


@pytest.mark.parametrize(
    ("field", "range_"),
    [
        ("validators", f"From 1 to {VALIDATORS_MAX}."),
        ("block_time_s", f"From 1 to {BLOCK_TIME_S_MAX}."),
        ("nodes", "From 0 to "),
        ("bootnodes", "From 1 to "),
        ("rpc", "From 1024 to 65535."),
    ],
)
def test_the_page_of_the_spec_has_ranges(field: str, range_: str) -> None:
    """A number's row ends in what the loader takes."""
    page = PAGES["docs/reference/spec.md"]()
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{field}` | ")][:1]
    assert range_ in row


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ({"minimum": 1, "maximum": 9}, "From 1 to 9."),
        ({"minimum": 21_000, "maximum": 1_000_000}, "From 21,000 to 1,000,000."),
        ({"anyOf": [{"minimum": 3, "maximum": 3}, {"enum": ["auto"]}]}, "Only 3."),
        ({"minimum": 1}, "At least 1."),
        ({"exclusiveMinimum": 0}, "More than 0."),
        ({"type": "string", "maximum": 0}, None),
        ({"$ref": "#/$defs/Genesis"}, None),
    ],
)
def test_a_range_is_a_sentence(schema: dict[str, object], sentence: str | None) -> None:
    """What the schema has of bounds, and nothing where it has none."""
    assert range_of(schema) == sentence
