"""A server of the dashboard's page whose network is simulated: it tells what a test wants told.

It serves the same files under the same policy as the real one, and the same stream of events, so
that a test can make a fork or a stalled chain in a moment. By hand, with a block each second:

    python -m tests.support.dashboard_feeder [NODES] [PORT]
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import msgspec

from tests.support.simulated_network import SimulatedNetwork
from windlass.kit.web import Request, Response, StreamResponse, WebServer

SOURCE = Path(__file__).resolve().parents[2] / "src" / "windlass"
FOLDERS = (SOURCE / "programs" / "dashboard" / "page", SOURCE / "web" / "assets")
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
POLICY = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
HEARTBEAT_S = 15.0


class Feeder:
    """Serves a simulated network; `send` tells every open page of a delta."""

    def __init__(self, network: SimulatedNetwork) -> None:
        self.network = network
        self.away = False
        self._pages: set[asyncio.Queue[bytes | None]] = set()
        self._server = WebServer(self._handle, body_bytes_max=1 << 10)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self._server.port}/"

    async def start(self, port: int = 0) -> None:
        """Listens on loopback."""
        await self._server.start("127.0.0.1", port)

    async def stop(self) -> None:
        """Ends every stream and closes the port."""
        self.hang_up()
        await self._server.stop()

    def send(self, *deltas: dict[str, Any]) -> None:
        """Sends these changes to every page."""
        for delta in deltas:
            for page in self._pages:
                page.put_nowait(_event("delta", delta))

    def begin_again(self, network: SimulatedNetwork) -> None:
        """Tells every page of another network from the start, as after a stream that was slow."""
        self.network = network
        for page in self._pages:
            page.put_nowait(_event("snapshot", network.snapshot()))

    def hang_up(self) -> None:
        """Ends every stream, as a server does that goes down."""
        for page in self._pages:
            page.put_nowait(None)

    def pages(self) -> int:
        """How many pages read the stream."""
        return len(self._pages)

    async def _handle(self, request: Request) -> StreamResponse:
        response = await self._answer(request)
        if not response.prepared:
            response.headers.update(POLICY)
        return response

    async def _answer(self, request: Request) -> StreamResponse:
        if self.away:
            return Response(status=503, text="away\n")
        if request.path == "/healthz":
            return Response(text="ok\n")
        if request.path == "/api/network":
            body = msgspec.json.encode(self.network.snapshot())
            return Response(body=body, content_type="application/json")
        if request.path == "/api/history":
            return Response(body=msgspec.json.encode(self.network.history()))
        if request.path == "/api/live":
            return await self._live(request)
        return _file("index.html" if request.path == "/" else request.path[len("/assets/") :])

    async def _live(self, request: Request) -> StreamResponse:
        headers = {"content-type": "text/event-stream", "cache-control": "no-store", **POLICY}
        response = StreamResponse(headers=headers)
        await response.prepare(request)
        page: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._pages.add(page)
        try:
            await response.write(_event("snapshot", self.network.snapshot()))
            while (told := await _next(page)) is not None:
                await response.write(told)
        except ConnectionError:
            pass  # the page was closed
        finally:
            self._pages.discard(page)
        return response


async def _next(page: asyncio.Queue[bytes | None]) -> bytes | None:
    try:
        return await asyncio.wait_for(page.get(), HEARTBEAT_S)
    except TimeoutError:
        return b": heartbeat\n\n"


def _event(name: str, document: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(document))


def _file(name: str) -> Response:
    for folder in FOLDERS:
        path = folder / name
        if "/" not in name and path.is_file():
            kind = KINDS.get(path.suffix, "image/svg+xml")
            return Response(body=path.read_bytes(), content_type=kind)
    return Response(status=404, text="there is no such file\n")


async def _by_hand(nodes: int, port: int) -> None:
    feeder = Feeder(SimulatedNetwork(nodes=nodes, validators=min(nodes, 4)))
    await feeder.start(port)
    sys.stdout.write(f"{feeder.address}\n")
    sys.stdout.flush()
    stop = asyncio.Event()
    while not stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1)
        feeder.send(feeder.network.step())


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    asyncio.run(_by_hand(*(given + [5, 0][len(given) :])))
