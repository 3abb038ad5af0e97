"""The supervisor's control socket: one JSON object per line in, one out.

Only this user can reach it (its directory is private). What is wanted lies in the state's database,
so the operations carry next to nothing (see `messages`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.runtimes.local.supervisor.messages import Answer, Request

LINE_BYTES_MAX = 64 << 10
IDLE_S = 60.0
log = logging.getLogger(__name__)


Handler = Callable[[Request], Awaitable[Answer]]


class ControlServer:
    """Serves one unix socket, and makes it anew if someone removed it."""

    def __init__(self, path: Path, handler: Handler) -> None:
        self._path = path
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def start(self) -> None:
        """Listens. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._server = await asyncio.start_unix_server(
            self._serve, self._path, limit=LINE_BYTES_MAX, start_serving=True
        )
        self._path.chmod(0o600)
        self._inode = self._path.stat().st_ino

    async def keep(self) -> None:
        """Listens again if the socket's file is gone: a session's runtime directory is emptied when
        the user logs out."""
        if self._server is None or self._is_there():
            return
        self._server.close()
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self.start()
            log.info("made the control socket anew", extra={"path": str(self._path)})
        except OSError as error:
            log.warning("cannot make the control socket", extra={"reason": str(error)})

    async def stop(self) -> None:
        """Stops listening and removes the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._is_there():
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _is_there(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(IDLE_S):
                    line = await reader.readline()
                if not line:
                    break
                answer = await self._answer(line)
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
        except (OSError, TimeoutError, ValueError):  # gone, idle, or a line without end
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            return await self._handler(json.decode(line, Request))
        except json.JsonError as error:
            return Answer(ok=False, error=f"That is no request: {error}.")
        except WindlassError as error:
            return Answer(ok=False, error=str(error))
