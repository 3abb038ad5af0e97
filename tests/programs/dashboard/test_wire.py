"""What nodes say: geth's and Besu's shapes mean the same, and nonsense is one clear error."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.dashboard import block
from windlass.programs.dashboard import wire
from windlass.programs.dashboard.wire import MalformedReport

KINDS = ("node-ping", "latency", "block", "history", "pending", "stats", "block_new_payload")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def _said(kind: str, body: Any) -> wire.Message:
    return wire.message(json.dumps({"emit": [kind, body]}))


def test_numbers_as_numbers_and_as_hex_are_the_same_block() -> None:
    """A block of geth and the same of Besu, all hex and with whole transactions, are equal."""
    geth = block(300)
    besu = {
        **geth,
        "number": hex(300),
        "timestamp": hex(geth["timestamp"]),
        "gasUsed": "0x5208",
        "gasLimit": "0x1c9c380",
        "miner": "0x" + "FE" * 20,
        "transactions": [{"hash": "0x1", "from": "0x2", "value": "0x0"}],
        "size": "0x200",
    }
    said = _said("block", {"id": "a", "block": geth})
    assert said == _said("block", {"id": "b", "block": besu})
    assert isinstance(said, wire.Head)
    assert (said.block.number, said.block.transactions, said.block.gas_limit) == (
        300,
        1,
        30_000_000,
    )


def test_the_name_is_the_one_a_person_gave() -> None:
    """Besu's id is a public key; geth's is the name: both log in by the name in `info`."""
    info = {"name": "node-0", "node": "besu/v25.1/linux", "port": "30303", "net": "7"}
    text = json.dumps({"emit": ["hello", {"id": "ab" * 64, "info": info, "secret": "s"}]})
    said = wire.hello(text)
    assert (said.name, said.port, said.sampled) == ("node-0", "30303", True)


@pytest.mark.parametrize(
    ("text", "clock_ms"),
    [
        ("2026-01-02 15:04:05.123456789 +0000 UTC m=+0.1", 1767366245123),
        ("2026-01-02 16:04:05 +0100 CET m=+0.1", 1767366245000),
        ("1767366245123", 1767366245123),
        ("2026-99-02 16:04:05 +0100 CET", None),
        ("soon", None),
    ],
)
def test_a_nodes_clock_is_read_from_its_ping(text: str, clock_ms: int | None) -> None:
    """Go's way to write a time and milliseconds are understood; another one is no error."""
    assert _said("node-ping", {"clientTime": text}) == wire.Ping(text, clock_ms)


@pytest.mark.parametrize(
    "change",
    [
        {"number": -1},
        {"number": 2**53},
        {"number": "0x"},
        {"number": "1_0"},
        {"number": "9" * 5000},
        {"number": 10**400},
        {"number": None},
        {"number": True},
        {"hash": "0x12"},
        {"hash": "0x" + "g" * 64},
        {"parentHash": ""},
        {"timestamp": 10**15},
        {"gasUsed": "0x" + "f" * 64},
        {"transactions": "all"},
    ],
)
def test_a_block_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    """What a browser could not count or a page not show is MalformedReport."""
    with pytest.raises(MalformedReport):
        _said("block", {"block": {**block(1), **change}})


@given(kind=st.sampled_from(KINDS), body=JSON)
def test_any_json_is_a_message_or_malformed(kind: str, body: Any) -> None:
    """Whatever JSON a reporter sends, nothing but MalformedReport is raised."""
    for read in (wire.message, wire.hello):
        with contextlib.suppress(MalformedReport):
            read(json.dumps({"emit": [kind, body]}))


@given(st.text())
def test_any_text_is_a_message_or_malformed(text: str) -> None:
    """Whatever text a reporter sends, nothing but MalformedReport is raised."""
    for read in (wire.message, wire.hello):
        with contextlib.suppress(MalformedReport):
            read(text)


def test_text_of_strangers_is_cut_and_plain() -> None:
    """Control characters and direction marks are replaced, and no text is long."""
    shown = wire.plain("a\x1b[2J\u202eb" + "c" * 1000)
    assert shown.isprintable()
    assert len(shown) == wire.TEXT_CHARACTERS_MAX
