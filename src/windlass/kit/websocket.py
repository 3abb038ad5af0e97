"""A WebSocket client, wrapped so that callers see our own errors only.

Messages are bytes both ways: whoever passes JSON through has no use for it as text. Compression is
off, since both ends are on one machine or one network, where it costs more than it saves.
"""

from __future__ import annotations

import asyncio
from typing import Literal

import aiohttp

from windlass.kit.transport import TransportError

MESSAGE_BYTES_MAX = 128 << 20
CLOSE_S = 1.0

_CONTENT = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)


class WebSocketError(TransportError):
    """A WebSocket could not be opened, or has ended."""

    code = "websocket"


class WebSocket:
    """One open connection; `connect` makes it."""

    def __init__(
        self,
        url: str,
        session: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse[Literal[False]],
    ) -> None:
        self.url = url
        self._session = session
        self._socket = socket

    @classmethod
    async def connect(
        cls, url: str, *, timeout_s: float, message_bytes_max: int = MESSAGE_BYTES_MAX
    ) -> WebSocket:
        """Opens a connection. Raises WebSocketError."""
        # Each connection has a session of its own: it shares no cookies, no proxy, no pool.
        session = aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with asyncio.timeout(timeout_s):
                socket = await session.ws_connect(
                    url,
                    max_msg_size=message_bytes_max,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                    compress=0,
                    decode_text=False,
                )
        except BaseException as error:
            await session.close()
            if isinstance(error, TimeoutError):
                raise WebSocketError(
                    "timeout",
                    f"{url} did not open a WebSocket within {timeout_s:g} s.",
                    "See whether the program there is overloaded or stopped.",
                ) from error
            if isinstance(error, (aiohttp.ClientError, OSError, ValueError)):
                raise WebSocketError(
                    "refused",
                    f"Nobody opens a WebSocket at {url}: {str(error) or type(error).__name__}.",
                    "See whether the program there is running.",
                ) from error
            raise
        return cls(url, session, socket)

    async def send(self, message: bytes) -> None:
        """Sends a text message; waits while the other side reads too slowly. Raises
        WebSocketError."""
        try:
            await self._socket.send_frame(message, aiohttp.WSMsgType.TEXT)
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise self._ended() from error

    async def receive(self) -> bytes:
        """The next message, however long that takes. Raises WebSocketError."""
        try:
            message = await self._socket.receive()
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise self._ended() from error
        if message.type not in _CONTENT:
            raise self._ended()
        content: bytes = message.data
        return content

    async def close(self) -> None:
        """Ends the connection; waits a second at most for the other side's consent."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._socket.close()
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass  # it ends with its session
        finally:
            await self._session.close()

    def _ended(self) -> WebSocketError:
        return WebSocketError(
            "refused",
            f"The WebSocket to {self.url} has ended.",
            "See whether the program there is just stopping, or in its log.",
        )
