"""The ABCI wire, against hostile bytes and a client of its own; real CometBFTs are elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.wait import eventually
from windlass.chains.cometbft import abci_pb2 as pb
from windlass.chains.cometbft.abci_server import (
    MESSAGE_BYTES_MAX,
    AbciProtocolError,
    AbciServer,
    frame,
    read_message,
)
from windlass.chains.cometbft.abci_socket import AbciSocketError, listen
from windlass.kit.errors import WindlassError


class Fake:
    """An application whose FinalizeBlock waits, and that notes what it was asked."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.started: list[int] = []
        self.cancelled: list[int] = []

    async def info(self, request: pb.RequestInfo) -> pb.ResponseInfo:
        return pb.ResponseInfo(data=request.version, last_block_height=7)

    async def query(self, request: pb.RequestQuery) -> pb.ResponseQuery:
        raise ZeroDivisionError

    async def check_tx(self, request: pb.RequestCheckTx) -> pb.ResponseCheckTx:
        return pb.ResponseCheckTx(code=1)

    async def init_chain(self, request: pb.RequestInitChain) -> pb.ResponseInitChain:
        raise WindlassError("The genesis is wrong.", "Write another one.")

    async def prepare_proposal(
        self, request: pb.RequestPrepareProposal
    ) -> pb.ResponsePrepareProposal:
        return pb.ResponsePrepareProposal()

    async def process_proposal(
        self, request: pb.RequestProcessProposal
    ) -> pb.ResponseProcessProposal:
        return pb.ResponseProcessProposal(status=pb.ACCEPT)

    async def finalize_block(self, request: pb.RequestFinalizeBlock) -> pb.ResponseFinalizeBlock:
        self.started.append(request.height)
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.append(request.height)
            raise
        return pb.ResponseFinalizeBlock(app_hash=b"\x01" * 32)

    async def commit(self, request: pb.RequestCommit) -> pb.ResponseCommit:
        return pb.ResponseCommit()


class Client:
    """What CometBFT's socket client does, without waiting for answers before it sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *requests: pb.Request) -> None:
        self.writer.write(b"".join(frame(one.SerializeToString()) for one in requests))

    async def receive(self) -> pb.Response:
        async with asyncio.timeout(5):
            message = await read_message(self.reader)
        assert message is not None
        return pb.Response.FromString(message)


class Served:
    """A running server and a way to it."""

    def __init__(self, path: str, server: AbciServer, fake: Fake, task: asyncio.Task[None]) -> None:
        self.path = path
        self.server = server
        self.fake = fake
        self.task = task
        self.clients: list[Client] = []

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_unix_connection(self.path))
        self.clients.append(client)
        return client


@pytest.fixture
def path() -> Generator[str]:
    """A place for a socket: pytest's own folders have paths too long for the kernel."""
    with tempfile.TemporaryDirectory(prefix="wl-") as folder:
        yield f"{folder}/abci.sock"


@pytest.fixture
async def served(path: str) -> AsyncGenerator[Served]:
    """A server with the fake application."""
    with contextlib.closing(listen(path)) as listening:
        fake = Fake()
        server = AbciServer(fake)
        task = asyncio.create_task(server.serve(listening))
        serving = Served(path, server, fake, task)
        yield serving
        for client in serving.clients:
            client.writer.close()
            with contextlib.suppress(ConnectionError):
                await client.writer.wait_closed()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _finalize(height: int) -> pb.Request:
    return pb.Request(finalize_block=pb.RequestFinalizeBlock(height=height))


FLUSH = pb.Request(flush=pb.RequestFlush())


async def test_answers_come_in_order(served: Served) -> None:
    """Requests sent at once are answered in the order in which they came."""
    client = await served.connect()
    client.send(
        pb.Request(echo=pb.RequestEcho(message="a")),
        FLUSH,
        pb.Request(info=pb.RequestInfo(version="0.38.26")),
        FLUSH,
    )

    kinds = [(await client.receive()).WhichOneof("value") for _ in range(4)]
    assert kinds == ["echo", "flush", "info", "flush"]


@pytest.mark.parametrize(
    "kind",
    [
        "list_snapshots",
        "offer_snapshot",
        "load_snapshot_chunk",
        "apply_snapshot_chunk",
        "extend_vote",
        "verify_vote_extension",
        "check_tx",
        "prepare_proposal",
        "process_proposal",
        "commit",
    ],
)
async def test_every_kind_is_answered_in_kind(served: Served, kind: str) -> None:
    """CometBFT matches answers to requests by their kind, so the two must be the same."""
    client = await served.connect()
    request = pb.Request()
    getattr(request, kind).SetInParent()
    client.send(request)

    assert (await client.receive()).WhichOneof("value") == kind


async def test_refusal_is_an_exception_for_cometbft(served: Served) -> None:
    """CometBFT stops at an exception and shows its text; the connection stays in order."""
    client = await served.connect()
    client.send(pb.Request(init_chain=pb.RequestInitChain()), FLUSH)

    assert (await client.receive()).exception.error == "The genesis is wrong. Write another one."
    assert (await client.receive()).WhichOneof("value") == "flush"


async def test_unknown_request_is_refused(served: Served) -> None:
    """A request of a later CometBFT is answered with an exception, not with silence."""
    client = await served.connect()
    client.send(pb.Request())

    assert "does not know" in (await client.receive()).exception.error


async def test_defect_ends_the_server(served: Served) -> None:
    """What is not a refusal crashes loudly: half a state machine must not go on."""
    client = await served.connect()
    client.send(pb.Request(query=pb.RequestQuery()))

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(served.task, 5)


async def test_request_of_a_dead_cometbft_is_cancelled(served: Served) -> None:
    """A killed CometBFT's unfinished request ends, and its successor's repetition is served."""
    first = await served.connect()
    first.send(_finalize(5))
    await _seen(lambda: served.fake.started == [5])
    second = await served.connect()
    second.send(_finalize(5))
    first.writer.close()
    await _seen(lambda: served.fake.cancelled == [5])
    served.fake.go_on.set()

    assert (await second.receive()).finalize_block.app_hash == b"\x01" * 32
    assert served.fake.started == [5, 5]


async def test_one_state_change_at_a_time(served: Served) -> None:
    """Requests that change state wait for each other across connections; others don't."""
    first, second = await served.connect(), await served.connect()
    first.send(_finalize(5))
    await _seen(lambda: served.fake.started == [5])
    second.send(pb.Request(info=pb.RequestInfo()), _finalize(6))
    assert (await second.receive()).info.last_block_height == 7
    assert served.fake.started == [5]
    served.fake.go_on.set()

    assert (await first.receive()).WhichOneof("value") == "finalize_block"
    assert (await second.receive()).WhichOneof("value") == "finalize_block"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 10,  # a length without an end
        frame(b"")[:0] + b"\xff\xff\xff\xff\x0f",  # 4 GiB
        frame(b"\xff\xff\xff"),  # no protobuf
        b"\x05ab",  # ends too early
    ],
)
async def test_garbage_closes_only_its_connection(served: Served, garbage: bytes) -> None:
    """Bytes that are no ABCI end their own connection; others are served on."""
    bad, good = await served.connect(), await served.connect()
    bad.writer.write(garbage)
    bad.writer.write_eof()

    async with asyncio.timeout(5):
        assert await bad.reader.read() == b""
    good.send(FLUSH)
    assert (await good.receive()).WhichOneof("value") == "flush"
    assert not served.task.done()


async def test_socket_of_a_living_bridge_is_left_alone(served: Served) -> None:
    """A second bridge by mistake neither takes nor removes the first one's socket."""
    with pytest.raises(AbciSocketError, match="Another process"):
        listen(served.path)

    client = await served.connect()
    client.send(FLUSH)
    assert (await client.receive()).WhichOneof("value") == "flush"


def test_socket_of_a_frozen_bridge_is_left_alone(path: str) -> None:
    """A listener that accepts nobody any more is refused within a bound, not waited for."""
    with contextlib.ExitStack() as stack:
        frozen = stack.enter_context(socket.socket(socket.AF_UNIX))
        frozen.bind(path)
        frozen.listen(0)
        stack.enter_context(socket.socket(socket.AF_UNIX)).connect(path)  # fills its backlog
        with pytest.raises(AbciSocketError, match="Another process"):
            listen(path)


def test_stale_socket_is_replaced(path: str) -> None:
    """What a killed bridge left behind does not keep the next one from listening."""
    listen(path).close()

    listen(path).close()


def test_socket_path_that_is_too_long(path: str) -> None:
    """The kernel's limit of 107 bytes is named."""
    with pytest.raises(AbciSocketError, match="107 bytes"):
        listen(path + "x" * 107)


async def test_too_many_connections(served: Served) -> None:
    """Connections beyond what two CometBFTs need are closed at once."""
    clients = [await served.connect() for _ in range(20)]
    for client in clients:
        client.writer.write(frame(FLUSH.SerializeToString()))

    answered = 0
    for client in clients:
        with contextlib.suppress(ConnectionError):
            answered += await client.reader.read(1) != b""
    assert answered == 16


@given(st.binary(max_size=70_000), st.integers(1, 5000))
def test_any_message_in_any_pieces(message: bytes, piece: int) -> None:
    """A message arrives whole, however the kernel cuts it."""

    async def arrive() -> bytes | None:
        reader = asyncio.StreamReader()
        data = frame(message)
        feeding = asyncio.create_task(_feed(reader, data, piece))
        received = await read_message(reader)
        await feeding
        assert await read_message(reader) is None
        return received

    assert asyncio.run(arrive()) == message


@given(st.binary(min_size=1, max_size=40))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    """No sequence of bytes brings the reader to anything else, nor to reading without end."""

    async def read() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        with contextlib.suppress(AbciProtocolError):
            while await read_message(reader) is not None:
                pass

    asyncio.run(read())


async def test_oversize_is_refused_before_it_is_read() -> None:
    """The length alone ends it: nothing is buffered for a message that is too large."""
    reader = asyncio.StreamReader()
    reader.feed_data(_length(MESSAGE_BYTES_MAX + 1))

    with pytest.raises(AbciProtocolError, match="more than"):
        await read_message(reader)


async def _seen(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    await eventually(holds, "the application was asked", timeout_s=5)


async def _feed(reader: asyncio.StreamReader, data: bytes, piece: int) -> None:
    for start in range(0, len(data), piece):
        reader.feed_data(data[start : start + piece])
        await asyncio.sleep(0)
    reader.feed_eof()


def _length(number: int) -> bytes:
    head = bytearray()
    while number > 0x7F:
        head.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*head, number])
