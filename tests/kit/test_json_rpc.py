"""JSON-RPC over HTTP and a unix socket: a real geth, and answers that no geth would give."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.wait import eventually
from windlass.kit.http import HttpClient, HttpServer, Request, Response, json_response
from windlass.kit.ipc import IpcClient, JsonSplitter
from windlass.kit.json_rpc import HttpStatusError, JsonRpc, JsonRpcError
from windlass.kit.transport import TransportError


class Geth(msgspec.Struct):
    ipc: str
    http: str


@pytest.fixture(scope="module")
def geth(geth_binary: Path) -> Generator[Geth]:
    """A geth of one's own; its socket lies in a short folder (107 bytes are the limit)."""
    folder = Path(tempfile.mkdtemp(prefix="wl-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--dev", "--datadir", str(folder), "--ipcpath", str(folder / "g"), "--http"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [geth_binary, *arguments, "--http.port", str(port), "--port", "0"], stderr=log
        )
    yield Geth(ipc=str(folder / "g"), http=f"http://127.0.0.1:{port}")
    process.terminate()
    process.wait(timeout=30)
    shutil.rmtree(folder)


async def _ready(rpc: JsonRpc) -> None:
    async def answers() -> bool:
        try:
            return bool(await rpc.call("eth_chainId"))
        except TransportError:
            return False

    await eventually(answers, "geth answers", timeout_s=60)


@pytest.mark.parametrize("way", ["http", "ipc"])
async def test_real_geth(geth: Geth, way: str) -> None:
    """Calls, refusals and batches mean the same over HTTP and over the socket."""
    rpc = JsonRpc(HttpClient(geth.http) if way == "http" else IpcClient(geth.ipc))
    await _ready(rpc)
    assert await rpc.call("eth_chainId") == "0x539"
    block = await rpc.call("eth_getBlockByNumber", "latest", False)
    assert block["number"] == "0x0"
    with pytest.raises(JsonRpcError, match="does not exist") as caught:
        await rpc.call("eth_nonsense")
    assert caught.value.rpc_code == -32601
    results = await rpc.batch([("eth_chainId", []), ("nonsense_x", [1]), ("net_version", [])])
    assert [results[0], results[2]] == ["0x539", "1337"]
    assert isinstance(results[1], JsonRpcError)
    assert await rpc.batch([]) == []
    await rpc.close()


async def test_admin_only_on_the_socket(geth: Geth) -> None:
    """The socket has calls that HTTP refuses, which is why there are two transports."""
    ipc, http = JsonRpc(IpcClient(geth.ipc)), JsonRpc(HttpClient(geth.http))
    await _ready(http)
    assert "enode" in await ipc.call("admin_nodeInfo")
    with pytest.raises(JsonRpcError):
        await http.call("admin_nodeInfo")
    await ipc.close()
    await http.close()


@asynccontextmanager
async def _answering(response: Response) -> AsyncGenerator[JsonRpc]:
    async def page(request: Request) -> Response:
        return response

    server = HttpServer({("POST", "/"): page})
    await server.start("127.0.0.1", 0)
    rpc = JsonRpc(HttpClient(f"http://127.0.0.1:{server.port}"))
    try:
        yield rpc
    finally:
        await rpc.close()
        await server.stop()


@pytest.mark.parametrize(
    "value", [[], "x", {"id": 99, "result": 1}, {"id": 1, "error": {"code": "x"}}, {"id": [1]}]
)
async def test_answers_that_are_not_json_rpc(value: Any) -> None:
    """An answer of the wrong form is a TransportError, never a wrong result."""
    async with _answering(json_response(value)) as rpc:
        with pytest.raises(TransportError) as caught:
            await rpc.call("m")
        assert caught.value.reason == "protocol"


async def test_answer_that_is_not_text() -> None:
    """Bytes that are no JSON at all are a TransportError too."""
    async with _answering(Response(body=b'{"id":1,"result":"\xff"}')) as rpc:
        with pytest.raises(TransportError):
            await rpc.call("m")


async def test_incomplete_batch() -> None:
    """A batch with a missing answer is refused as a whole."""
    async with _answering(json_response([{"id": 1, "result": 1}])) as rpc:
        with pytest.raises(TransportError, match="missing"):
            await rpc.batch([("a", []), ("b", [])])


async def test_http_status_is_told() -> None:
    """401 can be told from other failures: it means a wrong token or clock."""
    async with _answering(Response(status=401, body=b"token expired")) as rpc:
        with pytest.raises(HttpStatusError, match="token expired") as caught:
            await rpc.call("m")
        assert caught.value.status == 401


async def test_headers_are_asked_for_each_time() -> None:
    """Each request gets fresh headers: an Engine API token lives for seconds."""
    seen: list[str] = []

    async def page(request: Request) -> Response:
        seen.append(request.headers["authorization"])
        return json_response({"id": len(seen), "result": None})

    server = HttpServer({("POST", "/"): page})
    await server.start("127.0.0.1", 0)
    tokens = iter(["first", "second"])
    client = HttpClient(f"http://127.0.0.1:{server.port}")
    rpc = JsonRpc(client, headers=lambda: {"authorization": next(tokens)})
    await rpc.call("m")
    await rpc.call("m")
    await rpc.close()
    await server.stop()
    assert seen == ["first", "second"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(b"", "refused"), (b"]", "protocol"), (b'{"id":1', "refused"), (b'{"' * 9000, "protocol")],
)
async def test_broken_socket(tmp_path: Path, answer: bytes, reason: str) -> None:
    """A socket that closes, or sends garbage or too much, is an error with its reason."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        writer.close()
        await writer.wait_closed()
        served.set()

    served = asyncio.Event()
    server = await asyncio.start_unix_server(serve, tmp_path / "s")
    ipc = IpcClient(str(tmp_path / "s"), body_bytes_max=8000)
    with pytest.raises(TransportError) as caught:
        await JsonRpc(ipc).call("m")
    assert caught.value.reason == reason
    await served.wait()
    server.close()


async def test_late_answer_is_not_the_next_calls(tmp_path: Path) -> None:
    """After a timeout the connection is given up: its late answer would answer the next call."""

    served: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        first = len(served) == 1
        await reader.read(1000)
        if not first:
            writer.write(b'{"id":2,"result":"second"}')
        await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(serve, tmp_path / "s")
    rpc = JsonRpc(IpcClient(str(tmp_path / "s")))
    with pytest.raises(TransportError) as caught:
        await rpc.call("m", timeout_s=0.1)
    assert caught.value.reason == "timeout"
    assert await rpc.call("m") == "second"
    await rpc.close()
    server.close()
    await asyncio.gather(*[task for task in served if task])


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_splitter(step: int) -> None:
    """Texts are found whole, whatever brackets, quotes and escapes they hold, at any cut."""
    texts = [
        rb'{"a":"}{][\"\\","b":[{},[]]}',
        b"[1,2]",
        '{"ä":"\\u007d€"}'.encode(),
        rb'["\\\\"]',
    ]
    stream = b" \n".join(texts)
    splitter = JsonSplitter()
    found = [
        text for at in range(0, len(stream), step) for text in splitter.feed(stream[at : at + step])
    ]
    assert found == texts
