"""Whatever a stranger sends as JSON ends in a value of the wanted type or in one error."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.kit.json import JsonError, decode


class Thing(msgspec.Struct):
    name: str
    anything: Any = None


HOSTILE = [
    pytest.param(b"", id="empty"),
    pytest.param(b"[", id="cut-short"),
    pytest.param(b'{"name":1}', id="wrong-type"),
    pytest.param(b"[]", id="wrong-shape"),
    pytest.param(b'{"name":"\xff"}', id="value-not-utf-8"),
    pytest.param(b'{"name":"x","anything":{"\xff":1}}', id="key-not-utf-8"),
    pytest.param(b'{"name":"x","anything":' + b"[" * 100_000, id="nested-too-deep"),
    pytest.param(b'{"name":"x","anything":' + b"9" * 10_000 + b"}", id="number-too-long"),
    pytest.param(b'{"name":"\\ud800"}', id="half-a-surrogate"),
    pytest.param('{"name":"\ud800"}', id="text-with-half-a-surrogate"),
]


@pytest.mark.parametrize("content", HOSTILE)
def test_hostile_json_is_one_error(content: bytes | str) -> None:
    """Syntax, type, encoding and depth all end in JsonError."""
    with pytest.raises(JsonError):
        decode(content, Thing)


@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    """No bytes make it raise anything else."""
    with contextlib.suppress(JsonError):
        decode(content)


def test_value_has_the_wanted_type() -> None:
    """What is right comes back as the type that was asked for."""
    assert decode(b'{"name":"x"}', Thing) == Thing(name="x")
    assert decode('{"name":"x"}') == {"name": "x"}
    assert decode(msgspec.Raw(b"null"), Thing | None) is None
