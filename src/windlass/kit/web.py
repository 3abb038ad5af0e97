"""The web server of the programs that people and applications talk to: HTTP and WebSocket.

`kit/http_server.py` serves probes and starts in no time; this one is aiohttp, for thousands of
requests a second, WebSockets and pages. It is the only module that knows aiohttp's server.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import WSCloseCode, WSMsgType, web

from windlass.kit.http_messages import Handler as ProbeHandler
from windlass.kit.http_messages import Request as ProbeRequest
from windlass.kit.http_messages import Response as ProbeResponse
from windlass.kit.listening import ListenError

__all__ = [
    "Handler",
    "Request",
    "Response",
    "StreamResponse",
    "WSCloseCode",
    "WSMsgType",
    "WebServer",
    "WebSocketResponse",
    "probe",
]

Request = web.BaseRequest
Response = web.Response
StreamResponse = web.StreamResponse
WebSocketResponse = web.WebSocketResponse
Handler: TypeAlias = Callable[[Request], Awaitable[StreamResponse]]

IDLE_S = 60.0
STOP_S = 3.0
HEADER_BYTES_MAX = 16 << 10

log = logging.getLogger(__name__)


class WebServer:
    """Serves every request by `handler`, which looks at the path itself."""

    def __init__(self, handler: Handler, *, body_bytes_max: int, idle_s: float = IDLE_S) -> None:
        self._handler = handler
        self._body_bytes_max = body_bytes_max
        self._idle_s = idle_s
        self._runner: web.ServerRunner | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listens; port 0 takes a free one, which `port` tells. Raises ListenError."""
        server = web.Server(
            self._answer,
            request_factory=self._request,
            keepalive_timeout=self._idle_s,
            max_field_size=HEADER_BYTES_MAX,
            max_line_size=HEADER_BYTES_MAX,
            access_log=None,
        )
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=STOP_S)
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, host, port)
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ListenError(error, "TCP", host, port) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Closes the port and idle connections; requests in progress get three seconds."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: Request) -> StreamResponse:
        try:
            return await self._handler(request)
        except (asyncio.CancelledError, web.HTTPException, ConnectionError):
            raise
        except Exception:
            # The edge of the process: a defect behind one page must not end the program's work.
            log.exception("the handler of a page failed", extra={"path": request.path})
            return Response(status=500, text="internal error\n")

    def _request(self, *arguments: object) -> Request:
        return Request(*arguments, client_max_size=self._body_bytes_max)  # type: ignore[arg-type]


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
