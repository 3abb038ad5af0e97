"""The socket on which nodes report: who is let in, and what a hostile one can't do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from tests.support.dashboard import Dashboard, Reporter, block, block_hash, proof, reporting
from tests.support.wait import eventually, until
from windlass.spec.values_ethereum import GAS_LIMIT_MAX

MakeDashboard = Callable[..., Dashboard]
SHAKE = (
    b"GET /api HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def _shown(dashboard: Dashboard, name: str, **wanted: Any) -> None:
    async def seen() -> bool:
        node = dashboard.node(name)
        return [node.get(key) for key in wanted] == list(wanted.values())

    await eventually(seen, f"{name} has {wanted}")


async def test_a_node_speaks_for_itself_only(make_dashboard: MakeDashboard) -> None:
    """Whatever `id` a message carries, it counts for the name that logged in."""
    dashboard = make_dashboard(["a", "b"])
    async with reporting(dashboard.settings.port, "a", "b") as (a, b):
        await b.stats(peers=3)
        await _shown(dashboard, "b", peers=3)
        await a.emit("stats", {"id": "b", "stats": {"active": True, "syncing": False, "peers": 77}})
        await _shown(dashboard, "a", peers=77)
        assert dashboard.node("b")["peers"] == 3


@pytest.mark.parametrize(
    ("name", "secret"),
    [("a", "wrong"), ("a", ""), ("a", proof("b")), ("stranger", "x"), ("<b>\x1b", "\udcff")],
)
async def test_a_wrong_secret_is_refused(
    make_dashboard: MakeDashboard, name: str, secret: str
) -> None:
    """The connection ends; an alert tells only of a name that is expected; others go on."""
    dashboard = make_dashboard(["a", "b"])
    async with reporting(dashboard.settings.port, "b"):
        async with Reporter(dashboard.settings.port, name, secret) as one:
            await one.hello()
            await asyncio.wait_for(one.closed.wait(), 10)
            assert one.received == []
        if "\udcff" in secret:
            return  # no JSON: refused before anything is compared
        until(lambda: dashboard.json("/state")["refused"] != [], "it is on /state")
        (refused,) = dashboard.json("/state")["refused"]
        assert refused["name"].isprintable()
        assert refused["address"] == "127.0.0.1"
        kinds = {(one["kind"], one["node"]) for one in dashboard.network()["alerts"]}
        if name == "a":
            until(
                lambda: (
                    ("refused", "a")
                    in {(one["kind"], one["node"]) for one in dashboard.network()["alerts"]}
                ),
                "the alert",
            )
        else:
            assert not any(kind == "refused" for kind, _ in kinds)
        assert dashboard.node("b")["online"] is True
        assert {one["name"] for one in dashboard.network()["nodes"]} == {"a", "b"}


async def test_the_newer_login_takes_the_place_of_the_older(make_dashboard: MakeDashboard) -> None:
    """With the right secret the second is heard, the first is ended, and the node stays online."""
    dashboard = make_dashboard(["a"])
    async with reporting(dashboard.settings.port, "a") as (first,):
        since_ms = dashboard.node("a")["since_ms"]
        async with reporting(dashboard.settings.port, "a") as (second,):
            await asyncio.wait_for(first.closed.wait(), 10)
            await second.stats(peers=5)
            await _shown(dashboard, "a", peers=5, online=True, since_ms=since_ms)
    await _shown(dashboard, "a", online=False)


async def test_a_node_that_nobody_expects_needs_the_secret_and_is_marked(
    make_dashboard: MakeDashboard,
) -> None:
    """With the right proof of its own name it is listed, as one that is not expected."""
    dashboard = make_dashboard(["a"])
    async with reporting(dashboard.settings.port, "guest"):
        await _shown(dashboard, "guest", online=True, expected=False)


async def test_geths_questions_are_answered_as_it_wants(make_dashboard: MakeDashboard) -> None:
    """`ready` is first, a ping gets its pong and nothing else does, history comes with a list."""
    dashboard = make_dashboard(["a"])
    async with reporting(dashboard.settings.port, "a") as (a,):
        assert a.received == [{"emit": ["ready"]}]
        await a.emit("node-ping", {"clientTime": "2026-01-02 15:04:05 +0000 UTC m=+1"})
        await a.head(300)

        async def answered() -> bool:
            return len(a.received) >= 3

        await eventually(answered, "a pong and a question")
        pong, question = (one["emit"] for one in a.received[1:])
        assert pong[0] == "node-pong"
        assert pong[1]["clientTime"] == "2026-01-02 15:04:05 +0000 UTC m=+1"
        assert question[0] == "history"
        wanted = question[1]["list"]
        assert wanted
        assert all(isinstance(number, int) and 180 < number < 300 for number in wanted)
        await a.emit("history", {"history": [block(number) for number in reversed(wanted)]})
        until(lambda: len(dashboard.network()["blocks"]) == len(wanted) + 1, "they are shown")


HOSTILE = [
    "",
    "[]",
    "{}",
    '{"emit":[]}',
    '{"emit":["block"]}',
    '{"emit":["block",null]}',
    '{"emit":["block",{"block":{"number":"-1"}}]}',
    '{"emit":["nobody-knows",{}]}',
    '{"emit":["history",{"history":[' + ",".join(["null"] * 5000) + "]}]}",
    '{"emit":["latency",{"latency":1e999}]}',
    "[" * 100_000,
    '"primus::pong::' + "1" * 1000 + '"',
    "\x00",
]


async def test_nonsense_of_a_node_is_dropped_and_counted(make_dashboard: MakeDashboard) -> None:
    """A node that was let in may say anything: its next good message is heard, nothing is logged
    as a defect, and no other node's row changes."""
    dashboard = make_dashboard(["a", "b"])
    async with reporting(dashboard.settings.port, "a", "b") as (a, b):
        await b.head(7)
        await _shown(dashboard, "b", lag_blocks=0)
        before = dashboard.node("b")
        for text in HOSTILE:
            await a.send(text)
        await a.stats(peers=9)
        await _shown(dashboard, "a", peers=9)
        after = dashboard.node("b")
        assert {**after, "uptime_percent": 0} == {**before, "uptime_percent": 0}
        metrics = dashboard.get("/metrics")[1].decode()
        assert 'messages_dropped_total{reason="malformed"} 12.0' in metrics
        assert "failed" not in dashboard.log()


async def test_a_block_with_the_most_transfers_is_taken(make_dashboard: MakeDashboard) -> None:
    """At the highest gas limit that a spec allows, a full block is shown with all of them."""
    count = GAS_LIMIT_MAX // 21_000
    dashboard = make_dashboard(["a"])
    async with reporting(dashboard.settings.port, "a") as (a,):
        transactions = [{"hash": block_hash(1, str(one))} for one in range(count)]
        full = block(1, transactions=transactions, gasUsed=count * 21_000, gasLimit=GAS_LIMIT_MAX)
        text = {"emit": ["block", {"id": "a", "block": full}]}
        await a.send(json.dumps(text, separators=(",", ":")))  # as Go writes it
        await a.stats(peers=5)
        await _shown(dashboard, "a", peers=5, online=True)
        assert dashboard.node("a")["block"]["transactions"] == count


async def test_before_the_login_all_of_it_is_bounded(make_dashboard: MakeDashboard) -> None:
    """A first message that a node might send later is cut off long before its end."""
    dashboard = make_dashboard(["a"])
    address = ("127.0.0.1", dashboard.settings.port)
    with socket.create_connection(address, timeout=10) as one:
        one.sendall(SHAKE)
        assert one.recv(12) == b"HTTP/1.1 101"
        frame = b"\x81\xff" + (3 << 20).to_bytes(8, "big") + bytes(4)
        with contextlib.suppress(ConnectionError):
            one.sendall(frame + b" " * (2 << 20))  # not even all of it
            while one.recv(4096):
                pass
    metrics = dashboard.get("/metrics")[1].decode()
    assert 'windlass_dashboard_reporters_refused_total{reason="late"}' not in metrics


async def test_a_message_that_is_too_long_ends_its_connection_only(
    make_dashboard: MakeDashboard,
) -> None:
    """More than a full block needs closes that node's connection; the other one stays."""
    dashboard = make_dashboard(["a", "b"])
    async with reporting(dashboard.settings.port, "a", "b") as (a, b):
        with contextlib.suppress(ConnectionError):  # ended while it still sends
            await a.send('"' + "x" * (5 << 20) + '"')
        await asyncio.wait_for(a.closed.wait(), 10)
        await b.stats(peers=4)
        await _shown(dashboard, "b", peers=4, online=True)
        await _shown(dashboard, "a", online=False)


async def test_a_flood_is_dropped(make_dashboard: MakeDashboard) -> None:
    """Thousands of messages in a second are not all taken in, and the others are served."""
    dashboard = make_dashboard(["a", "b"])
    async with reporting(dashboard.settings.port, "a", "b") as (a, b):
        for number in range(5000):
            await a.emit("pending", {"stats": {"pending": number}})
        await b.stats(peers=4)
        await _shown(dashboard, "b", peers=4)
        metrics = dashboard.get("/metrics")[1].decode()
        assert 'windlass_dashboard_messages_dropped_total{reason="too-many"}' in metrics


async def test_a_thousand_silent_connections_keep_nobody_out(
    make_dashboard: MakeDashboard,
) -> None:
    """With a thousand WebSockets that never log in, a node logs in and the page is served."""
    dashboard = make_dashboard(["a"])
    address = ("127.0.0.1", dashboard.settings.port)
    silent = []
    try:
        for _ in range(1000):
            one = socket.create_connection(address, timeout=10)
            one.sendall(SHAKE)
            silent.append(one)
        async with reporting(dashboard.settings.port, "a") as (a,):
            await a.head(1)
            await _shown(dashboard, "a", online=True, lag_blocks=0)
            assert dashboard.get("/api/network")[0] == 200
    finally:
        for one in silent:
            one.close()
    metrics = dashboard.get("/metrics")[1].decode()
    assert 'windlass_dashboard_reporters_refused_total{reason="crowd"}' in metrics


async def test_a_long_first_message_is_not_read(make_dashboard: MakeDashboard) -> None:
    """Before the login a message has a much smaller bound."""
    dashboard = make_dashboard(["a"])
    async with Reporter(dashboard.settings.port, "a") as one:
        await one.send('{"emit":[' + "0," * 100_000 + "0]}")
        await asyncio.wait_for(one.closed.wait(), 10)
        assert one.received == []


async def test_who_says_nothing_is_ended(make_dashboard: MakeDashboard) -> None:
    """A connection that does not log in within five seconds is closed."""
    dashboard = make_dashboard(["a"])
    async with Reporter(dashboard.settings.port, "a") as one:
        await asyncio.wait_for(one.closed.wait(), 15)
        assert one.received == []


async def test_the_file_of_nodes_is_followed(make_dashboard: MakeDashboard) -> None:
    """A node that is added is expected without a restart, one that is taken out is gone."""
    dashboard = make_dashboard(["a", "b"])
    dashboard.expect(["a", "c"])
    until(lambda: {one["name"] for one in dashboard.network()["nodes"]} == {"a", "c"}, "a and c")


async def test_a_plain_request_to_the_reporters_address_is_told_so(
    make_dashboard: MakeDashboard,
) -> None:
    """GET /api without a WebSocket is 426, and a broken handshake no defect."""
    dashboard = make_dashboard(["a"])
    assert dashboard.get("/api")[0] == 426
    assert dashboard.get("/api", {"upgrade": "websocket"})[0] == 400
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{dashboard.url}/api", data=b"x" * 100) as answer,
    ):
        assert answer.status == 405
    assert "failed" not in dashboard.log()
