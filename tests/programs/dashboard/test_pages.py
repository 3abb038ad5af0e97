"""Pages, live events and what guards them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.programs.dashboard.network_model import Model
from tests.support.dashboard import Dashboard, reporting
from tests.support.wait import until
from windlass.kit.metrics import Registry
from windlass.programs.dashboard.api import is_plain_host, read_assets
from windlass.programs.dashboard.live import BROWSERS_MAX, FRAMES_MAX, Live, _Browser
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.propagation import Propagation
from windlass.programs.dashboard.validators import Validators

MakeDashboard = Callable[..., Dashboard]


def apply(document: dict[str, Any], delta: dict[str, Any]) -> None:
    """What a page does with a delta, as the contract says."""
    nodes = {one["name"]: one for one in document["nodes"]}
    for change in delta.get("nodes", []):
        node = nodes.setdefault(change["name"], {"propagation_history": []})
        if "block" in change and "propagation_history" not in change:
            history = [*node["propagation_history"], change["propagation_ms"]]
            node["propagation_history"] = history[-40:]
        node.update(change)
    for name in delta.get("gone", []):
        nodes.pop(name, None)
    document["nodes"] = [nodes[name] for name in sorted(nodes)]
    blocks = {one["number"]: one for one in document["blocks"]}
    blocks.update({one["number"]: one for one in delta.get("blocks", [])})
    newest = sorted(blocks, reverse=True)[:120]
    document["blocks"] = [blocks[number] for number in newest]
    for part in ("summary", "validators", "consensus", "propagation", "forks", "alerts", "now_ms"):
        if part in delta:
            document[part] = delta[part]


async def test_deltas_lead_where_the_state_is(make_dashboard: MakeDashboard) -> None:
    """A page that applies each delta to the snapshot has what a new snapshot has."""
    dashboard = make_dashboard(["a", "b", "gone"])
    events = dashboard.events()
    kind, document = await asyncio.to_thread(next, events)
    assert kind == "snapshot"
    async with reporting(dashboard.settings.port, "a", "b") as nodes:
        for number in range(1, 131):
            for node in nodes:
                await node.head(number)
        await nodes[0].stats(peers=9)
        dashboard.expect(["a", "b"])

        def settled() -> bool:
            kind, delta = next(events)
            assert kind == "delta"
            apply(document, delta)
            named = {one["name"]: one for one in document["nodes"]}
            height = document["summary"]["best_block"]
            return "gone" not in named and height == 130 and named["a"].get("peers") == 9

        await asyncio.to_thread(until, settled, "all is told", poll_s=0)
        now = dashboard.network()
        for name in ("propagation", "forks", "network", "validators", "consensus"):
            assert document[name] == now[name]
        ticking = {"uptime_percent": 0}
        assert [{**one, **ticking} for one in document["nodes"]] == [
            {**one, **ticking} for one in now["nodes"]
        ]
        assert document["blocks"] == now["blocks"]
        assert len(now["blocks"]) == 120
    events.close()


def _live(model: Model) -> Live:
    metrics = Metrics(Registry())
    validators = Validators(model.network, metrics)
    return Live(
        model.network, Propagation(), validators, model.alerts, metrics, lambda: model.now_ms
    )


def test_two_blocks_between_deltas_are_both_in_the_history_of_delays() -> None:
    """A page appends one delay itself; when there were two, it is given the whole history."""
    model = Model("a")
    model.login("a")
    live = _live(model)
    live.advance()
    model.chain("a", first=1, last=3)
    (change,) = live._changed_nodes()
    assert change["propagation_history"] == [None, 0, 0]
    model.head("a", 4)
    (change,) = live._changed_nodes()
    assert "propagation_history" not in change
    assert (change["block"]["number"], change["propagation_ms"]) == (4, 0)


async def test_a_browser_that_is_too_slow_gets_the_state_anew() -> None:
    """Its queue is bounded: beyond that it is emptied, and a snapshot is next."""
    model = Model("a")
    model.login("a")
    live = _live(model)
    slow = _Browser(lambda: None)
    live._browsers[slow] = None
    live.advance()
    live._refresh()
    assert [frame[:15] for frame in slow.frames] == [b"event: snapshot"]
    for number in range(1, FRAMES_MAX + 5):
        model.head("a", number)
        live.advance()
        assert len(slow.frames) <= FRAMES_MAX
    assert slow.stale
    live._refresh()
    assert [frame[:15] for frame in slow.frames] == [b"event: snapshot"]
    assert f'"best_block":{FRAMES_MAX + 4}'.encode() in slow.frames[0]


async def test_browsers_that_do_not_read_stop_nobody(make_dashboard: MakeDashboard) -> None:
    """With browsers that take nothing, another one is told of each block."""
    dashboard = make_dashboard(["a"])
    stuck = []
    try:
        for _ in range(20):
            one = socket.create_connection(("127.0.0.1", dashboard.settings.port))
            one.sendall(b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            stuck.append(one)
        async with reporting(dashboard.settings.port, "a") as (a,):
            for number in range(1, 50):
                await a.head(number)
            until(lambda: dashboard.network()["summary"]["best_block"] == 49, "the last block")
        until(lambda: dashboard.json("/state")["browsers"] == 20, "they are counted")
    finally:
        for one in stuck:
            one.close()
    until(lambda: dashboard.json("/state")["browsers"] == 0, "they are forgotten", timeout_s=40)


async def test_silent_readers_keep_no_browser_away(make_dashboard: MakeDashboard) -> None:
    """When there are too many, one more ends the oldest, and is told of what happens."""
    dashboard = make_dashboard(["a"])
    silent = []
    try:
        for number in range(BROWSERS_MAX + 1):
            one = socket.create_connection(("127.0.0.1", dashboard.settings.port))
            one.sendall(b"GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            silent.append(one)
            if number == 0:
                until(lambda: dashboard.json("/state")["browsers"] == 1, "the first is there")
        until(lambda: _ended(silent[0]), "the first is ended")
        assert dashboard.json("/state")["browsers"] == BROWSERS_MAX
        silent[-1].settimeout(10)
        assert silent[-1].recv(1 << 16).startswith(b"HTTP/1.1 200")
    finally:
        for one in silent:
            one.close()


def _ended(connection: socket.socket) -> bool:
    connection.settimeout(0.1)
    try:
        return connection.recv(1 << 20) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    ("host", "fine"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8080", True),
        ("localhost:1", True),
        ("LOCALHOST", True),
        ("[::1]:8080", True),
        ("10.1.2.3", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:80", False),
        ("", False),
        ("127.0.0.1:80:80", False),
        ("127.0.0.1@evil.example", False),
    ],
)
def test_only_addresses_and_localhost_are_plain_hosts(host: str, fine: bool) -> None:
    """A name that somebody's DNS answers for is none."""
    assert is_plain_host(host) is fine


def test_pages_are_guarded(make_dashboard: MakeDashboard) -> None:
    """A foreign Host is refused, other methods too, no path leaves the list, headers are set."""
    dashboard = make_dashboard(["a"])
    for path in ("/", "/api/network", "/api/live", "/api/history", "/state", "/metrics"):
        assert dashboard.get(path, {"host": "evil.example"})[0] == 421
    assert dashboard.get("/readyz", {"host": "dashboard.harbour"})[0] == 200
    for path in ("/assets/../main.py", "/assets/%2e%2e/main.py", "/assets//etc/passwd", "/nothing"):
        assert dashboard.get(path)[0] == 404
    connection = socket.create_connection(("127.0.0.1", dashboard.settings.port), timeout=10)
    with connection:
        connection.sendall(
            b"HEAD /api/network HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        head = b"".join(iter(lambda: connection.recv(4096), b"")).decode().lower()
    assert head.startswith("http/1.1 200")
    assert "content-security-policy: default-src 'self'" in head
    assert "cache-control: no-store" in head
    assert "x-content-type-options: nosniff" in head
    assert "referrer-policy: no-referrer" in head


def test_assets_are_what_was_there_at_the_start(tmp_path: Path) -> None:
    """The first folder wins, only known kinds are served, each has a tag of its content."""
    own, shared = tmp_path / "own", tmp_path / "shared"
    for folder in (own, shared):
        (folder / "parts").mkdir(parents=True)
        (folder / "index.html").write_text(folder.name)
        (folder / "parts" / f"{folder.name}.js").write_text("")
        (folder / "notes.py").write_text("")
    assets = read_assets(own, shared)
    assert sorted(assets) == ["index.html", "parts/own.js", "parts/shared.js"]
    assert assets["index.html"].body == b"own"
    assert read_assets(tmp_path / "nothing") == {}


def test_metrics_tell_of_the_network(make_dashboard: MakeDashboard) -> None:
    """Height, nodes, alerts by kind and what was dropped are there from the start."""
    dashboard = make_dashboard(["a"])
    until(
        lambda: b'windlass_dashboard_alerts{kind="stalled"} 0.0' in dashboard.get("/metrics")[1],
        "alerts by kind",
    )
    metrics = dashboard.get("/metrics")[1].decode()
    assert "windlass_dashboard_height NaN" in metrics
    assert "windlass_dashboard_nodes 1.0" in metrics


def test_it_ends_in_order_with_a_browser_connected(make_dashboard: MakeDashboard) -> None:
    """SIGTERM ends the streams, and the exit code is 0."""
    dashboard = make_dashboard(["a"])
    events = dashboard.events()
    assert next(events)[0] == "snapshot"
    assert dashboard.end() == 0
    events.close()
