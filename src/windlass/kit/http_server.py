"""An HTTP/1.1 server for probes, metrics and small documents.

A client can hold a connection only for a bounded time, in any state: idle between requests, in the
middle of sending one, or not reading our answer. What it sends is bounded as well.
"""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import unquote

import h11

from windlass.kit.http_messages import Handler, Request, Response, Routes, text_response
from windlass.kit.listening import ListenError

IDLE_S = 30.0
REQUEST_S = 10.0  # from the first byte of a request to its last: what a slowloris gets
HANDLER_S = 30.0
SEND_S = 10.0
STOP_S = 3.0
LINGER_S = 1.0
CONNECTIONS_MAX = 200
HEADER_BYTES_MAX = 16 << 10
BODY_BYTES_MAX = 64 << 10
READ_BYTES = 64 << 10

log = logging.getLogger(__name__)


class _RefusedError(Exception):
    """A request that gets this answer and then the end of its connection."""

    def __init__(self, response: Response) -> None:
        self.response = response


class HttpServer:
    """Serves `routes`: a path (GET and HEAD) or a (method, path) → handler."""

    def __init__(
        self,
        routes: Routes,
        *,
        idle_s: float = IDLE_S,
        request_s: float = REQUEST_S,
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._handlers: dict[str, dict[str, Handler]] = {}
        for key, handler in routes.items():
            methods = [key] if isinstance(key, tuple) else [("GET", key), ("HEAD", key)]
            for method, path in methods:
                self._handlers.setdefault(path, {})[method] = handler
        self.idle_s = idle_s
        self.request_s = request_s
        self._connections_max = connections_max
        self._connections: dict[asyncio.Task[None], _Session] = {}
        self._server: asyncio.Server | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listens; port 0 takes a free one, which `port` tells. Raises ListenError."""
        try:
            self._server = await asyncio.start_server(self._accept, host, port, limit=READ_BYTES)
        except OSError as error:
            raise ListenError(error, "TCP", host, port) from error
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Closes the port and idle connections; requests in progress get three seconds."""
        if self._server is None:
            return
        self._server.close()
        tasks = list(self._connections)
        for task, session in list(self._connections.items()):
            session.closing = True
            if not session.busy:
                task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        session = _Session(self, reader, writer)
        full = len(self._connections) >= self._connections_max
        self._connections[task] = session
        try:
            if full:
                await session.refuse(text_response("too many connections\n", 503))
            else:
                await session.run()
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass  # the client went away or dawdled, or we stop: nothing is left to tell it
        finally:
            del self._connections[task]
            await session.close()

    async def answer(self, request: Request) -> Response:
        """The handler's answer, or what is wrong with the request."""
        methods = self._handlers.get(request.path)
        if methods is None:
            return text_response("no such page\n", 404)
        handler = methods.get(request.method)
        if handler is None:
            response = text_response("method not allowed\n", 405)
            response.headers["allow"] = ", ".join(sorted(methods))
            return response
        try:
            async with asyncio.timeout(HANDLER_S):
                return await handler(request)
        except TimeoutError:
            return text_response("took too long\n", 503)
        except Exception:
            # The edge of the process: a defect behind one page must not end the program's work.
            log.exception("the handler of a page failed", extra={"path": request.path})
            return text_response("internal error\n", 500)


class _Session:
    """One connection and the requests on it."""

    def __init__(
        self, server: HttpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._state = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_BYTES_MAX)
        self.busy = False
        self.closing = False

    async def run(self) -> None:
        while True:
            try:
                request = await self._read()
            except h11.RemoteProtocolError as error:
                await self.refuse(text_response(f"{error}\n", error.error_status_hint))
                return
            except _RefusedError as refused:
                await self.refuse(refused.response)
                return
            if request is None:
                return
            self.busy = True
            response = await self._server.answer(request)
            await self._send(response, head=request.method == "HEAD", last=self.closing)
            self.busy = False
            if self._state.our_state is not h11.DONE or self._state.their_state is not h11.DONE:
                return
            self._state.start_next_cycle()

    async def _read(self) -> Request | None:
        """The next request, None if the client is done."""
        if not self._state.trailing_data[0]:
            # Waiting for a first byte is idling, everything after it is the request's own time.
            async with asyncio.timeout(self._server.idle_s):
                self._state.receive_data(await self._reader.read(READ_BYTES))
        try:
            async with asyncio.timeout(self._server.request_s):
                return await self._read_request()
        except TimeoutError:
            raise _RefusedError(text_response("the request took too long\n", 408)) from None

    async def _read_request(self) -> Request | None:
        request: Request | None = None
        body = bytearray()
        while True:
            event = self._state.next_event()
            if event is h11.NEED_DATA:
                if self._state.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    self._writer.write(self._state.send(go_on) or b"")
                self._state.receive_data(await self._reader.read(READ_BYTES))
            elif isinstance(event, h11.Request):
                request = _request(event)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_BYTES_MAX:
                    raise _RefusedError(text_response("the body is too large\n", 413))
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                request.body = bytes(body)
                return request
            elif isinstance(event, h11.ConnectionClosed):
                return None

    async def refuse(self, response: Response) -> None:
        """Answers and ends the connection, whatever state the request is in.

        What the client still sends is thrown away for a moment: closing a socket with unread input
        resets the connection, and the client would never see the answer.
        """
        if self._state.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        await self._send(response, head=False, last=True)
        self._writer.write_eof()
        async with asyncio.timeout(LINGER_S):
            while await self._reader.read(READ_BYTES):
                pass

    async def close(self) -> None:
        """Ends the connection; aborts it if the client does not take what is left to send."""
        self._writer.close()
        try:
            async with asyncio.timeout(SEND_S):
                await self._writer.wait_closed()
        except (OSError, TimeoutError, asyncio.CancelledError):
            self._writer.transport.abort()

    async def _send(self, response: Response, *, head: bool, last: bool) -> None:
        headers = dict(response.headers)
        if response.status != 304:
            headers["content-length"] = str(len(response.body))
        if last:
            headers["connection"] = "close"
        out = self._state.send(
            h11.Response(status_code=response.status, headers=list(headers.items()))
        )
        assert out is not None
        if response.body and not head and response.status != 304:
            out += self._state.send(h11.Data(data=response.body)) or b""
        out += self._state.send(h11.EndOfMessage()) or b""
        self._writer.write(out)
        async with asyncio.timeout(SEND_S):
            await self._writer.drain()


def _request(event: h11.Request) -> Request:
    target = event.target.decode("ascii")
    path, _, query = target.partition("?")
    headers: dict[str, str] = {}
    for raw_name, raw_value in event.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(
        method=event.method.decode("ascii"),
        path=unquote(path, errors="replace"),
        query=query,
        headers=headers,
    )
