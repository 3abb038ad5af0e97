"""The socket on which nodes report (ethstats): login, its answers, and the bounds of each.

A node proves its name with HMAC-SHA256 of the network's secret and that name, so a stolen secret
speaks for one node only. From then on the connection's name counts and no `id` in a message. geth
takes `ready` before anything else, ends the session at a pong that it did not ask for, and wants a
list in each request for history; it answers text pings, which is how a dead connection is noticed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import logging
import time
from collections.abc import Callable

import msgspec

from windlass.kit.web import (
    Request,
    Response,
    StreamResponse,
    WebSocketResponse,
    WSMsgType,
    bound_received,
)
from windlass.programs.dashboard import wire
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.network import (
    BYTES_PER_TRANSACTION,
    GAS_PER_TRANSACTION,
    Network,
    TooManyNodes,
)
from windlass.programs.dashboard.nodes import Node
from windlass.programs.dashboard.refusals import Refusals
from windlass.programs.dashboard.wire import MalformedReport

GAS_LIMIT_MAX = 1_000_000_000
"""The highest gas limit that a network may have: 47,619 plain transfers in a block."""
MESSAGE_BYTES_MAX = GAS_LIMIT_MAX // GAS_PER_TRANSACTION * BYTES_PER_TRANSACTION + (64 << 10)
"""Of a node that has logged in: a full block, with what stands around its transactions."""
HELLO_BYTES_MAX = 16 << 10
"""Of the first message: until then anybody may have sent it, and decoding takes time."""
UNPROVEN_BYTES_MAX = 4 * HELLO_BYTES_MAX
"""Of all that comes before the login: a client sends nothing after its hello until it is let in."""
LOGIN_S = 5.0
WAITING_MAX = 64
"""Connections that have not logged in. A new one ends the oldest: a real node needs a moment only,
so whoever opens a thousand and says nothing can't keep it out."""
SILENT_S = 60.0
"""A node says something each 15 s; one that is silent for so long is gone."""
PING_EVERY_S = 25.0
SEND_S = 5.0
MESSAGES_PER_S_MAX = 200
"""A geth that catches up says less; what is beyond is dropped, and its next report mends it."""
BYTES_PER_S_MAX = 3 * MESSAGE_BYTES_MAX
READY = '{"emit":["ready"]}'

log = logging.getLogger(__name__)


class _Link:
    """A connection of a node that has logged in."""

    def __init__(self, node: Node, socket: WebSocketResponse, abort: Callable[[], None]) -> None:
        self.node = node
        self.socket = socket
        self.abort = abort
        self.heard_s = self.pinged_s = time.monotonic()
        self._second = 0
        self._messages = 0
        self._bytes = 0

    def admits(self, size: int) -> bool:
        """Whether a message of that size is still within this second's bounds."""
        self.heard_s = time.monotonic()
        second = int(self.heard_s)
        if second != self._second:
            self._second, self._messages, self._bytes = second, 0, 0
        self._messages += 1
        self._bytes += size
        return self._messages <= MESSAGES_PER_S_MAX and self._bytes <= BYTES_PER_S_MAX

    async def send(self, text: str) -> None:
        """Sends, or ends the connection of a node that does not read."""
        try:
            async with asyncio.timeout(SEND_S):
                await self.socket.send_str(text)
        except (TimeoutError, ConnectionError, RuntimeError):
            self.abort()


class Reporters:
    """All nodes that report. `told` is called after each message that changed something."""

    def __init__(
        self,
        network: Network,
        secret: bytes,
        refusals: Refusals,
        metrics: Metrics,
        told: Callable[[], None],
    ) -> None:
        self._network = network
        self._secret = secret
        self._refusals = refusals
        self._metrics = metrics
        self._told = told
        self._links: dict[str, _Link] = {}
        self._waiting: dict[object, Callable[[], None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, request: Request) -> StreamResponse:
        """One connection, from its handshake to its end."""
        transport = request.transport
        if transport is None:
            return Response(status=400)
        socket = WebSocketResponse(
            max_msg_size=MESSAGE_BYTES_MAX, compress=False, timeout=1, heartbeat=None
        )
        mark = object()
        while len(self._waiting) >= WAITING_MAX:
            self._refuse("crowd")
            self._waiting.pop(next(iter(self._waiting)))()
        self._waiting[mark] = transport.abort
        bound_received(request, UNPROVEN_BYTES_MAX)
        try:
            await socket.prepare(request)
            hello = await self._hello(socket, str(request.remote or ""))
        finally:
            self._waiting.pop(mark, None)
        if hello is None:
            await self._close(socket, transport.abort)
            return socket
        bound_received(request, None)
        await self._session(hello, socket, transport.abort)
        return socket

    async def run(self) -> None:
        """Pings each 25 s and ends what is silent; runs for ever."""
        while True:
            await asyncio.sleep(1)
            now_s = time.monotonic()
            for link in list(self._links.values()):
                if now_s - link.heard_s > SILENT_S:
                    self._refuse("silent")
                    link.abort()
                elif now_s - link.pinged_s > PING_EVERY_S:
                    link.pinged_s = now_s
                    ping = f'"primus::ping::{int(time.time() * 1000)}"'
                    task = asyncio.create_task(link.send(ping))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Ends all connections."""
        for abort in [*self._waiting.values(), *(link.abort for link in self._links.values())]:
            abort()

    async def _hello(self, socket: WebSocketResponse, address: str) -> wire.Hello | None:
        """The first message, if it proves its name within the time."""
        try:
            async with asyncio.timeout(LOGIN_S):
                first = await socket.receive()
        except TimeoutError:
            self._refuse("late")
            return None
        if first.type is not WSMsgType.TEXT or len(first.data) > HELLO_BYTES_MAX:
            self._refuse("no-hello")
            return None
        try:
            hello = wire.hello(first.data)
        except MalformedReport:
            self._refuse("no-hello")
            return None
        expected = self._network.expected(hello.name) is not None
        if not hmac.compare_digest(self._proof(hello.name), hello.secret.encode()):
            self._refuse("secret")
            self._refusals.add(hello.name, address, _now_ms(), expected=expected)
            self._told()
            return None
        if not expected and not wire.is_name(hello.name):
            self._refuse("name")
            return None
        return hello

    async def _session(
        self, hello: wire.Hello, socket: WebSocketResponse, abort: Callable[[], None]
    ) -> None:
        try:
            node = self._network.login(hello, _now_ms())
        except TooManyNodes:
            self._refuse("too-many")
            await self._close(socket, abort)
            return
        link = _Link(node, socket, abort)
        before = self._links.get(node.name)
        self._links[node.name] = link
        if before is not None:
            before.abort()
        log.info("a node reports", extra={"node": node.name, "client": hello.client})
        self._told()
        try:
            await link.send(READY)
            await self._listen(link)
        finally:
            if self._links.get(node.name) is link:
                del self._links[node.name]
                self._network.logout(node, _now_ms())
                log.info("a node reports no more", extra={"node": node.name})
                self._told()

    async def _listen(self, link: _Link) -> None:
        while True:
            with contextlib.suppress(ConnectionError):
                received = await link.socket.receive()
                if received.type is WSMsgType.TEXT:
                    await self._hear(link, received.data)
                    continue
                if received.type is WSMsgType.BINARY:
                    link.admits(len(received.data))
                    self._metrics.dropped.increment("binary")
                    continue
            return

    async def _hear(self, link: _Link, text: str) -> None:
        if not link.admits(len(text)):
            self._metrics.dropped.increment("too-many")
            return
        if self._links.get(link.node.name) is not link:
            return  # another connection of that node has taken its place
        try:
            said = wire.message(text)
        except MalformedReport:
            self._metrics.dropped.increment("malformed")
            return
        self._metrics.messages.increment()
        now_ms = _now_ms()
        self._network.hears(link.node, said, now_ms)
        self._told()
        if isinstance(said, wire.Ping):
            pong = {"clientTime": said.client_time, "serverTime": now_ms}
            await link.send(_emit("node-pong", pong))
        elif isinstance(said, wire.Head):
            wanted = self._network.history_wanted(link.node, now_ms)
            if wanted:
                question = {"max": wanted[-1], "min": wanted[0], "list": wanted}
                await link.send(_emit("history", question))

    async def _close(self, socket: WebSocketResponse, abort: Callable[[], None]) -> None:
        """A clean end if the other side takes part in it, else an end."""
        try:
            async with asyncio.timeout(1):
                await socket.close()
        except (TimeoutError, ConnectionError, RuntimeError):
            abort()

    def _refuse(self, reason: str) -> None:
        self._metrics.refused.increment(reason)

    def _proof(self, name: str) -> bytes:
        return hmac.new(self._secret, name.encode(), hashlib.sha256).hexdigest().encode()


def _emit(name: str, body: dict[str, object]) -> str:
    return msgspec.json.encode({"emit": [name, body]}).decode()


def _now_ms() -> int:
    return int(time.time() * 1000)
