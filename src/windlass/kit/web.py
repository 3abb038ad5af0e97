"""The web server of the programs that people and applications talk to: HTTP and WebSocket.

`kit/http_server.py` serves probes and starts in no time; this one is aiohttp, for thousands of
requests a second, WebSockets and pages. It is the only module that knows aiohttp's server.

aiohttp bounds neither how long a client may take to send a request nor how long it may take to read
the answer, nor how many there are at once. Here a request's head and a request's body have their
time, an answer that nobody reads ends its connection, and connections are counted. When there are
too many, a new one ends the oldest that has never sent a whole request, else the oldest that rests
between two: whoever opens thousands and says nothing pushes out his own and keeps nobody away.
"""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.web_protocol import RequestHandler

from windlass.kit.errors import WindlassError
from windlass.kit.http_messages import Handler as ProbeHandler
from windlass.kit.http_messages import Request as ProbeRequest
from windlass.kit.http_messages import Response as ProbeResponse
from windlass.kit.listening import ListenError

__all__ = [
    "BodyRefused",
    "Handler",
    "Request",
    "Response",
    "StreamResponse",
    "WSCloseCode",
    "WSMsgType",
    "WebServer",
    "WebSocketResponse",
    "allow_connections",
    "bound_received",
    "probe",
    "read_body",
]

Request = web.BaseRequest
Response = web.Response
StreamResponse = web.StreamResponse
WebSocketResponse = web.WebSocketResponse
Handler: TypeAlias = Callable[[Request], Awaitable[StreamResponse]]

IDLE_S = 60.0
HEAD_S = 10.0
"""From the first byte of a request's head to its last; for the first request of a connection from
its beginning."""
BODY_S = 30.0
SEND_S = 30.0
STOP_S = 3.0
HEADER_BYTES_MAX = 16 << 10
LINGER_S = 1.0
"""How long the rest of a body that the handler did not want is waited for, so that the client gets
its answer before the connection ends."""
CONNECTIONS_MAX = 1000
OTHER_FILES = 128
"""Open files of a program beside its connections: databases, its own questions, the log."""
LARGE_ANSWERS_MAX = 256
"""Large answers on their way at once; one more ends the oldest, since each holds its memory."""
SMALL_BYTES = 64 << 10
"""An answer up to this fits into the socket's buffers, so sending it does not wait for anybody."""

log = logging.getLogger(__name__)


class BodyRefused(WindlassError):
    """A request's body is too large (status 413) or was not sent in time (408)."""

    code = "body_refused"

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Connection(RequestHandler):
    """A connection that is closed when a request's head takes too long, or when it has received
    more than `unproven_bytes_left`. Its slots are aiohttp's."""

    __slots__ = ("_head_timer", "unproven_bytes_left")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._head_timer: asyncio.TimerHandle | None = None
        self.unproven_bytes_left: int | None = None
        manager = self._manager
        assert isinstance(manager, _Server)
        super().connection_made(transport)
        if len(manager.connections) > manager.connections_max and not manager.make_room():
            self.force_close()
            return
        manager.incomplete[self] = None
        self._arm(manager)

    def end(self) -> None:
        """Closes it now; closing alone would first wait until all that was sent is read."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()
        self.force_close()

    @property
    def rests(self) -> bool:
        """Whether it is open and no request is being answered."""
        return self._current_request is None and not self._messages and not self._force_close

    def data_received(self, data: bytes) -> None:
        if self.unproven_bytes_left is not None:
            self.unproven_bytes_left -= len(data)
            if self.unproven_bytes_left < 0:
                self.end()
                return
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._disarm()
            if isinstance(self._manager, _Server):
                self._manager.incomplete.pop(self, None)
        elif self._head_timer is None and self._current_request is None and not self._messages:
            manager = self._manager
            if isinstance(manager, _Server):
                self._arm(manager)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._disarm()
        if isinstance(self._manager, _Server):
            self._manager.incomplete.pop(self, None)
        super().connection_lost(exc)

    def _arm(self, manager: _Server) -> None:
        self._head_timer = asyncio.get_running_loop().call_later(manager.head_s, self._late)

    def _late(self) -> None:
        self._head_timer = None
        if self._current_request is None and not self._messages:
            self.end()

    def _disarm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _Server(web.Server):
    """aiohttp's server with our connections."""

    def __init__(self, handler: Handler, *, head_s: float, connections_max: int, **options: Any):
        super().__init__(handler, **options)
        self.head_s = head_s
        self.connections_max = connections_max
        self.incomplete: OrderedDict[_Connection, None] = OrderedDict()
        """Connections, oldest first, that owe their first request or a request's body."""
        self._options = options

    def make_room(self) -> bool:
        """Ends the connection that is missed least. False if all are being answered."""
        if self.incomplete:
            self.incomplete.popitem(last=False)[0].end()
            return True
        for connection in self.connections[:-1]:  # the last one is the one that wants the room
            if isinstance(connection, _Connection) and connection.rests:
                connection.end()
                return True
        return False

    @contextmanager
    def owing(self, connection: object) -> Iterator[None]:
        """While the body of this connection's request is waited for."""
        if not isinstance(connection, _Connection):
            yield
            return
        self.incomplete[connection] = None
        try:
            yield
        finally:
            self.incomplete.pop(connection, None)

    def __call__(self) -> RequestHandler:
        options = {k: v for k, v in self._options.items() if k != "request_factory"}
        return _Connection(self, loop=asyncio.get_running_loop(), **options)


async def read_body(request: Request, *, timeout_s: float = BODY_S) -> bytes:
    """The whole body. Raises BodyRefused, ConnectionError."""
    limit = request._client_max_size  # noqa: SLF001 - aiohttp offers no other way to read it
    if (request.content_length or 0) > limit:
        raise BodyRefused(413, f"content length too large ({request.content_length}>{limit})")
    try:
        if request.content.is_eof():  # usually it came with the head
            return await request.read()
        manager = request.protocol._manager  # noqa: SLF001 - aiohttp's, but made by us
        if not isinstance(manager, _Server):
            raise ConnectionResetError("the connection is gone")
        with manager.owing(request.protocol):
            async with asyncio.timeout(timeout_s):
                return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise BodyRefused(413, f"content length too large (more than {limit})") from error
    except TimeoutError as error:
        raise BodyRefused(408, f"the body did not come within {timeout_s:g} s") from error


def bound_received(request: Request, bytes_max: int | None) -> None:
    """Ends this connection when it has received so many bytes more; None: takes that back.

    For a WebSocket of somebody who has not said who he is: its limit for messages is set once, for
    all its life, and may be much larger."""
    connection = request.protocol
    if isinstance(connection, _Connection):
        connection.unproven_bytes_left = bytes_max


def allow_connections(wanted: int) -> int:
    """Raises the limit of open files for so many connections; returns how many there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    files = wanted + OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        files = min(files, hard)
    if soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return max(min(wanted, max(soft, files) - OTHER_FILES), 1)


class WebServer:
    """Serves every request by `handler`, which looks at the path itself."""

    def __init__(
        self,
        handler: Handler,
        *,
        body_bytes_max: int,
        idle_s: float = IDLE_S,
        head_s: float = HEAD_S,
        send_s: float = SEND_S,
        connections_max: int = CONNECTIONS_MAX,
        large_answers_max: int = LARGE_ANSWERS_MAX,
    ) -> None:
        self._handler = handler
        self._body_bytes_max = body_bytes_max
        self._idle_s = idle_s
        self._head_s = head_s
        self._send_s = send_s
        self._connections_max = connections_max
        self._large_answers_max = large_answers_max
        self._sending: OrderedDict[asyncio.Transport, None] = OrderedDict()
        self._server: _Server | None = None
        self._runner: web.ServerRunner | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listens; port 0 takes a free one, which `port` tells. Raises ListenError."""
        self._server = _Server(
            self._answer,
            head_s=self._head_s,
            connections_max=self._connections_max,
            request_factory=self._request,
            keepalive_timeout=self._idle_s,
            max_field_size=HEADER_BYTES_MAX,
            max_line_size=HEADER_BYTES_MAX,
            access_log=None,
            lingering_time=LINGER_S,
            auto_decompress=False,  # a kilobyte can unpack to a gigabyte
        )
        self._runner = web.ServerRunner(self._server, handle_signals=False, shutdown_timeout=STOP_S)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, host, port)
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ListenError(error, "TCP", host, port) from error
        self.port = self._runner.addresses[0][1]

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._server.connections) if self._server is not None else 0

    async def stop(self) -> None:
        """Closes the port and idle connections; requests in progress get three seconds."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: Request) -> StreamResponse:
        try:
            response = await self._handler(request)
            await self._send(request, response)
        except (asyncio.CancelledError, web.HTTPException, ConnectionError):
            raise
        except Exception:
            # The edge of the process: a defect behind one page must not end the program's work.
            log.exception("the handler of a page failed", extra={"path": request.path})
            return Response(status=500, text="internal error\n")
        return response

    async def _send(self, request: Request, response: StreamResponse) -> None:
        """Sends a large answer here, where its time is bounded; aiohttp sends a small one."""
        if not isinstance(response, Response) or response.prepared:
            return
        body = response.body
        if not isinstance(body, bytes) or len(body) <= SMALL_BYTES:
            return
        transport = request.transport
        if transport is None:
            return
        while len(self._sending) >= self._large_answers_max:
            self._sending.popitem(last=False)[0].abort()
        self._sending[transport] = None
        try:
            async with asyncio.timeout(self._send_s):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            transport.abort()
        finally:
            self._sending.pop(transport, None)

    def _request(
        self, message: Any, payload: Any, protocol: Any, writer: Any, task: asyncio.Task[None]
    ) -> Request:
        loop = asyncio.get_running_loop()
        limit = self._body_bytes_max
        return Request(message, payload, protocol, writer, task, loop, client_max_size=limit)


def probe(routes: Mapping[str | tuple[str, str], ProbeHandler]) -> Mapping[str, Handler]:
    """The pages of `kit/health.py` for a WebServer, by path."""

    def adapt(handler: ProbeHandler) -> Handler:
        async def answer(request: Request) -> StreamResponse:
            response: ProbeResponse = await handler(
                ProbeRequest(method=request.method, path=request.path, query=request.query_string)
            )
            return Response(status=response.status, body=response.body, headers=response.headers)

        return answer

    return {path: adapt(handler) for path, handler in routes.items() if isinstance(path, str)}
