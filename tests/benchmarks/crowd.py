"""A crowd of simulated nodes on one event loop, and browsers that measure how late they are told.

Each node has a WebSocket of its own and sends what geth sends: a head, its processing time and the
pool's size for each block, a full report each 15 s. What each sends is stamped, so that a browser
knows how old each change is that reaches it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Mapping

import aiohttp
import msgspec

from tests.support.dashboard import block, block_hash, proof

SPREAD_S = 0.4
FULL_REPORT_S = 15.0


class Crowd:
    """`names` report a block each second; `sent_s` is when each said that it has a block."""

    def __init__(self, port: int, names: list[str], *, transactions: int = 20) -> None:
        self.port = port
        self.names = names
        self.sent_s: dict[tuple[str, int], float] = {}
        self.messages = 0
        self.broken = 0
        self.late_s: list[float] = []
        self._transactions = [{"hash": block_hash(one, "t")} for one in range(transactions)]
        self._sockets: list[aiohttp.ClientWebSocketResponse] = []

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Crowd]:
        """All have logged in; their reading goes on in the background."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            tasks = []
            for name in self.names:
                socket = await session.ws_connect(f"http://127.0.0.1:{self.port}/api")
                info = {"name": name, "node": "Geth/v1.17.8", "port": 1, "net": "1", "os": "linux"}
                hello = {"id": name, "info": info, "secret": proof(name)}
                await socket.send_str(_emit("hello", hello))
                ready = await socket.receive(timeout=10)
                assert ready.data == '{"emit":["ready"]}', ready
                self._sockets.append(socket)
                tasks.append(asyncio.create_task(self._read(socket)))
            try:
                yield self
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def run(self, seconds: int, first: int = 1) -> None:
        """A block each second, which the nodes have within 0.4 s of one another."""
        begin = time.monotonic()
        for number in range(first, first + seconds):
            text = {
                "block": block(number, transactions=self._transactions, timestamp=int(time.time()))
            }
            due = begin + (number - first)
            await asyncio.sleep(max(due - time.monotonic(), 0))
            async with asyncio.TaskGroup() as group:
                for index in range(len(self.names)):
                    group.create_task(self._report(index, number, text))
            for old in [key for key in self.sent_s if key[1] < number - 30]:
                del self.sent_s[old]

    async def watch_itself(self) -> None:
        """How late this process's own loop is: what a busy machine adds to every figure."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            self.late_s.append(time.monotonic() - began - 0.01)

    async def _report(self, index: int, number: int, head: Mapping[str, object]) -> None:
        await asyncio.sleep(random.random() * SPREAD_S)
        name, socket = self.names[index], self._sockets[index]
        self.sent_s[name, number] = time.monotonic()
        await socket.send_str(_emit("block", {"id": name, **head}))
        payload = {"number": number, "hash": block_hash(number), "processingTime": 12_000_000}
        await socket.send_str(_emit("block_new_payload", {"id": name, "block": payload}))
        await socket.send_str(_emit("pending", {"id": name, "stats": {"pending": number % 7}}))
        self.messages += 3
        if (number + index) % FULL_REPORT_S == 0:
            ping = {"id": name, "clientTime": "2026-01-02 15:04:05 +0000 UTC"}
            stats = {"active": True, "syncing": False, "peers": 8, "gasPrice": 7, "uptime": 100}
            await socket.send_str(_emit("node-ping", ping))
            await socket.send_str(_emit("latency", {"id": name, "latency": "1"}))
            await socket.send_str(_emit("stats", {"id": name, "stats": stats}))
            self.messages += 3

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for _ in socket:
            pass
        self.broken += 1


class Browser:
    """Reads the live events; `lags_s` is how old each node's block was when it came."""

    def __init__(self, crowd: Crowd, *, measures: bool) -> None:
        self.lags_s: list[float] = []
        self.bytes = 0
        self.snapshots = 0
        self._crowd = crowd
        self._measures = measures

    async def run(self) -> None:
        """Reads until it is cancelled."""
        url = f"http://127.0.0.1:{self._crowd.port}/api/live"
        timeout = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession(timeout=timeout, read_bufsize=1 << 20) as session,
            session.get(url) as response,
        ):
            kind = rest = b""
            async for chunk in response.content.iter_any():
                self.bytes += len(chunk)
                if not self._measures:
                    continue
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.startswith(b"event: "):
                        kind = line[7:]
                    elif line.startswith(b"data: "):
                        self._see(kind, line[6:], time.monotonic())

    def _see(self, kind: bytes, data: bytes, now_s: float) -> None:
        if kind == b"snapshot":
            self.snapshots += 1
            return
        for node in msgspec.json.decode(data).get("nodes", []):
            number = (node.get("block") or {}).get("number", -1)
            sent_s = self._crowd.sent_s.get((node["name"], number))
            if sent_s is not None:
                self.lags_s.append(now_s - sent_s)


def _emit(kind: str, body: Mapping[str, object]) -> str:
    return msgspec.json.encode({"emit": [kind, body]}).decode()
