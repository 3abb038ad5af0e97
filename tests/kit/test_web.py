"""The bounds that the web server puts around aiohttp's."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.wait import eventually
from windlass.kit.listening import ListenError
from windlass.kit.web import (
    BodyRefused,
    Handler,
    Request,
    Response,
    StreamResponse,
    WebServer,
    bound_received,
    read_body,
)

HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\n"


async def _echo(request: Request) -> StreamResponse:
    if request.path == "/large":
        return Response(body=b"x" * (64 << 20))
    if request.path in ("/bounded", "/free"):
        bound_received(request, 500 if request.path == "/bounded" else None)
        return Response(text=request.path[1:])
    if request.path == "/broken":
        raise RuntimeError("a defect")
    try:
        return Response(body=await read_body(request, timeout_s=0.5))
    except BodyRefused as refused:
        return Response(status=refused.status, text=refused.sentence)


@asynccontextmanager
async def _serving(handler: Handler = _echo, **options: Any) -> AsyncGenerator[WebServer]:
    server = WebServer(handler, body_bytes_max=1000, **options)
    await server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def _connections(
    server: WebServer, count: int, first: bytes
) -> AsyncGenerator[list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]:
    """So many, one after the other; each has sent the same."""
    opened = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(first)
            opened.append((reader, writer))
        yield opened
    finally:
        for _, writer in opened:
            writer.close()


async def _exchange(server: WebServer, *parts: bytes) -> bytes:
    """Sends the parts; returns what comes until the server closes or has answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read(1000)
    finally:
        writer.close()


async def test_a_body_is_read_up_to_its_limit() -> None:
    """With a length or in chunks; a larger one is refused with 413."""
    async with _serving() as server:
        small = HEAD + b"Content-Length: 3\r\n\r\n"
        assert (await _exchange(server, small, b"abc")).endswith(b"abc")
        refused = await _exchange(server, HEAD + b"Content-Length: 1001\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 413 ")
        chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        refused = await _exchange(server, chunked + b"3e9\r\n" + b"a" * 1001 + b"\r\n0\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 413 ")


async def test_a_slow_body_is_refused() -> None:
    """408 when its time is up."""
    async with _serving() as server:
        answer = await _exchange(server, HEAD + b"Content-Length: 3\r\n\r\n", b"a")
        assert answer.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("first", [b"", b"GET / HT"])
async def test_a_slow_head_ends_the_connection(first: bytes) -> None:
    """Nothing at all, or a part: the connection is closed without an answer."""
    async with _serving(head_s=0.3) as server:
        assert await _exchange(server, first) == b""


async def test_a_slow_head_after_a_good_request_ends_it_too() -> None:
    """The bound is for each request, not for the first alone."""
    async with _serving(head_s=0.3) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        async with asyncio.timeout(10):
            writer.write(HEAD + b"Content-Length: 2\r\n\r\nhi")
            await reader.readuntil(b"hi")
            writer.write(b"GET / HT")
            assert await reader.read() == b""
        writer.close()


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    """A large answer has its time; afterwards the connection is gone."""
    async with _serving(send_s=0.3) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1000)
        writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await eventually(lambda: _count(server, 1), "it is served")
        await eventually(lambda: _count(server, 0), "it is cut off")
        writer.close()


async def test_large_answers_that_nobody_reads_are_few() -> None:
    """Of clients that do not read, the oldest are ended before their time is up."""
    request = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with _serving(large_answers_max=2) as server, _connections(server, 5, request):
        await eventually(lambda: _count(server, 2), "only so many are left")


GOOD = HEAD + b"Content-Length: 2\r\n\r\nhi"


@pytest.mark.parametrize("first", [b"", b"GET / HT", HEAD + b"Content-Length: 9\r\n\r\na"])
async def test_who_sends_no_whole_request_keeps_nobody_out(first: bytes) -> None:
    """With all connections taken by such, a new one is answered and the oldest of them is ended."""
    async with _serving(connections_max=20) as server, _connections(server, 20, first) as idle:
        assert b" 200 " in await _exchange(server, GOOD)
        async with asyncio.timeout(0.4):  # well before any of their times is up
            with contextlib.suppress(ConnectionError):
                assert await idle[0][0].read() == b""
        assert not any(reader.at_eof() for reader, _ in idle[1:])
        assert server.connections <= 20


async def test_a_thousand_silent_ones_end_only_each_other() -> None:
    """A client that has been answered keeps its connection through a flood of idle ones."""
    async with _serving(connections_max=50) as server, _connections(server, 1, GOOD) as [first]:
        reader, writer = first
        await reader.readuntil(b"hi")
        async with _connections(server, 1000, b""):
            await eventually(lambda: _count(server, 50), "the rest is ended")
            async with asyncio.timeout(5):
                writer.write(GOOD)
                await reader.readuntil(b"hi")


async def test_one_that_rests_gives_way() -> None:
    """Where all have been answered once, the oldest that waits for its next request is ended."""
    async with _serving(connections_max=3) as server, _connections(server, 3, GOOD) as resting:
        for reader, _ in resting:
            await reader.readuntil(b"hi")
        assert b" 200 " in await _exchange(server, GOOD)
        async with asyncio.timeout(5):
            assert await resting[0][0].read() == b""


async def test_one_that_is_being_answered_is_not_ended() -> None:
    """If nobody can be spared the new connection is the one that is closed."""
    answering, release = asyncio.Semaphore(0), asyncio.Event()

    async def slow(_: Request) -> StreamResponse:
        answering.release()
        await release.wait()
        return Response(text="done")

    async with _serving(slow, connections_max=2) as server, _connections(server, 2, GOOD) as busy:
        async with asyncio.timeout(10):
            await answering.acquire()
            await answering.acquire()
            assert await _exchange(server) == b""
            release.set()
            for reader, _ in busy:
                assert (await reader.readuntil(b"done")).startswith(b"HTTP/1.1 200 ")


async def test_what_an_unproven_connection_sends_is_bounded() -> None:
    """Past the bound it is ended, though each message is allowed; taken back, it is not."""
    async with _serving() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /bounded HTTP/1.1\r\nHost: localhost\r\n\r\n")
        async with asyncio.timeout(10):
            await reader.readuntil(b"bounded")
            writer.write(b"GET /free HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readuntil(b"free")
            writer.write(HEAD + b"Content-Length: 900\r\n\r\n" + b"x" * 900)
            await reader.readuntil(b"x" * 900)
            writer.write(b"GET /bounded HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readuntil(b"bounded")
            writer.write(HEAD + b"Content-Length: 900\r\n\r\n" + b"x" * 900)
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()


def test_as_many_connections_as_there_may_be_files() -> None:
    """The soft limit is raised; under a low hard limit fewer connections are allowed."""
    program = (
        "import resource; from windlass.kit.web import allow_connections\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (200, 1000))\n"
        "print(allow_connections(500), resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
        "print(allow_connections(4096), resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert done.stdout.split() == [b"500", b"628", b"872", b"1000"]


async def test_a_defect_is_a_500_and_a_taken_port_a_sentence() -> None:
    """The process goes on; a second server on the port says what is wrong."""
    async with _serving() as server:
        answer = await _exchange(server, b"GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 500 ")
        with pytest.raises(ListenError, match="taken"):
            await WebServer(_echo, body_bytes_max=1).start("127.0.0.1", server.port)


async def _count(server: WebServer, count: int) -> bool:
    return server.connections == count
