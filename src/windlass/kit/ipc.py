"""A unix socket that carries a stream of JSON texts, as geth's IPC endpoint does.

Nothing on it says where a text ends (newlines are usual, not promised), so the ends are found by
following brackets and strings.
"""

from __future__ import annotations

import asyncio
import contextlib
import re

from windlass.kit.transport import IpcError

READ_BYTES = 1 << 18
MESSAGE_BYTES_MAX = 32 << 20

_STRUCTURE = re.compile(rb'[\[\]{}"]')
_IN_STRING = re.compile(rb'[\\"]')


class JsonSplitter:
    """Cuts a byte stream into the JSON objects and arrays in it."""

    def __init__(self, bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._buffer = bytearray()
        self._position = 0  # everything before it has been looked at
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[bytes]:
        """The texts that are complete now. Raises ValueError if there is none in `bytes_max`."""
        self._buffer += data
        complete: list[bytes] = []
        while (end := self._find_end()) is not None:
            complete.append(bytes(self._buffer[:end]).strip())
            del self._buffer[:end]
            self._position = 0
        if len(self._buffer) > self._bytes_max:
            raise ValueError(f"a message has more than {self._bytes_max} bytes")
        return complete

    def _find_end(self) -> int | None:
        buffer = self._buffer
        while True:
            pattern = _IN_STRING if self._in_string else _STRUCTURE
            match = pattern.search(buffer, self._position)
            if match is None:
                self._position = len(buffer)
                return None
            at = match.start()
            byte = buffer[at]
            if byte == 0x5C:  # a backslash takes the next byte with it, which may not be here yet
                if at + 1 == len(buffer):
                    self._position = at
                    return None
                self._position = at + 2
                continue
            self._position = at + 1
            if byte == 0x22:
                self._in_string = not self._in_string
            elif byte in b"[{":
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth < 0:
                    raise ValueError("a bracket closes that none opened")
                if self._depth == 0:
                    return at + 1


class IpcClient:
    """One connection to a JSON-RPC unix socket, opened when needed; one exchange at a time."""

    def __init__(
        self, path: str, *, timeout_s: float = 5, body_bytes_max: int = MESSAGE_BYTES_MAX
    ) -> None:
        self.url = f"unix://{path}"
        self._path = path
        self._timeout_s = timeout_s
        self._bytes_max = body_bytes_max
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, body: bytes, timeout_s: float | None = None) -> bytes:
        """Sends one JSON text and returns the next one that comes. Raises IpcError."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(limit_s), self._lock:
                reused = self._streams is not None
                try:
                    return await self._exchange(body)
                except (OSError, EOFError):
                    if not reused:
                        raise
                    return await self._exchange(body)  # the socket was closed while it was idle
        except TimeoutError as error:
            raise IpcError(
                "timeout",
                f"{self._path} did not answer within {limit_s:g} s.",
                "See whether the program there is overloaded or stopped.",
            ) from error
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or "it closed the connection"
            raise IpcError(
                "refused",
                f"Nobody answers at {self._path}: {reason}.",
                "See whether the program there is running.",
            ) from error
        except ValueError as error:
            raise IpcError("protocol", f"{self._path} does not send JSON: {error}.") from error

    async def close(self) -> None:
        """Closes the connection; a later exchange opens a new one."""
        if self._streams is not None:
            writer = self._streams[1]
            self._drop()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, body: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(self._path, limit=READ_BYTES)
        reader, writer = self._streams
        done = False
        try:
            writer.write(body)
            splitter = JsonSplitter(self._bytes_max)
            while True:
                data = await reader.read(READ_BYTES)
                if not data:
                    raise EOFError
                messages = splitter.feed(data)
                if messages:
                    done = len(messages) == 1
                    return messages[0]
        finally:
            if not done:  # an answer may still come, and the next call would mistake it for its own
                self._drop()

    def _drop(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None
