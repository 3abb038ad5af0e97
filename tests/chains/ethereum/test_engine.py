"""The Engine API client: against a real geth, and against servers that are not one."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.geth import Geth, free_port, genesis
from tests.support.maker import build, genesis_head
from tests.support.payloads import payload
from windlass.chains.ethereum.building import ZERO_ROOT
from windlass.chains.ethereum.engine import (
    EngineClient,
    EngineGarbled,
    EngineRefused,
    EngineUnauthorized,
    EngineUnreachable,
    WrongGenesis,
)
from windlass.chains.ethereum.payload import parse
from windlass.chains.ethereum.quantities import BlockHash
from windlass.kit.http import HttpServer, Request, Response


@pytest.fixture(scope="module")
def geth(geth_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Geth]:
    """One geth whose chain grows from test to test."""
    geth = Geth(geth_binary, tmp_path_factory.mktemp("engine"), genesis())
    try:
        yield geth.start()
    finally:
        geth.close()


class Connect:
    """Makes clients that are closed when the test ends, however it ends."""

    def __init__(self, geth: Geth) -> None:
        self._geth = geth
        self.clients: list[EngineClient] = []

    def __call__(
        self,
        url: str = "",
        jwt_file: Path | None = None,
        timeout_s: float = 8,
        clock: Callable[[], float] = time.time,
    ) -> EngineClient:
        geth = self._geth
        client = EngineClient(
            url or geth.engine_url, jwt_file or geth.jwt_file, timeout_s=timeout_s, clock=clock
        )
        self.clients.append(client)
        return client


@pytest.fixture
async def connect(geth: Geth) -> AsyncIterator[Connect]:
    """Clients of the geth, or of another URL with its secret."""
    connect = Connect(geth)
    yield connect
    for client in connect.clients:
        await client.close()


@pytest.fixture
def engine(connect: Connect) -> EngineClient:
    """A client that is allowed in."""
    return connect()


Serve = Callable[[bytes], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers that answer every POST with these bytes; gives their URL."""
    servers: list[HttpServer] = []

    async def start(body: bytes) -> str:
        async def reply(request: Request) -> Response:
            return Response(body=body, headers={"content-type": "application/json"})

        server = HttpServer({("POST", "/"): reply})
        await server.start("127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.port}"

    yield start
    for server in servers:
        await server.stop()


async def test_a_block_is_built_taken_and_made_the_head(geth: Geth, engine: EngineClient) -> None:
    """Build, newPayload, forkchoice: then latest, safe and finalized are that block."""
    head = genesis_head(geth.chain.hash(), geth.chain.timestamp)
    await engine.check_genesis(geth.chain.hash())
    block = await build(geth, head)
    assert (block.number, block.parent_hash) == (1, head.block_hash)
    assert await engine.new_payload(block) == "VALID"
    assert (await engine.latest()).number == 0, "newPayload alone must not move the head"
    assert await engine.forkchoice(block.block_hash) == "VALID"
    for tag in ("latest", "safe", "finalized"):
        found = await engine.block(tag)
        assert found is not None
        assert found.block_hash == block.block_hash
        assert found.timestamp == block.timestamp
    assert await engine.block(99) is None
    assert await engine.new_payload(block) == "VALID", "a known block is valid again"


async def test_geths_rules_are_those_that_recovery_relies_on(
    geth: Geth, engine: EngineClient
) -> None:
    """Unknown parents are SYNCING, wrong blocks INVALID with a reason, unknown heads SYNCING."""
    latest = await engine.latest()
    head = msgspec.structs.replace(
        genesis_head(latest.block_hash, latest.timestamp), number=latest.number
    )
    good = await build(geth, head)
    changed = parse({**good.execution_payload, "gasUsed": "0x1"}, [], ZERO_ROOT)
    assert await engine.new_payload(changed) == "INVALID"
    assert "blockhash mismatch" in engine.validation_error
    # A made-up hash under its own number: geth computes another one.
    assert await engine.new_payload(payload(9)) == "INVALID"
    unknown = BlockHash("0x" + "77" * 32)
    assert await engine.forkchoice(unknown) == "SYNCING"


async def test_what_geth_refuses_keeps_its_code_and_words(geth: Geth, engine: EngineClient) -> None:
    """JSON-RPC errors are EngineRefused with code and message."""
    with pytest.raises(EngineRefused, match="invalid argument") as caught:
        await engine.forkchoice(BlockHash("0x12"))
    assert caught.value.error_code == -32602


async def test_another_genesis_is_named(geth: Geth, engine: EngineClient) -> None:
    """A geth of another network is told by block 0, with both hashes."""
    wanted = "0x" + "12" * 32
    with pytest.raises(WrongGenesis) as caught:
        await engine.check_genesis(wanted)
    assert (caught.value.found, caught.value.wanted) == (geth.chain.hash(), wanted)


async def test_another_secret_is_unauthorized(geth: Geth, connect: Connect, tmp_path: Path) -> None:
    """A wrong JWT secret is told apart from other refusals, with geth's words."""
    path = tmp_path / "jwt.hex"
    path.write_text("12" * 32)
    engine = connect(jwt_file=path)
    with pytest.raises(EngineUnauthorized, match="another JWT secret") as caught:
        await engine.latest()
    assert caught.value.cause == "secret"
    assert "signature is invalid" in caught.value.detail
    path.write_text(geth.jwt_file.read_text())
    assert (await engine.latest()).number >= 0, "a corrected file needs no restart"


@pytest.mark.parametrize(("skew_s", "word"), [(-90, "stale"), (90, "future")])
async def test_clocks_apart_are_unauthorized_with_evidence(
    connect: Connect, skew_s: int, word: str
) -> None:
    """Clocks more than 60 s apart are named as the cause, with what geth's clock shows."""
    engine = connect(clock=lambda: time.time() + skew_s)
    with pytest.raises(EngineUnauthorized, match="clocks differ") as caught:
        await engine.latest()
    assert caught.value.cause == "clock"
    assert word in caught.value.detail
    shown = re.search(r"which is ([+-]\d+) s from ours", str(caught.value))
    assert shown is not None
    assert int(shown.group(1)) == pytest.approx(-skew_s, abs=5)


@pytest.mark.parametrize("skew_s", [-40, 40])
async def test_clocks_within_a_minute_do_not_matter(connect: Connect, skew_s: int) -> None:
    """A skew below geth's limit is not refused."""
    engine = connect(clock=lambda: time.time() + skew_s)
    assert (await engine.latest()).number >= 0


async def test_a_missing_secret_file_is_named(geth: Geth, connect: Connect, tmp_path: Path) -> None:
    """Without a secret no call is made; the sentence names the file."""
    engine = connect(jwt_file=tmp_path / "absent")
    with pytest.raises(EngineUnauthorized, match="absent"):
        await engine.latest()


async def test_a_frozen_geth_is_unreachable_in_time(geth: Geth, connect: Connect) -> None:
    """A geth that takes the call and says nothing costs no more than the time limit."""
    engine = connect(timeout_s=0.3)
    await engine.latest()
    geth.freeze()
    try:
        with pytest.raises(EngineUnreachable) as caught:
            await engine.latest()
    finally:
        geth.thaw()
    assert caught.value.timed_out


async def test_nobody_there_is_unreachable(connect: Connect) -> None:
    """A closed port is told at once."""
    engine = connect(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(EngineUnreachable) as caught:
        await engine.latest()
    assert not caught.value.timed_out


def answer(**fields: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, **fields}).encode()


HASHES = {"hash": "0x" + "1" * 64, "parentHash": "0x" + "2" * 64}
HEADER = {"number": "0x1", "timestamp": "0x3", **HASHES}

HOSTILE = {
    "empty": b"",
    "no json": b"<html>hello</html>",
    "cut": answer(result=HEADER)[:-9],
    "not utf-8": b'{"id": 1, "result": "\xff"}',
    "field not utf-8": answer(result={**HEADER, "number": "TEN"}).replace(b"TEN", b"\xff"),
    "error not utf-8": b'{"id": 1, "error": {"code": 1, "message": "\xff"}}',
    "a list": b"[]",
    "another call's": answer(result=HEADER, id=7),
    "a number": answer(result=5),
    "null": answer(result=None),
    "no hash": answer(result={**HEADER, "hash": None}),
    "short hash": answer(result={**HEADER, "hash": "0x12"}),
    "text as number": answer(result={**HEADER, "number": "ten"}),
    "endless number": answer(result={**HEADER, "number": "0x" + "f" * 999}),
    "deep": b'{"id":1,"result":' + b"[" * 200_000,
    "error of another form": answer(error="no"),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_garbled_answers_are_one_clear_error(
    connect: Connect, serve: Serve, name: str
) -> None:
    """Whatever a stranger's server says, it is EngineGarbled and names the address."""
    url = await serve(HOSTILE[name])
    with pytest.raises(EngineGarbled, match=url) as caught:
        await connect(url).latest()
    assert len(str(caught.value)) < 800


@pytest.mark.parametrize("status", ["MAYBE", "valid", 5, None])
async def test_unknown_statuses_are_not_believed(
    connect: Connect, serve: Serve, status: object
) -> None:
    """A payload status that the specification does not have is no answer."""
    url = await serve(answer(result={"status": status}))
    with pytest.raises(EngineGarbled, match=r"unknown status|Expected `str`"):
        await connect(url).new_payload(payload(1))


async def test_what_is_no_http_server_is_garbled(connect: Connect) -> None:
    """Another protocol on the port is told from a geth that is down."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        await writer.drain()
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    engine = connect(f"http://127.0.0.1:{port}")
    with pytest.raises(EngineGarbled):
        await engine.latest()
    server.close()
    await server.wait_closed()
