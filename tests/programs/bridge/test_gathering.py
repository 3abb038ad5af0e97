"""What a proposer takes from other geths, on real ones that are not peers of each other."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support.geth import CHAIN_ID, free_port, genesis
from tests.support.geth import Geth as RealGeth
from tests.support.maker import build, genesis_head
from tests.support.rpc import RpcError
from tests.support.transfers import Sender, senders
from tests.support.wait import eventually
from windlass.chains.ethereum.engine import EngineClient
from windlass.chains.ethereum.quantities import Address
from windlass.kit.http import HttpServer, Request, Response, json_response
from windlass.programs.bridge.gathering import ANSWER_BYTES_MAX, NEWEST, Gatherer
from windlass.programs.bridge.metrics import Metrics

BOUND_S = 2.5
"""Far above what a gathering may take and far below what one call to a dead server would (5 s)."""
RECIPIENT = "0x" + "0a" * 20
STRANGE = "0x" + "ab" * 32  # a hash that no geth knows

ACCOUNTS = senders(500, CHAIN_ID, "gathering")


class Site:
    """A proposer's own geth and another validator's, and accounts that have not sent anything."""

    def __init__(self, own: RealGeth, other: RealGeth, fresh: Iterator[Sender]) -> None:
        self.own = own
        self.other = other
        self.fresh = fresh


class Gathering:
    """A gatherer at work, and what was sent to its sources."""

    def __init__(self, site: Site, own: RealGeth, sources: tuple[str, ...]) -> None:
        self.site = site
        self.own = own
        self.counter = Metrics().gathered
        self.gatherer = Gatherer(own.rpc_url, sources, self.counter)
        self.sent: list[str] = []

    async def gather(self) -> None:
        """Gathers, and fails if that takes much longer than it may."""
        try:
            async with asyncio.timeout(BOUND_S):
                await self.gatherer.gather()
        except TimeoutError as error:  # `eventually` would take it for a geth that is not there yet
            raise AssertionError("gathering does not keep its bound") from error

    async def known(self) -> list[str]:
        """Which of the transactions that were sent the proposer's own geth has."""
        calls = [("eth_getTransactionByHash", [one]) for one in self.sent]
        found = await asyncio.to_thread(self.own.rpc.batch, calls)
        return [one for one, known in zip(self.sent, found, strict=True) if isinstance(known, dict)]

    async def brings_something(self, source: RealGeth) -> None:
        """Waits until something that is sent only to `source` comes from there.

        Sent anew before each try: on a busy machine one may be broken off by the time limit.
        """

        async def try_once() -> list[str]:
            # Each from an account of its own: geth holds back what leaves a gap in the nonces.
            signed = next(self.site.fresh).transfer(RECIPIENT)
            await asyncio.to_thread(source.rpc, "eth_sendRawTransaction", signed.raw)
            self.sent.append(signed.hash)
            await self.gather()
            return await self.known()

        before = len(self.sent)

        async def arrived() -> bool:
            return any(one in self.sent[before:] for one in await try_once())

        await eventually(arrived, "a transaction has come over", timeout_s=30)


@contextlib.asynccontextmanager
async def gathering(
    site: Site, *sources: str, own: RealGeth | None = None
) -> AsyncGenerator[Gathering]:
    """A gatherer for the site's own geth (or another), closed at the end."""
    made = Gathering(site, own or site.own, sources)
    try:
        yield made
    finally:
        await made.gatherer.close()


def _real(binary: Path, folder: Path) -> RealGeth:
    return RealGeth(binary, folder, genesis(*(Address(one.address) for one in ACCOUNTS)))


def _with_block(geth: RealGeth) -> RealGeth:
    async def add_block() -> None:
        engine = EngineClient(geth.engine_url, geth.jwt_file)
        payload = await build(geth, genesis_head(geth.chain.hash(), geth.chain.timestamp))
        assert await engine.new_payload(payload) == "VALID"
        assert await engine.forkchoice(payload.block_hash) == "VALID"
        await engine.close()

    with ThreadPoolExecutor() as pool:  # a fixture has no loop, and must not end that of the tests
        pool.submit(asyncio.run, add_block()).result()
    return geth


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, geth_binary: Path) -> Generator[Site]:
    """Two running geths without peers; the proposer's own has a block, as in a network at work."""
    folder = tmp_path_factory.mktemp("geths")
    own, other = (_real(geth_binary, folder / name) for name in ("own", "other"))
    try:
        yield Site(_with_block(own.start()), other.start(), iter(ACCOUNTS))
    finally:
        own.close()
        other.close()


@pytest.fixture
def third(tmp_path: Path, geth_binary: Path) -> Generator[RealGeth]:
    """One more geth, to be killed or frozen."""
    geth = _real(geth_binary, tmp_path / "third")
    try:
        yield geth.start()
    finally:
        geth.close()


async def test_brings_transactions(site: Site) -> None:
    """What was given to one geth is in the other's pool after gathering, though they never met."""
    async with gathering(site, site.other.rpc_url) as at_work:
        await at_work.brings_something(site.other)

    assert await asyncio.to_thread(site.own.rpc, "net_peerCount") == "0x0"

    async def pending() -> bool:
        status = await asyncio.to_thread(site.own.rpc, "txpool_status")
        return int(status["pending"], 16) > 0

    await eventually(pending, "it can go into a block")


async def test_own_geth_that_indexes(site: Site, third: RealGeth) -> None:
    """A geth without a block will not say that it lacks a transaction; it gets it all the same."""
    with pytest.raises(RpcError, match="index"):
        await asyncio.to_thread(third.rpc, "eth_getTransactionByHash", STRANGE)
    async with gathering(site, site.other.rpc_url, own=third) as at_work:
        await at_work.brings_something(site.other)


async def test_counts_each_once(site: Site) -> None:
    """A transaction that two sources have is counted once, and one that we had before never."""
    async with gathering(site, site.other.rpc_url, site.other.rpc_url) as at_work:
        await at_work.brings_something(site.other)
        for _ in range(5):
            await at_work.gather()
        # The counter is behind if our geth took one and the time was over before it said so.
        assert at_work.counter.value() <= len(await at_work.known())

        async def counted() -> bool:
            await at_work.brings_something(site.other)
            return at_work.counter.value() > 0

        await eventually(counted, "a transaction is counted")
        assert at_work.counter.value() <= len(await at_work.known())


async def test_restarted_source_is_watched_again(site: Site, third: RealGeth) -> None:
    """A source that was killed has forgotten our filter; once it is back, it gets a new one."""
    async with gathering(site, third.rpc_url) as at_work:
        await at_work.brings_something(third)
        await asyncio.to_thread(third.kill)
        await at_work.gather()
        await asyncio.to_thread(third.start)

        await at_work.brings_something(third)


async def test_dead_source(site: Site) -> None:
    """A source that is not there costs nothing, and the good one is used."""
    dead = f"http://127.0.0.1:{free_port()}"
    async with gathering(site, dead, site.other.rpc_url, dead) as at_work:
        await at_work.brings_something(site.other)


async def test_frozen_source(site: Site, third: RealGeth) -> None:
    """A source that takes calls and never answers ends nothing but its own part."""
    async with gathering(site, third.rpc_url, site.other.rpc_url) as at_work:
        await at_work.brings_something(third)
        third.freeze()
        for _ in range(3):
            await at_work.brings_something(site.other)
        third.thaw()

        await at_work.brings_something(third)


async def test_frozen_own_geth(site: Site, third: RealGeth) -> None:
    """When our own geth does not answer, gathering ends in time as well."""
    async with gathering(site, site.other.rpc_url, own=third) as at_work:
        third.freeze()
        for _ in range(3):
            signed = next(site.fresh).transfer(RECIPIENT)
            await asyncio.to_thread(site.other.rpc, "eth_sendRawTransaction", signed.raw)
            await at_work.gather()
        assert at_work.counter.value() == 0


def _hashes(number: int) -> list[str]:
    return [f"0x{one:064x}" for one in range(1, number + 1)]


RAW_LIES: dict[str, Any] = {
    "null": None,
    "number": 7,
    "list": ["0x02"],
    "object": {"raw": "0x02"},
    "empty": "0x",
    "words": "not hex at all",
    "odd": "0x123",
    "garbage": "0x" + "ff" * 300,
    "long": "0x" + "02" * 500_000,
}
NEWS_LIES: dict[str, Any] = {
    "null": None,
    "number": 7,
    "string": STRANGE,
    "object": {"0": STRANGE},
    "wrong hashes": [None, 7, [], {}, "", "0x12", "0x" + "zz" * 32, STRANGE.upper(), STRANGE + "0"],
    "many": _hashes(NEWEST * 20),
    "oversized": _hashes(ANSWER_BYTES_MAX // 60),
    "nested": json.loads("[" * 500 + "]" * 500),
}
FILTER_LIES: dict[str, Any] = {"null": None, "list": ["0x1"], "words": "a" * 100_000}
BODY_LIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"<html>hello</html>",
    "not UTF-8": b'{"jsonrpc":"2.0","id":1,"result":"\xff\xfe"}',
    "lone surrogate": rb'{"jsonrpc":"2.0","id":1,"result":"\ud800"}',
    "deep": b"[" * 100_000,
    "empty list": b"[]",
    "other id": b'{"jsonrpc":"2.0","id":"x","result":"0x1"}',
    "error without a message": b'{"jsonrpc":"2.0","id":1,"error":{"code":-1}}',
}


class Liar:
    """An HTTP server that answers as geth does, but for what it was given to say instead."""

    def __init__(self, **lies: Any) -> None:
        self.answers: dict[str, Any] = {
            "eth_newPendingTransactionFilter": "0x1",
            "eth_getFilterChanges": [STRANGE],
            "eth_getRawTransactionByHash": "0x00",
            **lies,
        }
        self.asked: list[str] = []

    async def page(self, request: Request) -> Response:
        """The answer to a call or a batch."""
        body = json.loads(request.body)
        if isinstance(body, list):
            return json_response([self._answer(one) for one in body])
        return json_response(self._answer(body))

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(question["method"])
        return {"jsonrpc": "2.0", "id": question["id"], "result": self.answers[question["method"]]}


@contextlib.asynccontextmanager
async def _served(page: Callable[[Request], Any]) -> AsyncGenerator[str]:
    server = HttpServer({("POST", "/"): page})
    await server.start("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop()


async def _bears(site: Site, liar: Callable[[Request], Any]) -> None:
    """Gathers from the liar often, then sees that the good source is used as ever."""
    async with _served(liar) as url:
        async with gathering(site, url) as alone:
            for _ in range(4):
                await alone.gather()
            assert alone.counter.value() == 0
        async with gathering(site, url, site.other.rpc_url) as at_work:
            await at_work.brings_something(site.other)


@pytest.mark.parametrize("lie", RAW_LIES)
async def test_source_without_transactions(site: Site, lie: str) -> None:
    """A source whose transactions are none: our geth takes nothing, and nobody else suffers."""
    liar = Liar(eth_getRawTransactionByHash=RAW_LIES[lie])
    await _bears(site, liar.page)

    assert "eth_getRawTransactionByHash" in liar.asked


@pytest.mark.parametrize("lie", NEWS_LIES)
async def test_source_with_false_news(site: Site, lie: str) -> None:
    """A source that names what are no hashes, or too many: at most the newest are looked at."""
    liar = Liar(eth_getFilterChanges=NEWS_LIES[lie])
    await _bears(site, liar.page)

    news = liar.asked.count("eth_getFilterChanges")
    assert news > 0
    assert liar.asked.count("eth_getRawTransactionByHash") <= news * NEWEST


@pytest.mark.parametrize("lie", FILTER_LIES)
async def test_source_without_a_filter(site: Site, lie: str) -> None:
    """A source that says anything but the name of a filter is never asked for its news."""
    liar = Liar(eth_newPendingTransactionFilter=FILTER_LIES[lie])
    await _bears(site, liar.page)

    assert set(liar.asked) == {"eth_newPendingTransactionFilter"}


@pytest.mark.parametrize("lie", BODY_LIES)
async def test_source_that_is_no_geth(site: Site, lie: str) -> None:
    """A server that does not speak JSON-RPC at all is borne."""

    async def page(request: Request) -> Response:
        return Response(body=BODY_LIES[lie])

    await _bears(site, page)


async def test_source_that_refuses(site: Site) -> None:
    """A geth that refuses each call, with an HTTP status or a JSON-RPC error, is borne."""
    calls = count()

    async def page(request: Request) -> Response:
        body = json.loads(request.body)
        refusal = {"jsonrpc": "2.0", "error": {"code": -32000, "message": "filter not found"}}
        if next(calls) % 2:
            return json_response(refusal | {"id": body["id"]})
        return json_response({}, status=503)

    await _bears(site, page)


async def test_source_whose_filter_never_lasts(site: Site) -> None:
    """A source that grants filters and knows none of them is asked twice a time, not for ever."""
    asked: list[str] = []

    async def page(request: Request) -> Response:
        question = json.loads(request.body)
        asked.append(question["method"])
        answer = {"jsonrpc": "2.0", "id": question["id"]}
        if question["method"] == "eth_getFilterChanges":
            return json_response(answer | {"error": {"code": -32000, "message": "not found"}})
        return json_response(answer | {"result": "0x1"})

    async with _served(page) as url, gathering(site, url) as at_work:
        for _ in range(3):
            await at_work.gather()

    assert len(asked) <= 5
