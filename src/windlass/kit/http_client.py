"""An HTTP/1.1 client for one server: a few kept-alive connections over TCP or a unix socket.

An idle connection may be closed by the server at any moment, so a request that fails on a reused
connection before any byte of an answer came is sent once more on a new one. Such a request may in
theory have been carried out; everything that Windlass sends this way can be repeated safely.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import h11
import msgspec

from windlass.kit.errors import UsageError
from windlass.kit.http_messages import Response
from windlass.kit.transport import HttpError

CONNECTIONS_MAX = 4
IDLE_S = 20.0  # below what servers allow (ours 30 s, geth 120 s)
READ_BYTES = 1 << 18  # large reads: an execution payload has several MiB
HEADER_BYTES_MAX = 1 << 16


class Target(msgspec.Struct, frozen=True):
    """Where a URL points to. `socket` is the path of a unix socket, else host and port count."""

    url: str
    host: str
    port: int
    path: str
    socket: str | None = None

    @property
    def host_header(self) -> str:
        """RFC 9110 section 7.2: an IPv6 address in brackets, the port unless it is 80."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 80 else f"{host}:{self.port}"


def parse_url(url: str) -> Target:
    """Reads `http://HOST[:PORT][/PATH]` or `unix:///PATH`; raises UsageError for anything else."""
    help_text = "Write it like http://127.0.0.1:8080/path or unix:///run/name.sock."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is not a URL: {error}.", help_text) from error
    if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/"):
        return Target(url, "localhost", 80, "/", parts.path)
    if parts.scheme != "http" or not parts.hostname or parts.username is not None:
        raise UsageError(f"{url!r} is not a URL that can be used here.", help_text)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return Target(url, parts.hostname, 80 if port is None else port, path or "/")


class _LostError(Exception):
    """The connection ended; `answered` tells whether a part of an answer had come."""

    def __init__(self, answered: bool) -> None:
        self.answered = answered


class _TooLargeError(Exception):
    """The body is larger than the caller allows."""


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.idle_since = 0.0
        self.reader = reader
        self.writer = writer
        self.state = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADER_BYTES_MAX)

    @classmethod
    async def open(cls, target: Target) -> _Connection:
        if target.socket is not None:
            return cls(*await asyncio.open_unix_connection(target.socket, limit=READ_BYTES))
        return cls(*await asyncio.open_connection(target.host, target.port, limit=READ_BYTES))

    @property
    def reusable(self) -> bool:
        """Whether another request may go out here: not closed, and not idle for long."""
        idle_s = time.monotonic() - self.idle_since
        return idle_s < IDLE_S and not self.reader.at_eof() and not self.writer.is_closing()

    def close(self) -> None:
        self.writer.close()

    async def exchange(self, request: h11.Request, body: bytes, body_bytes_max: int) -> Response:
        """One request and its whole answer; afterwards `reset` says if there can be another."""
        answered = False
        try:
            self._write(request, body)
            # Reading does not wait for the sending to end: a server may refuse early.
            response: Response | None = None
            chunks: list[bytes] = []
            size = 0
            while True:
                event = await self._next_event()
                answered = True
                if isinstance(event, h11.Response):
                    response = Response(status=event.status_code, headers=_headers(event))
                elif isinstance(event, h11.Data):
                    size += len(event.data)
                    if size > body_bytes_max:
                        raise _TooLargeError
                    chunks.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage) and response is not None:
                    response.body = b"".join(chunks)
                    return response
                elif isinstance(event, h11.ConnectionClosed):
                    raise _LostError(response is not None)
        except (OSError, EOFError) as error:
            raise _LostError(answered) from error

    def _write(self, request: h11.Request, body: bytes) -> None:
        out = self.state.send(request) or b""
        if body:
            out += self.state.send(h11.Data(data=body)) or b""
        out += self.state.send(h11.EndOfMessage()) or b""
        self.writer.write(out)

    async def _next_event(self) -> h11.Event:
        while True:
            event = self.state.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                raise h11.RemoteProtocolError("it switches to another protocol")
            data = await self.reader.read(READ_BYTES)
            if not data and self.state.their_state is h11.SEND_RESPONSE:
                if self.state.trailing_data[0]:
                    raise h11.RemoteProtocolError("it ended before the headers did")
                raise EOFError
            self.state.receive_data(data)

    def reset(self) -> bool:
        """Makes ready for the next request; False if this connection cannot take one."""
        if self.state.our_state is not h11.DONE or self.state.their_state is not h11.DONE:
            return False
        if self.state.trailing_data[0]:
            return False  # an answer that nobody asked for: the next one would be mistaken for it
        self.state.start_next_cycle()
        return True


def _headers(event: h11.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


class HttpClient:
    """A client of one server. Safe to use from many tasks; at most four connections are open."""

    def __init__(self, url: str, *, timeout_s: float = 5, body_bytes_max: int = 128 << 20) -> None:
        self.url = url
        self._target = parse_url(url)
        self._timeout_s = timeout_s
        self._body_bytes_max = body_bytes_max
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)
        self._idle: list[_Connection] = []

    async def request(
        self,
        method: str,
        path: str = "",
        *,
        body: bytes = b"",
        headers: Mapping[str, str] = {},
        timeout_s: float | None = None,
    ) -> Response:
        """Sends a request and returns the whole answer, whatever its status.

        `path` replaces the URL's own; the time includes waiting for a free connection. Raises
        HttpError.
        """
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        request = self._request(method, path or self._target.path, body, headers)
        try:
            async with asyncio.timeout(limit_s), self._slots:
                return await self._send(request, body)
        except TimeoutError as error:
            raise HttpError(
                "timeout",
                f"{self.url} did not answer within {limit_s:g} s.",
                "See whether the program there is overloaded or stopped.",
            ) from error

    async def close(self) -> None:
        """Closes the idle connections; a later request opens new ones."""
        while self._idle:
            connection = self._idle.pop()
            connection.close()
            with contextlib.suppress(OSError):
                await connection.writer.wait_closed()

    def _request(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> h11.Request:
        fields = {"host": self._target.host_header, "user-agent": "windlass", "accept": "*/*"}
        if body or method not in ("GET", "HEAD"):
            fields["content-length"] = str(len(body))
        fields.update((name.lower(), value) for name, value in headers.items())
        try:
            return h11.Request(method=method, target=path, headers=list(fields.items()))
        except (h11.LocalProtocolError, UnicodeEncodeError) as error:
            raise UsageError(f"{method} {path!r} cannot be sent to {self.url}: {error}") from error

    async def _send(self, request: h11.Request, body: bytes) -> Response:
        while self._idle:
            connection = self._idle.pop()
            if not connection.reusable:
                connection.close()
                continue
            try:
                return await self._exchange(connection, request, body)
            except _LostError as lost:
                if lost.answered:
                    raise self._truncated() from lost
                break  # the server closed it while it was idle: once more, on a new one
        try:
            connection = await _Connection.open(self._target)
        except (OSError, UnicodeError) as error:
            raise HttpError(
                "refused",
                f"Nobody answers at {self.url}: {_reason(error)}.",
                "See whether the program there is running.",
            ) from error
        try:
            return await self._exchange(connection, request, body)
        except _LostError as lost:
            if lost.answered:
                raise self._truncated() from lost
            raise HttpError(
                "refused",
                f"{self.url} closed the connection without an answer.",
                "See whether the program there is just stopping, or in its log.",
            ) from lost

    async def _exchange(
        self, connection: _Connection, request: h11.Request, body: bytes
    ) -> Response:
        kept = False
        try:
            response = await connection.exchange(request, body, self._body_bytes_max)
            kept = connection.reset()
        except h11.RemoteProtocolError as error:
            if connection.reader.at_eof():
                raise self._truncated() from error
            raise HttpError(
                "protocol",
                f"{self.url} does not speak HTTP: {error}.",
                "See whether another program has taken that port.",
            ) from error
        except _TooLargeError:
            raise HttpError(
                "too_large",
                f"The answer of {self.url} is larger than {self._body_bytes_max} bytes.",
            ) from None
        finally:
            if kept:
                connection.idle_since = time.monotonic()
                self._idle.append(connection)
            else:
                connection.close()
        return response

    def _truncated(self) -> HttpError:
        return HttpError("protocol", f"{self.url} ended in the middle of its answer.")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


async def get(url: str, *, timeout_s: float, body_bytes_max: int = 1 << 20) -> Response:
    """One GET on a connection of its own. Raises HttpError."""
    client = HttpClient(url, timeout_s=timeout_s, body_bytes_max=body_bytes_max)
    try:
        return await client.request("GET", headers={"connection": "close"})
    finally:
        await client.close()
