"""Block parameters: tags become the head, everything else stays what it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windlass.programs.gateway.rewriting import rewrite

HEAD = 255
SHOWN = "0xff"


def _rewritten(method: str, params: Any) -> tuple[Any, int | None, bool]:
    found = rewrite(method, json.dumps(params).encode(), HEAD)
    return json.loads(found.params), found.block, found.pending


@pytest.mark.parametrize("tag", ["latest", "safe", "finalized"])
def test_tags_become_the_head(tag: str) -> None:
    """As a word and in an object, in front and behind."""
    for method, params, expected in (
        ("eth_getBalance", ["0x1", tag], ["0x1", SHOWN]),
        ("eth_getBalance", ["0x1", {"blockNumber": tag}], ["0x1", SHOWN]),
        ("eth_call", [{}, tag, {"a": 1}], [{}, SHOWN, {"a": 1}]),
        ("eth_getBlockByNumber", [tag, True], [SHOWN, True]),
        ("eth_getStorageAt", ["0x1", "0x0", tag], ["0x1", "0x0", SHOWN]),
        ("eth_feeHistory", [4, tag, [50]], [4, SHOWN, [50]]),
        ("eth_getLogs", [{"fromBlock": tag}], [{"fromBlock": SHOWN, "toBlock": SHOWN}]),
    ):
        assert _rewritten(method, params) == (expected, HEAD, False)


def test_a_tag_that_is_written_with_escapes_is_a_tag() -> None:
    """geth unescapes it, so its own head would be shown otherwise."""
    found = rewrite("eth_getBalance", rb'["0x1", "\u006catest"]', HEAD)
    assert (json.loads(found.params), found.block) == (["0x1", SHOWN], HEAD)
    nonsense = rewrite("eth_getBalance", rb'["0x1","\ud800"]', HEAD)
    assert nonsense.params == rb'["0x1","\ud800"]'


def test_what_is_left_out_is_put_in() -> None:
    """Where geth takes the newest block: absent or null, and what stands behind stays there."""
    assert _rewritten("eth_getBalance", ["0x1"])[0] == ["0x1", SHOWN]
    assert _rewritten("eth_call", [{}, None, {"a": 1}])[0] == [{}, SHOWN, {"a": 1}]
    assert _rewritten("eth_getLogs", [{}])[0] == [{"fromBlock": SHOWN, "toBlock": SHOWN}]
    assert _rewritten("eth_getLogs", [{"blockHash": "0x1"}])[0] == [{"blockHash": "0x1"}]
    assert _rewritten("eth_getBlockByNumber", []) == ([], None, False)
    assert _rewritten("eth_getProof", ["0x1"]) == (["0x1"], None, False)


def test_numbers_are_told_and_left() -> None:
    """A number is the block; a hash, a pending block and nonsense are none."""
    hash_ = "0x" + "12" * 32
    for value, block, pending in (
        ("0x10", 16, False), ("earliest", 0, False), (hash_, None, False), ("x", None, False),
        ("pending", None, True), (5, None, False), ({"blockHash": hash_}, None, False),
        ({"blockNumber": "0x10"}, 16, False), ({"blockNumber": "pending"}, None, True),
    ):  # fmt: skip
        assert _rewritten("eth_getBalance", ["0x1", value]) == (["0x1", value], block, pending)


@given(
    method=st.sampled_from(["eth_getBalance", "eth_getLogs", "eth_call", "eth_gasPrice"]),
    params=st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    ),
)
def test_anything_else_reaches_the_node(method: str, params: Any) -> None:
    """Whatever a client sends: parameters come out that are JSON, and nothing is raised."""
    json.loads(rewrite(method, json.dumps(params).encode(), HEAD).params)
