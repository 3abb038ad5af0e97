"""The HTTP client against servers that behave, break off, dawdle and lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from windlass.kit.errors import UsageError
from windlass.kit.http import HttpClient, HttpError, HttpServer, Request, Response, get
from windlass.kit.http_client import parse_url

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Raw:
    """A server that does with each connection what the test says."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.connections = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            self.tasks.discard(task)


@asynccontextmanager
async def _raw(serve: Serve) -> AsyncGenerator[tuple[Raw, str]]:
    handler = Raw(serve)
    server = await asyncio.start_server(handler.accept, "127.0.0.1", 0)
    try:
        yield handler, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(handler.tasks):
            task.cancel()
        await asyncio.gather(*handler.tasks, return_exceptions=True)


def _answering(answer: bytes, *, times: int = 10**6) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

    return serve


@asynccontextmanager
async def _client_of(url: str, **options: float) -> AsyncGenerator[HttpClient]:
    client = HttpClient(url, **options)  # type: ignore[arg-type]
    try:
        yield client
    finally:
        await client.close()


async def test_connection_is_kept() -> None:
    """Requests one after the other use one connection."""
    async with _raw(_answering(OK)) as (server, url), _client_of(url) as client:
        for _ in range(5):
            assert (await client.request("GET", "/")).body == b"ok"
        assert server.connections == 1


async def test_at_most_four_connections() -> None:
    """However many tasks ask at once, four connections carry their requests."""
    async with _raw(_answering(OK)) as (server, url), _client_of(url) as client:
        answers = await asyncio.gather(*[client.request("GET", "/") for _ in range(50)])
        assert {answer.status for answer in answers} == {200}
        assert server.connections == 4


async def test_idle_connection_closed_by_the_server() -> None:
    """A server that closes after each answer, without saying so, is not noticed by the caller."""
    async with _raw(_answering(OK, times=1)) as (server, url), _client_of(url) as client:
        for _ in range(5):
            assert (await client.request("GET", "/")).body == b"ok"
        assert server.connections == 5


async def test_reused_connection_closed_under_the_request() -> None:
    """A kept connection that ends just as the next request arrives costs one more try, not more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.readuntil(b"\r\n\r\n")

    async with _raw(serve) as (server, url), _client_of(url) as client:
        await client.request("GET", "/")
        assert (await client.request("GET", "/")).body == b"ok"
        assert server.connections == 2


async def test_no_second_try_on_a_fresh_connection() -> None:
    """A server that hangs up on a first request is reported, not asked again."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with _raw(serve) as (server, url), _client_of(url) as client:
        with pytest.raises(HttpError, match="closed the connection") as caught:
            await client.request("GET", "/")
        assert caught.value.reason == "refused"
        assert server.connections == 1


async def test_nobody_listens() -> None:
    """`refused`, for a port without a program as for a name without an address."""
    async with _raw(_answering(OK)) as (_, url):
        pass
    for address in (url, "unix:///nowhere/at-all.sock", "http://name.invalid:1"):
        with pytest.raises(HttpError, match="Nobody answers at") as caught:
            await get(address, timeout_s=5)
        assert caught.value.reason == "refused"


async def _ended(reader: asyncio.StreamReader, within_s: float) -> bool:
    """Whether the client hangs up within that time; what it sends is dropped."""
    try:
        return not await asyncio.wait_for(reader.read(4096), within_s)
    except TimeoutError:
        return False


async def test_timeout_covers_the_whole_answer() -> None:
    """A server that drips its answer does not hold the caller beyond the timeout."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not await _ended(reader, 0.02):
            writer.write(b"x")

    async with _raw(serve) as (_, url), _client_of(url) as client:
        with pytest.raises(HttpError, match=r"did not answer within 0\.2 s") as caught:
            await client.request("GET", "/", timeout_s=0.2)
        assert caught.value.reason == "timeout"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n" + b"x" * 4000,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfa0\r\n" + b"x" * 4000 + b"\r\n",
    ],
)
async def test_answer_too_large(answer: bytes) -> None:
    """An answer beyond the caller's bound is dropped as soon as that is known."""
    async with _raw(_answering(answer)) as (_, url):
        with pytest.raises(HttpError, match="larger than 1000 bytes") as caught:
            await get(url, timeout_s=5, body_bytes_max=1000)
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 40_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
    ],
)
async def test_answer_that_is_not_http(answer: bytes) -> None:
    """Garbage and a cut-off answer are `protocol`."""
    async with _raw(_answering(answer, times=1)) as (_, url):
        with pytest.raises(HttpError) as caught:
            await get(url, timeout_s=5)
    assert caught.value.reason == "protocol"


async def test_forms_of_bodies() -> None:
    """Chunked bodies and bodies that end with the connection are read whole."""
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    async with _raw(_answering(chunked)) as (_, url):
        assert (await get(url, timeout_s=5)).body == b"abc"
    async with _raw(_answering(b"HTTP/1.0 200 OK\r\n\r\nto the end", times=1)) as (_, url):
        assert (await get(url, timeout_s=5)).body == b"to the end"


async def test_unasked_answer_is_not_taken_for_the_next() -> None:
    """A connection on which more came than was asked for is not used again."""
    async with _raw(_answering(OK + OK.replace(b"ok", b"no"))) as (server, url):
        async with _client_of(url) as client:
            for _ in range(3):
                assert (await client.request("GET", "/")).body == b"ok"
        assert server.connections == 3


async def test_large_post_both_ways() -> None:
    """Megabytes go out and come back whole, as execution payloads do."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(size)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + body)
        await writer.drain()

    body = bytes(range(256)) * 20_000
    async with _raw(serve) as (_, url), _client_of(url) as client:
        assert (await client.request("POST", "/", body=body)).body == body


async def test_unix_socket(tmp_path: Path) -> None:
    """A unix socket is spoken to like a port."""
    raw_server = Raw(_answering(OK))
    server = await asyncio.start_unix_server(raw_server.accept, tmp_path / "s")
    async with _client_of(f"unix://{tmp_path}/s") as client:
        assert (await client.request("GET", "/")).body == b"ok"
    server.close()
    await asyncio.gather(*raw_server.tasks)


async def test_against_our_server() -> None:
    """Path, query, headers and body arrive as they were given."""
    seen: list[Request] = []

    async def page(request: Request) -> Response:
        seen.append(request)
        return Response(status=201, headers={"x-a": "1"})

    server = HttpServer({("POST", "/a b"): page})
    await server.start("127.0.0.1", 0)
    async with _client_of(f"http://127.0.0.1:{server.port}/a%20b?c=d") as client:
        answer = await client.request("POST", body=b"body", headers={"X-Own": "2"})
    await server.stop()
    assert (answer.status, answer.headers["x-a"], answer.body) == (201, "1", b"")
    assert (seen[0].query, seen[0].headers["x-own"], seen[0].body) == ("c=d", "2", b"body")


@pytest.mark.parametrize(
    "url", ["https://x", "http://", "http://user:word@x", "x", "unix://host/x", "http://x:99999"]
)
def test_urls_that_are_refused(url: str) -> None:
    """A URL that cannot be spoken to is refused before anything is sent."""
    with pytest.raises(UsageError, match="URL"):
        parse_url(url)


def test_host_header_of_ipv6() -> None:
    """An IPv6 address stands in brackets in the Host header."""
    assert parse_url("http://[::1]:8080/x").host_header == "[::1]:8080"
