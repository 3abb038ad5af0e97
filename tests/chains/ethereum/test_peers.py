"""Counting geth's peers and joining it to a network: on real geths, over their own sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.geth import Geth, free_port, genesis
from tests.support.wait import eventually
from windlass.chains.ethereum.keys import public_key
from windlass.chains.ethereum.peers import ADDED_MAX, Peers
from windlass.kit.http import HttpServer, Request, Response


class Registrar:
    """A registrar's /json that says what a test wants, once it is started."""

    def __init__(self) -> None:
        self.body = b""
        self._port = free_port()
        self._server: HttpServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        async def reply(request: Request) -> Response:
            return Response(body=self.body)

        self._server = HttpServer({"/json": reply})
        await self._server.start("127.0.0.1", self._port)

    def say(self, *nodes: str) -> None:
        self.body = json.dumps({"schema": 1, "bootnodes": [], "nodes": nodes}).encode()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()


@pytest.fixture
async def registrar() -> AsyncIterator[Registrar]:
    """One that is not started yet."""
    registrar = Registrar()
    yield registrar
    await registrar.stop()


@pytest.fixture
async def geths(geth_binary: Path, tmp_path: Path) -> AsyncIterator[list[Geth]]:
    """Two geths of one network that do not know each other."""
    chain = genesis()
    geths = [Geth(geth_binary, tmp_path / f"geth-{number}", chain) for number in range(2)]
    try:
        for geth in geths:
            geth.start()
        yield geths
    finally:
        for geth in geths:
            geth.close()


@pytest.fixture
async def peers(geths: list[Geth], registrar: Registrar) -> AsyncIterator[Peers]:
    """Of the first geth."""
    peers = Peers(str(geths[0].ipc), registrar.url)
    yield peers
    await peers.close()


async def test_a_lonely_geth_joins_when_the_registrar_is_back(
    geths: list[Geth], peers: Peers, registrar: Registrar
) -> None:
    """While geth has no peers, the registrar's live nodes are given to it, itself excepted."""
    assert await peers.refresh() == 0
    assert await peers.join() == 0, "the registrar is down: nothing happens, nothing is raised"
    registrar.say("enode://garbage", geths[0].enode, geths[1].enode, geths[1].enode)
    await registrar.start()
    assert await peers.join() == 1
    assert await peers.join() == 0, "what geth was given once is not given again"

    async def joined() -> bool:
        return await peers.refresh() == 1

    await eventually(joined, "the two geths are connected")


async def test_a_registrar_that_talks_nonsense_changes_nothing(
    peers: Peers, registrar: Registrar
) -> None:
    """Whatever stands in the registrar's place, geth's peers stay what they are."""
    await registrar.start()
    deep = b'{"nodes": [' + b"[" * 100_000
    latin = b'{"nodes": ["enode://\xe9"]}'
    for body in (b"", b"{}", b"[]", b'{"nodes": "enode"}', b'{"nodes": [1]}', deep, latin):
        registrar.body = body
        assert await peers.join() == 0


async def test_the_number_of_nodes_given_is_bounded(peers: Peers, registrar: Registrar) -> None:
    """A registrar that lists a thousand nodes makes geth dial a few."""
    keys = [public_key(number.to_bytes(32, "big")).hex() for number in range(1, 101)]
    nodes = [f"enode://{key}@127.0.0.1:{port}" for port, key in enumerate(keys, 20_000)]
    registrar.say(*nodes)
    await registrar.start()
    assert await peers.join() == ADDED_MAX
    assert await peers.join() == 0


async def test_a_geth_that_is_down_has_an_unknown_count(
    geths: list[Geth], peers: Peers, registrar: Registrar
) -> None:
    """None is not 0: without an answer nothing is known, and joining does no harm."""
    assert await peers.refresh() == 0
    geths[0].kill()
    assert await peers.refresh() is None
    registrar.say(geths[1].enode)
    await registrar.start()
    assert await peers.join() == 0
