"""Asks a process whether it is ready, in the way that its plan says.

A probe never raises for what the other side does: it says None for ready, or the reason why not.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from urllib.parse import urlsplit

from windlass.kit.errors import WindlassError
from windlass.kit.http import HttpClient, Response
from windlass.plan.workload import Probe

TIMEOUT_S = 2.0
ANSWER_BYTES_MAX = 64 << 10
_RPC_QUESTION = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}'


class Prober:
    """One process's probe; keeps its connection between questions."""

    def __init__(self, probe: Probe) -> None:
        self._stale: list[HttpClient] = []
        self._client: HttpClient | None = None
        self.aim(probe)

    def aim(self, probe: Probe) -> None:
        """Asks in that way from now on; the connection for the old one is closed with the next
        question."""
        if self._client is not None:
            self._stale.append(self._client)
        self._probe = probe
        self._address: tuple[str, int] | None = None
        url = probe.http or probe.rpc or (f"{probe.cometbft}/health" if probe.cometbft else None)
        self._client = (
            HttpClient(url, timeout_s=TIMEOUT_S, body_bytes_max=ANSWER_BYTES_MAX) if url else None
        )
        parts = urlsplit(url or "")
        if parts.hostname is not None and parts.hostname.startswith("127."):
            self._address = parts.hostname, parts.port or 80

    async def ask(self) -> str | None:
        """None if the process is ready, else why not."""
        while self._stale:
            await self._stale.pop().close()
        if self._address is not None and not _is_listening(self._address):
            return "nothing listens on port {1} of {0}".format(*self._address)
        try:
            if self._client is None:
                return await self._ask_socket()
            if self._probe.rpc is None:
                return _judge(await self._client.request("GET"))
            answer = await self._client.request(
                "POST", body=_RPC_QUESTION, headers={"content-type": "application/json"}
            )
            return _judge(answer) or (
                None if b'"result"' in answer.body else "it refuses to answer"
            )
        except WindlassError as error:
            return error.sentence

    async def _ask_socket(self) -> str | None:
        path = self._probe.socket
        if path is None:
            return None  # nothing to ask: alive is ready
        try:
            async with asyncio.timeout(TIMEOUT_S):
                _, writer = await asyncio.open_unix_connection(path)
        except TimeoutError:
            return f"{path} does not accept connections"
        except OSError as error:
            return f"nobody listens on {path} ({error.strerror})"
        writer.close()
        return None

    async def close(self) -> None:
        """Closes the connection."""
        for client in (*self._stale, self._client):
            if client is not None:
                await client.close()


def _is_listening(address: tuple[str, int]) -> bool:
    """Whether a connection on loopback is not refused at once: fifteen programs that are asked
    twenty times a second while they start would cost half a core the other way."""
    with socket.socket() as trial:
        trial.setblocking(False)
        return trial.connect_ex(address) in (0, errno.EINPROGRESS, errno.EAGAIN)


def _judge(answer: Response) -> str | None:
    if answer.status == 200:
        return None
    detail = answer.body[:200].decode("utf-8", "replace").strip()
    return f"it answers with status {answer.status}: {detail}"
