"""The application's side of ABCI 2.0: requests over a unix socket, answered in order.

CometBFT opens four connections (queries, snapshots, mempool, consensus) and sends each message as a
uvarint length and a protobuf. It ends itself when one of them breaks, so an answer is either right
or never given. Consensus needs one request at a time: those that change state share a lock across
connections, because a CometBFT that was killed and started again is a second set of connections
while the first may still be in the middle of a request. A request whose connection is gone is
cancelled, so that it can't hold up its repetition.

A refusal (`WindlassError`) is answered as an exception, at which CometBFT stops. Anything else that
a handler raises is a defect and ends `serve` with that error.
Source: CometBFT 0.38, abci/client/socket_client.go, abci/types/messages.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from windlass.chains.cometbft import abci_pb2 as pb
from windlass.chains.cometbft.abci_socket import BACKLOG
from windlass.kit.errors import WindlassError

MESSAGE_BYTES_MAX = 64 << 20
"""A block has at most 21 MiB (configuration.BLOCK_BYTES_MAX); votes and evidence add little."""
_READ_AHEAD = 4
"""CometBFT sends a request and its flush at once; each one waiting may have the full size."""
_BUFFER_BYTES = 1 << 18
_LENGTH_BYTES_MAX = 5  # 35 bits, above MESSAGE_BYTES_MAX

log = logging.getLogger(__name__)


class AbciProtocolError(WindlassError):
    """What came over the socket is not ABCI; the connection is closed."""

    code = "abci_protocol"


class Application(Protocol):
    """What CometBFT asks of the program that gives its blocks a meaning."""

    async def info(self, request: pb.RequestInfo) -> pb.ResponseInfo: ...
    async def query(self, request: pb.RequestQuery) -> pb.ResponseQuery: ...
    async def check_tx(self, request: pb.RequestCheckTx) -> pb.ResponseCheckTx: ...
    async def init_chain(self, request: pb.RequestInitChain) -> pb.ResponseInitChain: ...
    async def prepare_proposal(
        self, request: pb.RequestPrepareProposal
    ) -> pb.ResponsePrepareProposal: ...
    async def process_proposal(
        self, request: pb.RequestProcessProposal
    ) -> pb.ResponseProcessProposal: ...
    async def finalize_block(
        self, request: pb.RequestFinalizeBlock
    ) -> pb.ResponseFinalizeBlock: ...
    async def commit(self, request: pb.RequestCommit) -> pb.ResponseCommit: ...


_Answer = Callable[[Any], Awaitable[Any]]


class AbciServer:
    """Serves one application to one CometBFT (and to the next one, once that is gone)."""

    def __init__(self, application: Application) -> None:
        self._lock = asyncio.Lock()
        self._connections: set[asyncio.Task[None]] = set()
        self._defect: asyncio.Future[None] | None = None
        self._free: dict[str, _Answer] = {
            "echo": _echo,
            "flush": _flush,
            "info": application.info,
            "query": application.query,
            "check_tx": application.check_tx,
            # State sync would need snapshots of geth's state: a node syncs block by block.
            "list_snapshots": _constant(pb.ResponseListSnapshots()),
            "offer_snapshot": _constant(pb.ResponseOfferSnapshot(result=2)),
            "load_snapshot_chunk": _constant(pb.ResponseLoadSnapshotChunk()),
            "apply_snapshot_chunk": _constant(pb.ResponseApplySnapshotChunk(result=2)),
            # Vote extensions are off in the genesis; these are what an empty one is answered.
            "extend_vote": _constant(pb.ResponseExtendVote()),
            "verify_vote_extension": _constant(pb.ResponseVerifyVoteExtension(status=pb.ACCEPT)),
        }
        self._ordered: dict[str, _Answer] = {
            "init_chain": application.init_chain,
            "prepare_proposal": application.prepare_proposal,
            "process_proposal": application.process_proposal,
            "finalize_block": application.finalize_block,
            "commit": application.commit,
        }

    async def serve(self, listening: socket.socket) -> None:
        """Answers on this socket (abci_socket.py) until cancelled; raises a handler's defect."""
        self._defect = asyncio.get_running_loop().create_future()
        server = await asyncio.start_unix_server(self._accept, sock=listening, limit=_BUFFER_BYTES)
        try:
            await self._defect
        finally:
            server.close()
            for task in self._connections:
                task.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def connected(self) -> bool:
        """Whether a CometBFT is there."""
        return bool(self._connections)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._connections) >= BACKLOG:
            writer.close()
            return
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except AbciProtocolError as error:
            log.warning("closing an ABCI connection", extra={"reason": str(error)})
        except asyncio.CancelledError:
            pass  # we stop
        except Exception as error:  # noqa: BLE001 - the edge of a task: handed on to `serve`
            if self._defect is not None and not self._defect.done():
                self._defect.set_exception(error)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads on while a request is being answered, so that a broken connection is noticed."""
        requests: asyncio.Queue[pb.Request] = asyncio.Queue(_READ_AHEAD)
        reading = asyncio.create_task(_read_all(reader, requests))
        answering = asyncio.create_task(self._answer_all(requests, writer))
        try:
            await asyncio.wait({reading, answering}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
            reading.result()
        finally:
            for task in (reading, answering):
                task.cancel()
            await asyncio.gather(reading, answering, return_exceptions=True)

    async def _answer_all(
        self, requests: asyncio.Queue[pb.Request], writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):  # reading sees the end as well, and reports it
            while True:
                response = await self._answer(await requests.get())
                writer.write(frame(response.SerializeToString()))
                await writer.drain()

    async def _answer(self, request: pb.Request) -> pb.Response:
        kind = request.WhichOneof("value") or ""
        try:
            if kind in self._ordered:
                async with self._lock:
                    answer = await self._ordered[kind](getattr(request, kind))
            elif kind in self._free:
                answer = await self._free[kind](getattr(request, kind))
            else:
                raise AbciProtocolError(
                    "CometBFT sent a request that this release does not know.",
                    "Use the CometBFT version that the spec names.",
                )
        except WindlassError as error:
            log.warning("refused a request of CometBFT", extra={"kind": kind, "reason": str(error)})
            return pb.Response(exception=pb.ResponseException(error=str(error)))
        return pb.Response(**{kind: answer})


def frame(message: bytes) -> bytes:
    """The message after its length as a uvarint (protobuf's base-128 varint)."""
    length, head = len(message), bytearray()
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + message


async def read_message(reader: asyncio.StreamReader) -> bytes | None:
    """The next message, None at the end of the stream between two messages.

    Raises AbciProtocolError for a length that is malformed or above MESSAGE_BYTES_MAX, and for a
    stream that ends within a message.
    """
    length = 0
    for position in range(_LENGTH_BYTES_MAX):
        byte = await reader.read(1)
        if not byte:
            if position == 0:
                return None
            raise AbciProtocolError("The ABCI stream ends within a message's length.")
        length |= (byte[0] & 0x7F) << (7 * position)
        if byte[0] < 0x80:
            break
    else:
        raise AbciProtocolError("An ABCI message's length has too many bytes.")
    if length > MESSAGE_BYTES_MAX:
        raise AbciProtocolError(f"An ABCI message has more than {MESSAGE_BYTES_MAX} bytes.")
    try:
        return await reader.readexactly(length)
    except asyncio.IncompleteReadError as error:
        raise AbciProtocolError("The ABCI stream ends within a message.") from error


async def _read_all(reader: asyncio.StreamReader, requests: asyncio.Queue[pb.Request]) -> None:
    with contextlib.suppress(ConnectionError):  # CometBFT was killed: the same as its leaving
        while (message := await read_message(reader)) is not None:
            try:
                request = pb.Request.FromString(message)
            except DecodeError as error:
                raise AbciProtocolError("An ABCI message is no protobuf request.") from error
            await requests.put(request)


def _constant(answer: Any) -> _Answer:
    async def handler(request: Any) -> Any:
        del request
        return answer

    return handler


async def _echo(request: pb.RequestEcho) -> pb.ResponseEcho:
    return pb.ResponseEcho(message=request.message)


async def _flush(request: pb.RequestFlush) -> pb.ResponseFlush:
    del request
    return pb.ResponseFlush()
