"""One WebSocket to a node, over which any number of calls run side by side, each with its number.

A WebSocket costs geth and us less than HTTP for each call, and its end is noticed at once. Answers
are passed on as they came. A call that gets none is ended by one sweep for all of them, since a
timer for each would cost more than the call.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import msgspec

from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.kit.websocket import WebSocket, WebSocketError
from windlass.programs.gateway.errors import INTERNAL, NodeLost, RpcRefusal

SWEEP_S = 0.25
CALLS_MAX = 10_000
"""Calls in flight to one node; more would only wait in its queue."""

log = logging.getLogger(__name__)

OnNotification = Callable[[str, msgspec.Raw], None]
"""Gets the subscription's id and what happened."""


class Answer(msgspec.Struct, gc=False):
    """What a node said: `error` is empty if it did what it was asked."""

    id: int | None = None
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    method: str = ""
    params: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct):
    subscription: str
    result: msgspec.Raw


class _Waiting(msgspec.Struct, gc=False):
    future: asyncio.Future[Answer]
    deadline_s: float


class Upstream:
    """An open connection. `run` reads it until it ends; then every call in flight is NodeLost."""

    def __init__(self, socket: WebSocket, on_notification: OnNotification | None = None) -> None:
        self._socket = socket
        self._on_notification = on_notification
        self._waiting: dict[int, _Waiting] = {}
        self._number = 0
        self._ended: NodeLost | None = None
        self.heard_s = time.monotonic()

    @classmethod
    async def connect(
        cls, url: str, timeout_s: float, on_notification: OnNotification | None = None
    ) -> Upstream:
        """Raises WebSocketError."""
        return cls(await WebSocket.connect(url, timeout_s=timeout_s), on_notification)

    @property
    def in_flight(self) -> int:
        """Calls that wait for an answer."""
        return len(self._waiting)

    async def call(self, method: bytes, params: bytes, timeout_s: float) -> Answer:
        """What the node says. Raises NodeLost, RpcRefusal if too many calls wait, TimeoutError."""
        number, future = self._enter(timeout_s)
        try:
            await self._send(_question(number, method, params))
            return await future
        finally:
            self._waiting.pop(number, None)
            future.cancel()  # if it was sent to nobody, nobody takes what the end of it said

    async def batch(self, method: bytes, params: Sequence[bytes], timeout_s: float) -> list[Answer]:
        """The same method several times; the node takes them one after the other, in this order.

        Raises as `call` does.
        """
        entered = [self._enter(timeout_s) for _ in params]
        questions = [
            _question(number, method, one) for (number, _), one in zip(entered, params, strict=True)
        ]
        try:
            await self._send(b"[" + b",".join(questions) + b"]")
            return await asyncio.gather(*(future for _, future in entered))
        finally:
            for number, future in entered:
                self._waiting.pop(number, None)
                future.cancel()

    async def run(self) -> None:
        """Takes in what the node sends, until the connection ends. Raises WebSocketError."""
        sweeping = asyncio.create_task(self._sweep())
        reason = "it was closed"
        try:
            while True:
                self._take(await self._socket.receive())
        except WebSocketError as error:
            reason = error.sentence
            raise
        finally:
            sweeping.cancel()
            self._end(reason)
            await self._socket.close()

    def _enter(self, timeout_s: float) -> tuple[int, asyncio.Future[Answer]]:
        if self._ended is not None:
            raise NodeLost(self._ended.sentence)
        if len(self._waiting) >= CALLS_MAX:
            raise RpcRefusal(INTERNAL, "too many calls wait for this node; try again")
        self._number += 1
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = _Waiting(future, time.monotonic() + timeout_s)
        return self._number, future

    async def _send(self, message: bytes) -> None:
        try:
            await self._socket.send(message)
        except WebSocketError as error:
            self._end(error.sentence)
            raise NodeLost(error.sentence) from error

    def _take(self, message: bytes) -> None:
        self.heard_s = time.monotonic()
        try:
            if message[:1] == b"[":
                for answer in json.decode(message, list[Answer]):
                    self._settle(answer)
                return
            answer = json.decode(message, Answer)
            if answer.id is None and answer.method:
                event = json.decode(answer.params, _Event)
                if self._on_notification is not None:
                    self._on_notification(event.subscription, event.result)
                return
        except JsonError as error:
            raise WebSocketError(
                "protocol", f"{self._socket.url} sends what is not JSON-RPC: {error}."
            ) from error
        self._settle(answer)

    def _settle(self, answer: Answer) -> None:
        if answer.id is None:
            return
        waiting = self._waiting.pop(answer.id, None)
        if waiting is not None and not waiting.future.done():
            waiting.future.set_result(answer)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            late = [number for number, one in self._waiting.items() if one.deadline_s < now]
            for number in late:
                waiting = self._waiting.pop(number)
                if not waiting.future.done():
                    waiting.future.set_exception(TimeoutError())

    def _end(self, reason: str) -> None:
        self._ended = NodeLost(reason)
        waiting, self._waiting = self._waiting, {}
        for one in waiting.values():
            if not one.future.done():
                one.future.set_exception(NodeLost(reason))


def _question(number: int, method: bytes, params: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%d,"method":"%b","params":%b}' % (number, method, params)
