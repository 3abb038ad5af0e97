"""JSON-RPC over WebSocket: calls side by side, events as they happen, and nobody waits for a client
that does not read.

What is to be sent to a client waits in a queue of its own. One whose queue grows beyond its bound,
or who takes nothing for half a minute, is cut off; so is the one with the longest queue when all
queues together are too long.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial

from windlass.kit.web import (
    Request,
    Response,
    StreamResponse,
    WebSocketResponse,
    WSCloseCode,
    WSMsgType,
)
from windlass.programs.gateway import origins
from windlass.programs.gateway.dispatch import BATCH_AT_ONCE, Dispatcher
from windlass.programs.gateway.session import Session
from windlass.programs.gateway.subscriptions import Subscriptions

MESSAGE_BYTES_MAX = 5 << 20
CALLS_MAX = 100
"""In flight on one connection; the next message is read when one of them is answered."""
BATCH_WEIGHT = BATCH_AT_ONCE
"""A batch has so many calls in flight, whatever its length."""
PAUSE_BYTES = 8 << 20
"""Nothing more is read from a client that has so much to read itself."""
WAITING_BYTES_MAX = 32 << 20
"""More than geth's largest answer to a batch."""
ALL_WAITING_BYTES_MAX = 256 << 20
SEND_S = 30.0
PING_S = 30.0

log = logging.getLogger(__name__)


class _Connection(Session):
    """One client."""

    takes_events = True

    def __init__(self, api: WebSocketApi, request: Request, socket: WebSocketResponse) -> None:
        super().__init__()
        self.waiting_bytes = 0
        self._api = api
        self._request = request
        self._socket = socket
        self._queue: deque[bytes] = deque()
        self._filled = asyncio.Event()
        self._slots = asyncio.Semaphore(CALLS_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._ended = False

    def tell(self, event: bytes) -> None:
        """Queues what is to be sent."""
        if self._ended:
            return
        self._queue.append(event)
        self.waiting_bytes += len(event)
        self._api.waiting_bytes += len(event)
        self._filled.set()
        if self.waiting_bytes > PAUSE_BYTES:
            self._room.clear()
        if self.waiting_bytes > WAITING_BYTES_MAX:
            self.cut_off("it does not read what it is sent")
        elif self._api.waiting_bytes > ALL_WAITING_BYTES_MAX:
            self._api.relieve()

    async def run(self) -> None:
        """Until the client leaves."""
        writing = asyncio.create_task(self._write())
        try:
            await self._read()
        finally:
            self._ended = True
            tasks = [writing, *self._tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._api.waiting_bytes -= self.waiting_bytes

    def cut_off(self, reason: str) -> None:
        """Ends the connection at once."""
        if not self._ended:
            self._ended = True
            log.info("a client is cut off", extra={"reason": reason})
        if self._request.transport is not None:
            self._request.transport.abort()

    async def leave(self) -> None:
        """Ends it politely, for the end of the program."""
        await self._socket.close(code=WSCloseCode.GOING_AWAY)

    async def _read(self) -> None:
        while True:
            await self._room.wait()
            await self._slots.acquire()
            message = await self._socket.receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            body = bytes(message.data)
            weight = BATCH_WEIGHT if body.lstrip()[:1] == b"[" else 1
            for _ in range(weight - 1):
                await self._slots.acquire()
            task = asyncio.create_task(self._answer(body))
            self._tasks.add(task)
            task.add_done_callback(partial(self._done, weight))

    def _done(self, weight: int, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        for _ in range(weight):
            self._slots.release()
        if not task.cancelled() and task.exception() is not None:
            log.error("a call of a client has failed", exc_info=task.exception())
            self.cut_off("a call of it has failed")

    async def _answer(self, body: bytes) -> None:
        if not body.strip():
            return
        scope = _Scope(self)
        answer = await self._api.dispatcher.answer(body, scope)
        if answer:
            self.tell(answer)
        scope.answered()

    async def _write(self) -> None:
        try:
            while True:
                while self._queue:
                    message = self._queue.popleft()
                    async with asyncio.timeout(SEND_S):
                        await self._socket.send_frame(message, WSMsgType.TEXT)
                    self.waiting_bytes -= len(message)
                    self._api.waiting_bytes -= len(message)
                    if self.waiting_bytes <= PAUSE_BYTES:
                        self._room.set()
                self._filled.clear()
                await self._filled.wait()
        except (TimeoutError, ConnectionError, RuntimeError):
            self.cut_off("it can't be sent to")


class _Scope(Session):
    """One message of a connection: it has its own `later`, since messages overlap."""

    takes_events = True

    def __init__(self, connection: _Connection) -> None:
        super().__init__()
        self._connection = connection
        self.subscriptions = connection.subscriptions

    def tell(self, event: bytes) -> None:
        """Queues what is to be sent."""
        self._connection.tell(event)


class WebSocketApi:
    """`handle` is the WebServer's handler."""

    def __init__(self, dispatcher: Dispatcher, subscriptions: Subscriptions) -> None:
        self.dispatcher = dispatcher
        self.waiting_bytes = 0
        self._subscriptions = subscriptions
        self._connections: set[_Connection] = set()

    @property
    def connections(self) -> int:
        """How many clients there are."""
        return len(self._connections)

    async def handle(self, request: Request) -> StreamResponse:
        """Any request."""
        if not origins.is_own_name(request.headers.get("Host", "")):
            return Response(status=403, text="invalid host specified\n")
        origin = request.headers.get("Origin")
        if origin is not None and not origins.may_connect(origin):
            return Response(status=403, text="origin not allowed\n")
        socket = WebSocketResponse(
            max_msg_size=MESSAGE_BYTES_MAX,
            heartbeat=PING_S,
            compress=False,
            decode_text=False,
            timeout=1.0,
        )
        if not socket.can_prepare(request):
            return Response(status=400, text="this port speaks WebSocket only\n")
        await socket.prepare(request)
        connection = _Connection(self, request, socket)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._subscriptions.close(connection)
        return socket

    def relieve(self) -> None:
        """Cuts off whoever has most waiting."""
        heaviest = max(self._connections, key=lambda one: one.waiting_bytes, default=None)
        if heaviest is not None:
            heaviest.cut_off("the queues of all clients together are too long")

    async def stop(self) -> None:
        """Tells all clients to go."""
        leaving = [one.leave() for one in list(self._connections)]
        await asyncio.gather(*leaving, return_exceptions=True)
