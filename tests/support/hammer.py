"""Many requests as fast as a server answers: HTTP/1.1 by hand, so that the client costs little."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Outcome:
    """What came of it. `times_s` has each request's time if they were asked for."""

    requests: int = 0
    errors: int = 0
    first_error: bytes = b""
    took_s: float = 0.0
    times_s: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        """Requests a second."""
        return self.requests / self.took_s


class _Connection(asyncio.Protocol):
    """Sends the next request when the last one's answer is whole."""

    def __init__(self, head: bytes, bodies: Iterator[bytes], outcome: Outcome, timed: bool) -> None:
        self._head, self._bodies, self._outcome, self._timed = head, bodies, outcome, timed
        self._buffer = bytearray()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        body = _whole(self._buffer)
        if body is None:
            return
        outcome = self._outcome
        outcome.requests += 1
        if self._timed:
            outcome.times_s.append(time.perf_counter() - self._began)
        if b'"error"' in body[:200] or not body:
            outcome.errors += 1
            outcome.first_error = outcome.first_error or bytes(body[:300])
        self._buffer.clear()
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed the connection"))

    def _next(self) -> None:
        body = next(self._bodies, None)
        if body is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(self._head % len(body) + body)


def _whole(buffer: bytearray) -> bytes | None:
    """The body once all of the answer is there."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(buffer[:end]).lower()
    position = head.find(b"content-length:")
    if position < 0:  # chunked: the last chunk is empty
        return bytes(buffer[end + 4 :]) if buffer.endswith(b"0\r\n\r\n") else None
    length = int(head[position + 15 :].split(b"\r\n", 1)[0])
    return bytes(buffer[end + 4 :]) if len(buffer) >= end + 4 + length else None


async def _hammer(url: str, bodies: Iterable[bytes], connections: int, timed: bool) -> Outcome:
    parts = urlsplit(url)
    head = (
        f"POST / HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        "Content-Length: %d\r\n\r\n"
    ).encode()
    outcome, shared = Outcome(), iter(bodies)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = [
        await loop.create_connection(
            lambda: _Connection(head, shared, outcome, timed),
            parts.hostname or "",
            parts.port or 80,
        )
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in made))
    outcome.took_s = time.perf_counter() - began
    return outcome


def hammer(
    url: str, bodies: Iterable[bytes], *, connections: int = 8, timed: bool = False
) -> Outcome:
    """Posts all of these, over so many connections at once."""
    return asyncio.run(_hammer(url, bodies, connections, timed))
