"""What is asked of nodes and what becomes of their answers, with real servers that answer."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.runtimes.local.harness import free_port
from windlass.kit.health import Health
from windlass.kit.http import HttpServer, Request, Response, json_response, text_response
from windlass.plan.workload import Command, Probe, Process, Workload
from windlass.runtimes.local import process_table
from windlass.runtimes.local.observe import ANSWER_BYTES_MAX, observe
from windlass.runtimes.local.state import NetworkRow, ProcessRow, State, WorkloadRow
from windlass.runtimes.local.status import NetworkStatus, NodeStatus

HASH = "0x" + "ab" * 32


class Node:
    """What a geth and the program beside it would answer; counts how often they are asked."""

    def __init__(self, height: int = 9, *, final: int | None = 8, ready: str | None = None) -> None:
        self.height, self.final, self.ready = height, final, ready
        self.body: bytes | None = None
        self.asked = 0
        self.meets: asyncio.Barrier | None = None
        self.url = ""

    async def rpc(self, request: Request) -> Response:
        """A batch of JSON-RPC."""
        self.asked += 1
        if self.meets is not None:
            await self.meets.wait()
        if self.body is not None:
            return Response(body=self.body)
        return json_response([self._answer(one) for one in json.loads(request.body)])

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        method, parameters = question["method"], question["params"]
        whole = {"jsonrpc": "2.0", "id": question["id"]}
        if method == "net_peerCount":
            return {**whole, "result": "0x3"}
        number = self.height if parameters[0] == "latest" else self.final
        if number is None:
            return {**whole, "error": {"code": -39001, "message": "unknown block"}}
        block = {"number": hex(number), "hash": HASH, "timestamp": hex(int(time.time()))}
        return {**whole, "result": block}

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Node]:
        """Serves both at one address."""
        routes = Health(ready=lambda: self.ready).routes()
        server = HttpServer({("POST", "/"): self.rpc, **routes})
        await server.start("127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.port}"
        try:
            yield self
        finally:
            await server.stop()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """A state that nobody supervises."""
    with State.open(tmp_path / "state", create=True) as opened:
        yield opened


def _add(
    state: State, name: str, rpc_url: str | None, *, network: str = "net", role: str = "node",
    alive: bool = True, desired: Any = "running", **urls: Any,
) -> None:  # fmt: skip
    """A workload of two processes, both of which are this very process if they are alive."""
    names = ("geth", "bridge")
    workload = Workload(
        network=network, name=name, role=role, rank=0, directory="/d", main="geth",
        processes=tuple(
            Process(name=one, command=Command(program=one, arguments=()), ready=Probe())
            for one in names
        ),
        **{"rpc_url": rpc_url, "health_url": rpc_url, **urls},
    )  # fmt: skip
    own = process_table.identity(os.getpid())
    assert own is not None
    with state.transaction():
        known = {one.name: one for one in state.networks()}
        known[network] = NetworkRow(
            name=network, family="ethereum", consensus="bft", chain_id=7, block_time_s=1
        )
        state.set_networks(known.values())
        state.set_workload(WorkloadRow(workload=workload, files={}, desired=desired))
        for one in names:
            row = ProcessRow(
                network=network, node=name, process=one, pid=own.pid, state="running", ready=True,
                # Whoever has the pid but began at another time is somebody else.
                started=own.started if alive else own.started + 1, boot=own.boot,
                restarts=2, since=time.time() - 60,
            )  # fmt: skip
            state.set_process(row)


async def _network(state: State) -> NetworkStatus:
    (only,) = (await observe(state)).networks
    return only


async def _node(state: State) -> NodeStatus:
    (only,) = (await _network(state)).nodes
    return only


async def test_a_node_is_what_it_answers(state: State) -> None:
    """Height, final height, hash and peers are its RPC's; pid, memory, age its process's."""
    async with Node().serving() as one:
        _add(state, "node-0", one.url)
        seen = await _node(state)
        assert (await observe(state)).healthy
    assert (seen.state, seen.reason) == ("healthy", "")
    assert (seen.height, seen.finalized, seen.block_hash, seen.peers) == (9, 8, HASH, 3)
    assert (seen.pid, seen.rpc, seen.restarts) == (os.getpid(), one.url, 4)
    assert seen.rss_bytes is not None
    assert seen.rss_bytes > 0
    own = process_table.identity(os.getpid())
    assert own is not None
    age_s = process_table.age_s(own.started)
    assert seen.uptime_s is not None
    assert age_s is not None
    assert age_s - 60 <= seen.uptime_s <= age_s, "from the process's start, not the row's time"
    assert [process.state for process in seen.processes] == ["running", "running"]


async def test_before_the_first_final_block(state: State) -> None:
    """geth refuses to name a final block before there is one: that is height 0, and no fault."""
    async with Node(final=None).serving() as one:
        _add(state, "node-0", one.url)
        seen = await _node(state)
    assert (seen.state, seen.height, seen.finalized) == ("healthy", 9, 0)


async def test_all_nodes_are_asked_at_once(state: State) -> None:
    """Each of these answers only once all of them were asked."""
    meets = asyncio.Barrier(3)
    async with Node().serving() as a, Node().serving() as b, Node().serving() as c:
        for number, one in enumerate((a, b, c)):
            one.meets = meets
            _add(state, f"node-{number}", one.url)
        assert (await observe(state)).healthy


async def test_a_node_that_never_answers_costs_only_itself(state: State) -> None:
    """One that takes the call and says nothing is degraded, with its address; the rest is told."""
    async with Node().serving() as silent, Node().serving() as well:
        silent.meets = asyncio.Barrier(2)  # nobody else comes
        _add(state, "node-0", silent.url)
        _add(state, "node-1", well.url)
        status = await observe(state)
        await silent.meets.abort()
    first, second = status.networks[0].nodes
    assert not status.healthy
    assert (first.state, first.height) == ("degraded", None)
    assert silent.url in first.reason
    assert second.state == "healthy"


async def test_nobody_listens(state: State) -> None:
    """A process that runs and does not listen is degraded, and that says where it was asked."""
    url = f"http://127.0.0.1:{free_port()}"
    _add(state, "node-0", url)
    seen = await _node(state)
    assert (seen.state, seen.height, seen.pid) == ("degraded", None, os.getpid())
    assert url in seen.reason


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no batches"}}',
        json.dumps([{"id": i, "result": None} for i in (1, 2, 3)]).encode(),
        json.dumps([{"id": i, "result": {"number": "x"}} for i in (1, 2, 3)]).encode(),
        b"[" + b" " * ANSWER_BYTES_MAX + b"]",
    ],
    ids=["no-json", "refused", "nulls", "no-numbers", "too-large"],
)
async def test_what_is_no_answer_is_told(state: State, body: bytes) -> None:
    """Whatever comes instead of a chain makes the node degraded, and never the status fail."""
    async with Node().serving() as one:
        one.body = body
        _add(state, "node-0", one.url)
        seen = await _node(state)
    assert (seen.state, seen.height) == ("degraded", None)
    assert seen.reason


async def test_its_own_program_says_why_it_is_not_ready(state: State) -> None:
    """The reason is the program's own; one that gives none is told of by its status."""

    async def broken(_: Request) -> Response:
        return text_response("oops", status=500)

    server = HttpServer({"/readyz": broken})
    await server.start("127.0.0.1", 0)
    try:
        async with Node(ready="geth is syncing").serving() as one:
            _add(state, "node-0", one.url)
            assert (await _node(state)).reason == "geth is syncing"
            _add(state, "node-0", one.url, health_url=f"http://127.0.0.1:{server.port}")
            seen = await _node(state)
    finally:
        await server.stop()
    assert seen.state == "degraded"
    assert seen.reason.endswith("/readyz answered with the status 500")
    assert seen.height == 9


async def test_the_dead_are_not_asked(state: State) -> None:
    """Without a supervisor the database still calls a dead process running, and its pid may be
    another's: it is stopped all the same, and whoever has its port now is not taken for it."""
    async with Node().serving() as stranger:
        _add(state, "node-0", stranger.url, alive=False)
        seen = await _node(state)
        assert stranger.asked == 0
    assert (seen.state, seen.reason) == ("failed", "nothing of it runs")
    assert (seen.pid, seen.height, seen.rss_bytes, seen.uptime_s) == (None, None, None, None)
    assert [(one.state, one.pid) for one in seen.processes] == [("stopped", None)] * 2


async def test_stopped_on_purpose(state: State) -> None:
    """A node that was stopped is stopped, and the whole is not called healthy."""
    _add(state, "node-0", None, alive=False, desired="stopped")
    assert (await _node(state)).state == "stopped"
    assert not (await observe(state)).healthy


async def test_a_networks_height_is_that_of_healthy_block_makers(state: State) -> None:
    """Neither a node nor a validator that is not well says how far the network is."""
    async with (
        Node(7, final=6).serving() as well,
        Node(9, final=9, ready="it is stuck").serving() as ill,
        Node(8, final=8).serving() as follower,
    ):
        _add(state, "validator-0", well.url, role="validator")
        _add(state, "validator-1", ill.url, role="validator")
        _add(state, "node-0", follower.url)
        network = await _network(state)
        assert (network.height, network.finalized) == (7, 6)
        well.ready = "it is stuck, too"
        network = await _network(state)
    assert (network.height, network.finalized) == (None, None)


async def test_endpoints(state: State) -> None:
    """Applications get the one node that is the network's, and the registrar's page."""
    async with Node().serving() as one:
        _add(state, "node-0", one.url)
        _add(state, "node-1", one.url, endpoint=True, ws_url="ws://here")
        _add(state, "registrar", None, role="registrar", health_url=one.url, url="http://list")
        network = await _network(state)
    found = network.endpoints
    assert (found.rpc, found.ws, found.registrar) == (one.url, "ws://here", "http://list")
    registrar = network.nodes[-1]
    assert (registrar.state, registrar.height, registrar.rpc) == ("healthy", None, None)


async def test_one_network_of_several(state: State) -> None:
    """Who asks for one network hears of that one, and nobody else is asked."""
    async with Node().serving() as one, Node(ready="it is ill").serving() as other:
        _add(state, "node-0", one.url)
        _add(state, "node-0", other.url, network="other")
        status = await observe(state, "net")
        assert (status.healthy, other.asked) == (True, 0)
        assert [network.name for network in status.networks] == ["net"]
        both = await observe(state)
    assert not both.healthy
    assert [network.name for network in both.networks] == ["net", "other"]


async def test_nothing_is_not_healthy(state: State) -> None:
    """A state without networks has nothing that could be well."""
    status = await observe(state)
    assert (status.healthy, status.networks) == (False, [])
