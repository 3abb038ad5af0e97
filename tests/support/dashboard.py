"""A dashboard as a process, and nodes that report to it as ethstats clients do."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import http.client
import json
from collections.abc import AsyncIterator, Generator, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.support.discovery import START_TIMEOUT_S, Program
from tests.support.geth import free_port
from tests.support.wait import eventually, until
from windlass.programs.dashboard.settings import Settings

SECRET = hashlib.sha256(b"the ethstats secret of a test").digest()


def proof(name: str, secret: bytes = SECRET) -> str:
    """What a node of that name logs in with."""
    return hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()


class Dashboard(Program):
    """Our dashboard on a free port of loopback."""

    def __init__(self, folder: Path, nodes: Sequence[str | dict[str, Any]], **changes: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "secret").write_text(SECRET.hex())
        self.nodes_file = folder / "nodes.json"
        self.expect(nodes)
        settings: dict[str, Any] = {
            "network": "harbour",
            "node": "dashboard",
            "chain_id": 20261,
            "consensus": "solo",
            "block_time_s": 1,
            "nodes_file": str(self.nodes_file),
            "secret_file": str(folder / "secret"),
            "database": str(folder / "history.sqlite"),
            "host": "127.0.0.1",
            "port": free_port(),
        }
        self.settings = Settings(**{**settings, **changes})
        super().__init__("dashboard", folder, self.settings, self.settings.port)

    def start(self) -> Dashboard:
        """Starts it and waits until it answers."""
        self.spawn()
        self.wait_until_ready()
        return self

    def expect(self, nodes: Sequence[str | dict[str, Any]]) -> None:
        """Writes the file of nodes: names, or all fields of one."""
        rows = [{"name": one, "role": "node"} if isinstance(one, str) else one for one in nodes]
        new = self.nodes_file.with_suffix(".new")
        new.write_text(json.dumps({"nodes": rows}))
        new.replace(self.nodes_file)

    def ethstats_url(self, name: str, secret: bytes = SECRET) -> str:
        """What geth is given."""
        return f"{name}:{proof(name, secret)}@ws://127.0.0.1:{self.settings.port}"

    def network(self) -> dict[str, Any]:
        """The whole state."""
        document: dict[str, Any] = self.json("/api/network")
        return document

    def node(self, name: str) -> dict[str, Any]:
        """One node's row; empty if there is none."""
        return next((one for one in self.network()["nodes"] if one["name"] == name), {})

    def until(self, what: str, timeout_s: float = START_TIMEOUT_S, **wanted: Any) -> None:
        """Waits until the figures at the top have these values."""
        until(
            lambda: [self.network()["summary"][name] for name in wanted] == list(wanted.values()),
            what,
            timeout_s=timeout_s,
        )

    def events(self, timeout_s: float = 10) -> Generator[tuple[str, dict[str, Any]]]:
        """The live events, one after the other; comments are left out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout_s)
        try:
            connection.request("GET", "/api/live")
            answer = connection.getresponse()
            assert answer.status == 200
            kind = ""
            while line := answer.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    yield kind, json.loads(value)
        finally:
            connection.close()


def block_hash(number: int, side: str = "") -> str:
    """The hash of a test's block."""
    return "0x" + hashlib.sha256(f"{side}{number}".encode()).hexdigest()


def block(
    number: int, *, side: str = "", parent_side: str | None = None, **changes: Any
) -> dict[str, Any]:
    """A block as geth reports it."""
    parent = block_hash(number - 1, side if parent_side is None else parent_side)
    return {
        "number": number,
        "hash": block_hash(number, side),
        "parentHash": parent,
        "timestamp": 1_800_000_000 + number,
        "miner": "0x" + "fe" * 20,
        "gasUsed": 21_000,
        "gasLimit": 30_000_000,
        "difficulty": "0",
        "totalDifficulty": "0",
        "transactions": [{"hash": block_hash(number, "transaction")}],
        "transactionsRoot": "0x" + "00" * 32,
        "stateRoot": "0x" + "00" * 32,
        "uncles": [],
        **changes,
    }


class Reporter:
    """A simulated node, with geth's messages."""

    def __init__(self, port: int, name: str, secret: str | None = None) -> None:
        self.name = name
        self.received: list[Any] = []
        self.closed = asyncio.Event()
        self._url = f"http://127.0.0.1:{port}/api"
        self._secret = proof(name) if secret is None else secret
        self._stack = contextlib.AsyncExitStack()
        self._socket: aiohttp.ClientWebSocketResponse
        self._reading: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        session = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._socket = await session.ws_connect(
            self._url, origin="http://localhost", max_msg_size=0
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading
        await self._socket.close()
        await self._stack.aclose()

    async def login(self, **info: Any) -> Self:
        """Says hello and waits to be let in."""
        await self.hello(**info)
        await eventually(self._is_ready, f"{self.name} is let in")
        return self

    async def hello(self, **info: Any) -> None:
        """Says hello."""
        about = {
            "name": self.name,
            "node": "Geth/v1.17.8-stable/linux-amd64/go1.26",
            "port": 30303,
            "net": "20261",
            "protocol": "eth/68, snap/1",
            "api": "No",
            "os": "linux",
            "os_v": "amd64",
            "client": "0.1.1",
            "canUpdateHistory": True,
            **info,
        }
        await self.emit("hello", {"id": self.name, "info": about, "secret": self._secret})

    async def emit(self, kind: str, body: dict[str, Any]) -> None:
        """Sends one message."""
        await self.send(json.dumps({"emit": [kind, {"id": self.name, **body}]}))

    async def send(self, text: str) -> None:
        """Sends any text."""
        await self._socket.send_str(text)

    async def head(self, number: int, **changes: Any) -> None:
        """Reports a block as the newest."""
        await self.emit("block", {"block": block(number, **changes)})

    async def stats(self, **changes: Any) -> None:
        """Reports how it is."""
        stats = {"active": True, "syncing": False, "peers": 3, "gasPrice": 7, "uptime": 100}
        await self.emit("stats", {"stats": {**stats, **changes}})

    async def _is_ready(self) -> bool:
        if self.closed.is_set():
            raise AssertionError(f"{self.name} was refused")
        return {"emit": ["ready"]} in self.received

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.received.append(json.loads(message.data))
        self.closed.set()


@contextlib.asynccontextmanager
async def reporting(port: int, *names: str) -> AsyncIterator[list[Reporter]]:
    """Nodes of these names that have logged in."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await (await stack.enter_async_context(Reporter(port, name))).login() for name in names
        ]
