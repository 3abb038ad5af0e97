"""The HTTP server against raw sockets: what a careless or hostile client may do to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from windlass.kit.http import HttpServer, Request, Response, json_response, text_response
from windlass.kit.listening import ListenError

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def _hello(request: Request) -> Response:
    return text_response(f"hello {request.query}")


async def _echo(request: Request) -> Response:
    return json_response({"size": len(request.body)})


async def _broken(request: Request) -> Response:
    raise RuntimeError("a defect")


@asynccontextmanager
async def _serving(**options: Any) -> AsyncGenerator[HttpServer]:
    server = HttpServer({"/": _hello, ("POST", "/echo"): _echo, "/broken": _broken}, **options)
    await server.start("127.0.0.1", 0)
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def _connected(
    server: HttpServer,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _everything(server: HttpServer, *parts: bytes) -> bytes:
    """Sends the parts as separate packets and returns all that comes until the server closes."""
    async with _connected(server) as (reader, writer):
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(5):
            return await reader.read()


async def test_request_in_single_bytes() -> None:
    """A request is understood however it is cut into packets."""
    request = b"GET /?q=1 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    async with _serving() as server:
        answer = await _everything(server, *[bytes([byte]) for byte in request])
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"hello q=1")


async def test_pipelined_requests() -> None:
    """Requests sent without waiting are all answered, in order."""
    last = b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    async with _serving() as server:
        answer = await _everything(server, GET * 3 + last)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert answer.rfind(b"HTTP/1.1 404") > answer.rfind(b"HTTP/1.1 200")


async def test_body_too_large() -> None:
    """A body beyond 64 KiB is refused with 413, and the client gets to see that."""
    head = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n"
    async with _serving() as server:
        answer = await _everything(server, head, b"x" * 300_000)
    assert answer.startswith(b"HTTP/1.1 413")


async def test_chunked_body_is_read_and_bounded() -> None:
    """A body without a length is read, and bounded like any other."""
    head = b"POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    async with _serving() as server:
        async with _connected(server) as (reader, writer):
            writer.write(head + b"3\r\nabc\r\n0\r\n\r\n")
            assert b"200" in await reader.readline()
            assert b'{"size":3}' in await reader.readuntil(b"}")
        answer = await _everything(server, head + (b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 5)
    assert answer.startswith(b"HTTP/1.1 413")


async def test_headers_too_large() -> None:
    """Headers beyond 16 KiB are refused with 431."""
    async with _serving() as server:
        answer = await _everything(server, b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"x" * 40_000)
    assert answer.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ],
)
async def test_malformed_requests(request_bytes: bytes) -> None:
    """What is not HTTP gets a 400 and the end of the connection."""
    async with _serving() as server:
        assert (await _everything(server, request_bytes)).startswith(b"HTTP/1.1 400")


async def test_unknown_path_and_method() -> None:
    """404 for a page that is not there; 405 names the methods that are."""
    close = b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    async with _serving() as server:
        assert (await _everything(server, b"GET /no" + close)).startswith(b"HTTP/1.1 404")
        answer = await _everything(server, b"DELETE /" + close)
        assert answer.startswith(b"HTTP/1.1 405")
        assert b"allow: GET, HEAD\r\n" in answer.lower().replace(b"get, head", b"GET, HEAD")
        assert (await _everything(server, b"GET /echo" + close)).startswith(b"HTTP/1.1 405")


async def test_head_has_the_length_and_no_body() -> None:
    """HEAD answers what GET would, without the body."""
    async with _serving() as server:
        answer = await _everything(
            server, b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        )
    assert b"content-length: 6\r\n" in answer.lower()
    assert answer.endswith(b"\r\n\r\n")


async def test_slow_request_is_ended() -> None:
    """A client that never finishes its request holds the connection for a bounded time."""
    async with _serving(request_s=0.2) as server:
        answer = await _everything(server, b"GET / HTTP/1.1\r\nhos")
    assert answer.startswith(b"HTTP/1.1 408")


async def test_dripping_request_is_ended() -> None:
    """Sending a byte now and then does not prolong the time that a request may take."""
    async with _serving(request_s=0.3) as server, _connected(server) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nx: ")

        answer = b""
        async with asyncio.timeout(5):
            while not answer:
                writer.write(b"x")
                with contextlib.suppress(TimeoutError):
                    answer = await asyncio.wait_for(reader.read(), 0.02)
    assert answer.startswith(b"HTTP/1.1 408")


async def test_idle_connection_is_closed() -> None:
    """A connection without requests is closed after the idle time, without a word."""
    async with _serving(idle_s=0.2) as server:
        assert await _everything(server) == b""


async def test_too_many_connections() -> None:
    """Beyond the limit a connection is refused with 503 at once; a free place is used again."""
    last = GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    async with _serving(connections_max=1) as server:
        async with _connected(server) as (reader, writer):
            writer.write(GET)
            assert b"200" in await reader.readline()
            assert (await _everything(server, GET)).startswith(b"HTTP/1.1 503")
        async with asyncio.timeout(5):
            while b" 503 " in await _everything(server, last):
                pass  # until the server has seen that the first connection is gone


async def test_defect_in_a_handler(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that fails gives 500 and a log record; the connection goes on."""
    async with _serving() as server, _connected(server) as (reader, writer):
        writer.write(b"GET /broken HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"500" in await reader.readline()
        await reader.readuntil(b"internal error\n")
        writer.write(GET)
        assert b"200" in await reader.readline()
    assert "a defect" in caplog.text


async def test_expect_continue() -> None:
    """A client that asks first is told to send its body."""
    head = b"POST /echo HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    async with _serving() as server, _connected(server) as (reader, writer):
        writer.write(head)
        assert b"100" in await reader.readline()
        writer.write(b"ab")
        assert b'{"size":2}' in await reader.readuntil(b"}")


async def test_port_taken() -> None:
    """A taken port is refused in words that name it and how to find who has it."""
    async with _serving() as server:
        second = HttpServer({"/": _hello})
        with pytest.raises(ListenError, match=f"TCP port {server.port} on 127.0.0.1 is taken") as e:
            await second.start("127.0.0.1", server.port)
        assert f"sport = :{server.port}" in e.value.next_step


async def test_stop_lets_a_request_finish() -> None:
    """Stopping ends idle connections at once and answers what is in progress."""
    begun = asyncio.Event()
    go_on = asyncio.Event()

    async def slow(request: Request) -> Response:
        begun.set()
        await go_on.wait()
        return text_response("done")

    server = HttpServer({"/": slow})
    await server.start("127.0.0.1", 0)
    async with _connected(server) as (idle, _), _connected(server) as (reader, writer):
        writer.write(GET)
        await begun.wait()
        stopping = asyncio.create_task(server.stop())
        assert await idle.read() == b""
        go_on.set()
        assert (await reader.read()).endswith(b"done")
        await stopping
