"""The network as nodes tell it: best block, delays, forks, and what a liar can't do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.programs.dashboard.network_model import Model, hello
from tests.support.dashboard import block, block_hash
from windlass.programs.dashboard.blocks import WINDOW
from windlass.programs.dashboard.documents import block_document, node_document, summary_document
from windlass.programs.dashboard.network import UNEXPECTED_MAX, TooManyNodes
from windlass.programs.dashboard.nodes import START_S
from windlass.programs.dashboard.propagation import Propagation


def test_delays_are_measured_by_arrival_from_the_first_reporter_on() -> None:
    """The first has 0, the others what they came later; a repeated report changes nothing."""
    model = Model("a", "b", "c")
    model.login("a", "b", "c")
    model.chain("a", "b", "c", first=1, last=1)
    model.head("a", 2)
    model.now_ms += 40
    model.head("b", 2)
    model.now_ms += 60
    model.head("c", 2)
    model.now_ms += 15_000
    model.head("b", 2)
    assert [model.node(name).propagation_ms for name in "abc"] == [0, 40, 100]
    assert list(model.node("b").propagation) == [None, 40]
    main = model.network.blocks.main(2)
    assert main is not None
    assert block_document(model.network, main)["propagation_max_ms"] == 100
    propagation = Propagation()
    propagation.measure(model.network.blocks)
    assert (propagation.p50_ms, propagation.p90_ms) == (100, 100)
    assert sum(one["count"] for one in propagation.document["bins"]) == 2


def test_a_node_that_goes_to_and_fro_measures_once() -> None:
    """Whoever alternates between two blocks adds no more delays to the one that others have."""
    model = Model("a", "b", "liar")
    model.login("a", "b", "liar")
    model.chain("a", "b", "liar", first=1, last=1)
    for name in ("a", "b", "liar"):
        model.head(name, 2)
    for _ in range(50):
        model.now_ms += 1000
        model.head("liar", 2, side="other", parent_side="")
        model.head("liar", 2)
    assert model.network.blocks.main(2).delays_ms == [0, 0]  # type: ignore[union-attr]


def test_a_block_that_comes_with_a_login_measures_nothing() -> None:
    """Who logs in late tells of an old block: that is no delay."""
    model = Model("a", "b")
    model.login("a")
    model.chain("a", first=1, last=2)
    model.login("b")
    model.head("b", 2)
    assert model.node("b").propagation_ms is None
    assert model.network.blocks.main(2).delays_ms == []  # type: ignore[union-attr]


def test_a_new_chain_is_shown_from_its_genesis_on() -> None:
    """Before any report all is unknown, with block 0 there is a best block of height 0."""
    model = Model("a")
    summary = summary_document(model.network, Propagation())
    assert (summary["best_block"], summary["nodes_total"]) == (None, 1)
    model.login("a")
    model.head("a", 0)
    summary = summary_document(model.network, Propagation())
    assert (summary["best_block"], summary["final_block"], summary["nodes_online"]) == (0, 0, 1)


def test_besus_word_is_put_right() -> None:
    """Its `syncing` is inverted and its latency halved, and its delays count for nobody."""
    model = Model("a", "b")
    model.login("a")
    model.login("b", sampled=True)
    model.chain("a", "b", first=1, last=1)
    model.head("a", 2)
    model.now_ms += 4000
    model.head("b", 2)
    model.says("b", "stats", {"stats": {"syncing": True, "peers": "0x3", "gasPrice": "0x7"}})
    model.says("b", "latency", {"latency": "10"})
    shown = node_document(model.network, model.node("b"))
    assert (shown["syncing"], shown["latency_ms"], shown["peers"]) == (False, 5, 3)
    assert (shown["propagation_ms"], shown["sampled"]) == (4000, True)
    assert model.network.blocks.main(2).delays_ms == []  # type: ignore[union-attr]


def test_a_fork_is_seen_and_its_end_too() -> None:
    """Two hashes at a height are a fork with sides; when the few take the others' child it ends."""
    model = Model("a", "b", "c")
    model.login("a", "b", "c")
    model.chain("a", "b", "c", first=1, last=4)
    for name, side in (("a", ""), ("b", ""), ("c", "other")):
        model.head(name, 5, side=side, parent_side="")
    assert model.network.blocks.forked == {5}
    assert [one["nodes"] for one in model.network.blocks.sides(5)] == [["a", "b"], ["c"]]
    assert model.network.best is not None
    assert model.network.best.hash == block_hash(5)
    for name in "abc":
        model.head(name, 6)
    assert model.network.blocks.forked == set()


def test_a_deep_fork_ends_by_asking() -> None:
    """Who changed sides many blocks ago is asked for the heights at which it had others."""
    model = Model("a", "b", "c")
    model.login("a", "b", "c")
    model.chain("a", "b", "c", first=1, last=4)
    for number in (5, 6):
        for name, side in (("a", ""), ("b", ""), ("c", "other")):
            model.head(name, number, side=side, parent_side="" if number == 5 else side)
    assert model.network.blocks.forked == {5, 6}
    for name in "abc":
        model.head(name, 7)
    model.pass_time(11)
    wanted = model.network.history_wanted(model.node("c"), model.now_ms)
    assert 5 in wanted
    model.says("c", "history", {"history": [block(number) for number in reversed(wanted)]})
    assert model.network.blocks.forked == set()


@pytest.mark.parametrize("claimed", [20, 10**15])
def test_a_liars_height_is_not_believed(claimed: int) -> None:
    """A head far above two that get new blocks makes nobody late, whether it came first or last."""
    for liar_first in (True, False):
        model = Model("a", "b", "c", "liar")
        model.login("a", "b", "c", "liar")
        if liar_first:
            model.head("liar", claimed)
        model.chain("a", "b", "c", first=1, last=5)
        model.head("liar", claimed)
        model.chain("a", "b", "c", first=6, last=8)
        assert model.network.best is not None
        assert model.network.best.number == 8
        assert node_document(model.network, model.node("a"))["lag_blocks"] == 0


def test_one_that_is_right_is_believed_while_others_catch_up() -> None:
    """Nodes that get old blocks are no witnesses against the one at the head."""
    model = Model("a", "b", "c")
    model.login("a", "b", "c")
    for number in range(1, 4):
        for name in "bc":
            model.head(name, number, timestamp=model.now_ms // 1000 - 3600)
        model.head("a", 3600 + number)
        model.pass_time(1)
    assert model.network.best is not None
    assert model.network.best.number == 3603


@given(
    st.lists(
        st.tuples(
            st.integers(0, 60), st.sampled_from(["", "x", "y", "z"]), st.sampled_from(["liar", "a"])
        ),
        max_size=60,
    )
)
def test_memory_is_bounded_and_votes_add_up(
    reports: list[tuple[int, str, str]],
) -> None:
    """Whatever is reported, each height has a vote per node at most, and hashes with voters."""
    model = Model("a", "b", "liar")
    model.login("a", "b", "liar")
    for number, side, name in reports:
        model.head(name, number, side=side, parent_side=side)
        model.now_ms += 100
    blocks = model.network.blocks
    assert len(blocks.heights) <= WINDOW + 10
    for number, hashes in blocks.heights.items():
        votes = blocks.votes.get(number, {})
        assert sum(one.votes for one in hashes.values()) == len(votes) <= 3
        assert (number in blocks.forked) == (len(set(votes.values())) > 1)
        assert set(votes.values()) <= set(hashes)


def test_ever_new_hashes_of_one_node_take_nobodys_room() -> None:
    """A thousand blocks of one height leave one, and the others' block is the main one."""
    model = Model("a", "b", "liar")
    model.login("a", "b", "liar")
    model.chain("a", "b", "liar", first=1, last=3)
    for number in range(1000):
        model.head("liar", 4, side=f"forged {number}", parent_side="")
    model.head("a", 4)
    model.head("b", 4)
    assert len(model.network.blocks.heights[4]) == 2
    assert model.network.best is not None
    assert model.network.best.hash == block_hash(4)


def test_nodes_that_nobody_expects_are_few_and_leave() -> None:
    """They are listed as such up to a bound, are gone a minute after they left, and then forgot."""
    model = Model("a")
    for number in range(UNEXPECTED_MAX):
        model.login(f"guest-{number}")
    with pytest.raises(TooManyNodes):
        model.network.login(hello("one-more"), model.now_ms)
    assert not model.node("guest-0").expected
    model.network.logout(model.node("guest-0"), model.now_ms)
    model.pass_time(62)
    assert "guest-0" not in model.network.nodes
    assert "guest-0" in model.network.gone


def test_uptime_is_counted_from_connections() -> None:
    """What a client says of its uptime does not count, the seconds that it was here do; nobody is
    missed in the first minute of all."""
    model = Model("a")
    model.pass_time(START_S)
    assert model.node("a").uptime.percent is None
    model.pass_time(60)
    model.login("a")
    model.pass_time(180)
    assert model.node("a").uptime.percent == 75.0


def test_history_is_asked_so_that_the_answer_fits() -> None:
    """Heights that nobody told are asked for, fewer at once where blocks may be large."""
    counts = []
    for gas_limit in (30_000_000, 200_000_000):
        model = Model("a")
        model.login("a")
        model.head("a", 200, gasLimit=gas_limit)
        wanted = model.network.history_wanted(model.node("a"), model.now_ms)
        assert wanted
        assert max(wanted) == 199
        assert model.network.history_wanted(model.node("a"), model.now_ms + 1000) == []
        counts.append(len(wanted))
    assert counts[0] > counts[1] >= 1
