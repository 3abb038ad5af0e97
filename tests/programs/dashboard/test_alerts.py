"""Alerts: each kind begins, says what is wrong, and ends; a moment's trouble makes none."""

from __future__ import annotations

from tests.programs.dashboard.network_model import Model


def _healthy(*names: str) -> Model:
    model = Model(*names)
    model.login(*names)
    for name in names:
        model.stats(name, len(names) - 1)
    model.chain(*names, first=1, last=5)
    assert model.kinds() == []
    return model


def test_a_stalled_head() -> None:
    """Without a block for 20 s there is one alert since the last block; the next block ends it."""
    model = _healthy("a", "b")
    last_ms = model.network.best_at_ms
    model.pass_time(18)
    assert model.kinds() == []
    model.pass_time(3)
    assert model.kinds() == [("stalled", None)]
    assert model.alert().since_ms == last_ms
    assert "block 5" in model.alert().sentence
    ended = model.alert()
    model.chain("a", "b", first=6, last=10)
    assert model.kinds() == []
    assert ended.until_ms is not None
    assert ended.id in model.alerts.unsaved


def test_a_stalled_head_of_a_chain_without_blocks() -> None:
    """A network that never made its first block is as stalled as another."""
    model = Model("a")
    model.login("a")
    model.head("a", 0)
    model.pass_time(22)
    assert model.kinds() == [("stalled", None)]


def test_a_fork() -> None:
    """Nodes that differ are named; a race of two reports is no alert."""
    model = _healthy("a", "b", "c")
    for number in range(6, 12):
        for name, side in (("a", ""), ("b", ""), ("c", "other")):
            parent = "" if number == 6 else side
            model.head(name, number, side=side, parent_side=parent)
        model.pass_time(1)
        assert number > 7 or model.kinds() == []
    assert model.kinds() == [("fork", None)]
    assert "from block 6 on: c is" in model.alert().sentence


def test_lost_peers() -> None:
    """No peers, and less than half of what there were, are alerts after ten seconds."""
    model = _healthy("a", "b", "c", "d")
    model.stats("a", 0)
    model.stats("b", 1)
    model.chain("a", "b", "c", "d", first=6, last=10)
    assert model.kinds() == []
    model.chain("a", "b", "c", "d", first=11, last=18)
    assert model.kinds() == [("peers", "a"), ("peers", "b")]
    model.stats("a", 3)
    model.stats("b", 3)
    model.chain("a", "b", "c", "d", first=19, last=26)
    assert model.kinds() == []


def test_a_lagging_node() -> None:
    """More than five blocks behind for more than ten seconds, not a moment's."""
    model = _healthy("a", "b", "c")
    model.chain("a", "b", first=6, last=18)
    assert model.kinds() == []
    model.chain("a", "b", first=19, last=24)
    assert model.kinds() == [("lag", "c")]
    model.head("c", 24)
    model.chain("a", "b", "c", first=25, last=32)
    assert model.kinds() == []


def test_an_expected_node_that_does_not_report() -> None:
    """Never seen, or gone for 15 s; a node that came back within that is no alert."""
    model = _healthy("a", "b", "c")
    model.network.logout(model.node("c"), model.now_ms)
    model.chain("a", "b", first=6, last=15)
    model.login("c")
    model.head("c", 15)
    assert model.kinds() == []
    model.network.logout(model.node("c"), model.now_ms)
    model.chain("a", "b", first=16, last=33)
    assert model.kinds() == [("offline", "c")]


def test_a_refused_secret() -> None:
    """It names the node and where the attempt came from."""
    model = _healthy("a", "b")
    model.refused["a"] = "127.0.0.9"
    model.chain("a", "b", first=6, last=6)
    assert model.kinds() == [("refused", "a")]
    assert "127.0.0.9" in model.alert().sentence


def test_clocks_that_are_wrong() -> None:
    """A node's clock by its pings, and the chain's by the time in new blocks."""
    model = _healthy("a", "b")
    model.says("a", "node-ping", {"clientTime": str(model.now_ms + 3200)})
    model.chain("a", "b", first=6, last=13)
    assert model.kinds() == [("clock", "a")]
    assert "3.2 s ahead" in model.alert().sentence
    model.says("a", "node-ping", {"clientTime": str(model.now_ms)})
    for number in range(14, 40):
        for name in "ab":
            model.head(name, number, timestamp=model.now_ms // 1000 - 60)
        model.pass_time(1)
    assert model.kinds() == [("clock", None)]
    assert "60.0 s behind" in model.alert().sentence
