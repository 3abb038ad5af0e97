"""Who signed the newest blocks, read with suspicion. A real CometBFT is asked by the journey."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from windlass.chains.cometbft.rpc import CometbftClient, CometbftError
from windlass.kit.http import HttpServer, Request, Response

BLOCKS = 10
Serve = Callable[[Callable[[Request], bytes]], Awaitable[CometbftClient]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A client of a server that answers /commit with what the function makes of the request."""
    servers: list[HttpServer] = []
    clients: list[CometbftClient] = []

    async def start(answer: Callable[[Request], bytes]) -> CometbftClient:
        async def reply(request: Request) -> Response:
            return Response(body=answer(request))

        servers.append(HttpServer({"/commit": reply}))
        await servers[-1].start("127.0.0.1", 0)
        clients.append(CometbftClient(f"http://127.0.0.1:{servers[-1].port}"))
        return clients[-1]

    yield start
    for client in clients:
        await client.close()
    for server in servers:
        await server.stop()


def commit(height: int, *addresses: str) -> bytes:
    """An answer of /commit; '' is a validator that did not sign."""
    signatures = [
        {"block_id_flag": 2 if address else 1, "validator_address": address}
        for address in addresses
    ]
    header = {
        "height": str(height),
        "app_hash": "",
        "validators_hash": "",
        "proposer_address": "",
    }
    document = {"header": header, "commit": {"round": 0, "signatures": signatures}}
    return msgspec.json.encode({"result": {"signed_header": document}})


@pytest.mark.parametrize(("height", "asked"), [(1, 1), (3, 3), (500, BLOCKS)])
async def test_the_newest_blocks_are_asked_for(serve: Serve, height: int, asked: int) -> None:
    """As many as there are, at most ten; who did not sign is nobody."""
    seen: list[str] = []

    def answer(request: Request) -> bytes:
        seen.append(request.query)
        number = int(request.query.partition("=")[2] or height)
        return commit(number, "", f"V{number}", "ALL")

    client = await serve(answer)
    newest = {f"V{number}" for number in range(max(1, height - BLOCKS + 1), height + 1)}
    assert await client.recent_signers(BLOCKS) == {*newest, "ALL"}
    assert len(seen) == asked


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"result": {}}', b"\xff", commit(1).replace(b'"1"', b'"x"'), b"[" * 99_999],
)
async def test_garbled_answers_are_one_clear_error(serve: Serve, body: bytes) -> None:
    """Whatever a stranger's server says."""
    client = await serve(lambda _: body)
    with pytest.raises(CometbftError):
        await client.recent_signers(BLOCKS)
