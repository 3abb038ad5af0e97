"""The bounds that the web server puts around aiohttp's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.wait import eventually
from windlass.kit.listening import ListenError
from windlass.kit.web import BodyRefused, Request, Response, StreamResponse, WebServer, read_body

HEAD = b"POST /x HTTP/1.1\r\nHost: localhost\r\n"


async def _echo(request: Request) -> StreamResponse:
    if request.path == "/large":
        return Response(body=b"x" * (64 << 20))
    if request.path == "/broken":
        raise RuntimeError("a defect")
    try:
        return Response(body=await read_body(request, timeout_s=0.5))
    except BodyRefused as refused:
        return Response(status=refused.status, text=refused.sentence)


@asynccontextmanager
async def _serving(**options: Any) -> AsyncGenerator[WebServer]:
    server = WebServer(_echo, body_bytes_max=1000, **options)
    await server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.stop()


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


async def test_connections_are_counted() -> None:
    """One more than allowed is closed at once; those before it go on."""
    async with _serving(connections_max=2) as server:
        kept = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(2)]
        await eventually(lambda: _count(server, 2), "both are there")
        assert await _exchange(server) == b""
        reader, writer = kept[0]
        writer.write(HEAD + b"Content-Length: 2\r\n\r\nhi")
        async with asyncio.timeout(10):
            assert (await reader.readuntil(b"hi")).startswith(b"HTTP/1.1 200 ")
        for _, one in kept:
            one.close()


async def test_a_defect_is_a_500_and_a_taken_port_a_sentence() -> None:
    """The process goes on; a second server on the port says what is wrong."""
    async with _serving() as server:
        answer = await _exchange(server, b"GET /broken HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 500 ")
        with pytest.raises(ListenError, match="taken"):
            await WebServer(_echo, body_bytes_max=1).start("127.0.0.1", server.port)


async def _count(server: WebServer, count: int) -> bool:
    return server.connections == count
