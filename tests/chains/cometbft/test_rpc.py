"""CometBFT's RPC, read with suspicion. That a real one is understood is tested with the doctor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from windlass.chains.cometbft.rpc import CometbftClient, CometbftError
from windlass.kit.http import HttpServer, Request, Response

Serve = Callable[[bytes], Awaitable[CometbftClient]]

STATUS = (
    b'{"result":{"node_info":{"id":"a","network":"n","version":"0.38","moniker":"m"},'
    b'"sync_info":{"latest_block_height":"HEIGHT","latest_app_hash":"","catching_up":false},'
    b'"validator_info":{"address":"AA","voting_power":"10"}}}'
)


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A client of a server that answers everything with one body."""
    servers: list[HttpServer] = []
    clients: list[CometbftClient] = []

    async def start(body: bytes) -> CometbftClient:
        async def reply(request: Request) -> Response:
            return Response(body=body)

        paths = ("/status", "/net_info", "/validators", "/consensus_state", "/commit")
        servers.append(HttpServer(dict.fromkeys(paths, reply)))
        await servers[-1].start("127.0.0.1", 0)
        clients.append(CometbftClient(f"http://127.0.0.1:{servers[-1].port}"))
        return clients[-1]

    yield start
    for client in clients:
        await client.close()
    for server in servers:
        await server.stop()


async def test_status_is_read(serve: Serve) -> None:
    """Numbers come as text and are numbers afterwards."""
    status = await (await serve(STATUS.replace(b"HEIGHT", b"12"))).status()
    assert (status.height, status.power, status.address) == (12, 10, "AA")


@pytest.mark.parametrize("height", ["", "ten", "1.5", "-1", "1_0", "\u0661", "9" * 5000])
async def test_what_is_no_number_is_one_clear_error(serve: Serve, height: str) -> None:
    """A height that is no number is CometbftError, however long or strange it is."""
    client = await serve(STATUS.replace(b"HEIGHT", height.encode()))
    with pytest.raises(CometbftError, match="is no number"):
        await client.status()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="no-json"),
        pytest.param(STATUS.replace(b"HEIGHT", b"\xff"), id="not-utf-8"),
        pytest.param(b'{"error":"\xff"}', id="error-not-utf-8"),
        pytest.param(b'{"error":"no"}', id="error"),
        pytest.param(b'{"error":' + b"[" * 100_000, id="deep"),
        pytest.param(b'{"result":' + b"[" * 100_000, id="deep-result"),
    ],
)
async def test_garbled_answers_are_one_clear_error(serve: Serve, body: bytes) -> None:
    """Whatever a stranger's server says, every question ends in CometbftError."""
    client = await serve(body)
    questions = (client.status, client.peers, client.validators, client.round, client.commit)
    for question in questions:
        with pytest.raises(CometbftError):
            await question()


COMMIT = (
    b'{"result":{"signed_header":{"header":{"height":"7","app_hash":"APP","validators_hash":"V",'
    b'"proposer_address":"AA"},"commit":{"round":2,"signatures":['
    b'{"block_id_flag":2,"validator_address":"AA"},{"block_id_flag":1,"validator_address":""},'
    b'{"block_id_flag":3,"validator_address":"CC"}]}},"canonical":true}}'
)


async def test_only_who_signed_the_block_is_a_signer(serve: Serve) -> None:
    """Neither the absent nor who voted for no block; the app hash is bytes."""
    commit = await (await serve(COMMIT.replace(b"APP", b"0AFF"))).commit(7)
    assert commit.signers == {"AA"}
    assert (commit.height, commit.round, commit.app_hash) == (7, 2, b"\x0a\xff")


async def test_an_app_hash_that_is_no_hex_is_one_clear_error(serve: Serve) -> None:
    """It is CometbftError as all else that is garbled."""
    with pytest.raises(CometbftError, match="app_hash"):
        await (await serve(COMMIT.replace(b"APP", b"xyz"))).commit()
