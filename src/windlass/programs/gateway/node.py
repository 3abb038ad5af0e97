"""One node behind the gateway: connected again and again, checked, and its head followed.

It is usable while both connections stand, its chain id and genesis are the network's, and its
blocks are those that clients have seen. One connection carries heads and a pulse, the other the
calls, so that a large answer delays no head. A frozen node keeps its connections open and answers
nothing: it misses its pulse and is given up.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Sequence
from typing import Protocol, TypeVar

import msgspec

from windlass.chains.ethereum.quantities import from_hex
from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.kit.json import JsonError
from windlass.kit.websocket import WebSocketError
from windlass.programs.gateway.errors import NodeLost
from windlass.programs.gateway.head import Block, Head, HeaderFields
from windlass.programs.gateway.settings import Node as NodeSettings
from windlass.programs.gateway.upstream import Answer, Upstream

CONNECT_S = 3.0
PULSE_S = 1.0
PULSE_TIMEOUT_S = 4.0
RETRY_S = 0.1
RETRY_S_MAX = 2.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class NotOurs(WindlassError):
    """A node is of another network, or says what no node of this one would."""

    code = "not_ours"


class Watcher(Protocol):
    """Whoever wants to know what happens to nodes."""

    async def rose(self, node: Node, block: Block) -> None:
        """The node has this block, which fits."""

    def came(self, node: Node) -> None:
        """The node can be used."""

    def went(self, node: Node) -> None:
        """The node can't be used any more."""

    def pending(self, node: Node, transaction: msgspec.Raw) -> None:
        """A transaction entered the node's pool."""


class Node:
    """`number` is the newest block that it is known to have, -1 while it is not usable."""

    def __init__(
        self, settings: NodeSettings, chain_id: int, genesis_hash: str, head: Head, watcher: Watcher
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.priority = settings.priority
        self.number = -1
        self.usable = False
        self.reason = "not connected yet"
        self.used = 0  # a running number: who was used longest ago comes first among equals
        self.known_s = time.monotonic()  # since when `number` is known
        self._chain_id = chain_id
        self._genesis_hash = genesis_hash
        self._head = head
        self._watcher = watcher
        self._calls: Upstream | None = None
        self._heads: Upstream | None = None
        self._wants_pending = False
        self._subscriptions: dict[str, str] = {}
        self._newest: Block | None = None
        self._stirred = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """Calls that wait for its answer."""
        return self._calls.in_flight if self._calls is not None else 0

    async def call(self, method: bytes, params: bytes, timeout_s: float) -> Answer:
        """What it says. Raises NodeLost, RpcRefusal, TimeoutError."""
        if self._calls is None:
            raise NodeLost(self.reason)
        return await self._calls.call(method, params, timeout_s)

    async def batch(self, method: bytes, params: Sequence[bytes], timeout_s: float) -> list[Answer]:
        """What it says to each, taken in this order. Raises as `call` does."""
        if self._calls is None:
            raise NodeLost(self.reason)
        return await self._calls.batch(method, params, timeout_s)

    def has(self, number: int) -> None:
        """An answer of it has shown that it has this block."""
        if self.usable and number > self.number:
            self._know(number)

    def doubt(self) -> None:
        """An answer of it has shown that it lacks what it had: it is asked before it is used."""
        self._know(-1)
        self._newest = None
        self._stirred.set()

    def want_pending(self, wanted: bool) -> None:
        """Whether it is to report what enters its pool."""
        self._wants_pending = wanted
        self._stirred.set()

    async def run(self) -> None:
        """Keeps it connected, for ever."""
        retry_s = RETRY_S
        while True:
            began_s = time.monotonic()
            try:
                await self._serve()
            except (WebSocketError, NodeLost, NotOurs, TimeoutError) as error:
                self._lost(str(error) or "it did not answer in time")
            if time.monotonic() - began_s > 10 * RETRY_S_MAX:
                retry_s = RETRY_S
            await asyncio.sleep(retry_s * random.uniform(0.8, 1.2))
            retry_s = min(2 * retry_s, RETRY_S_MAX)

    async def _serve(self) -> None:
        url = self.settings.ws_url
        heads = await Upstream.connect(url, CONNECT_S, self._happened)
        reading = [asyncio.create_task(heads.run())]
        try:
            calls = await Upstream.connect(url, CONNECT_S)
            reading.append(asyncio.create_task(calls.run()))
            watching = asyncio.create_task(self._watch(heads, calls))
            reading.append(watching)
            done, _ = await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._lost("its connection has ended")
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)

    async def _watch(self, heads: Upstream, calls: Upstream) -> None:
        await self._check(heads)
        self._subscriptions.clear()
        await self._subscribe(heads, "newHeads")
        self._calls, self._heads = calls, heads
        while True:
            self._stirred.clear()
            newest, self._newest = self._newest, None
            if newest is None:
                newest = await self._latest(heads)
            await self._consider(heads, newest)
            await self._arrange_pending(heads)
            try:
                async with asyncio.timeout(PULSE_S):
                    await self._stirred.wait()
            except TimeoutError:
                continue

    async def _check(self, heads: Upstream) -> None:
        answer = await heads.call(b"eth_chainId", b"[]", PULSE_TIMEOUT_S)
        try:
            chain_id = from_hex(_value(answer, str))
        except ValueError as error:
            raise NotOurs(f"its chain id is {error}") from error
        if chain_id != self._chain_id:
            raise NotOurs(f"its chain id is {chain_id}, the network's is {self._chain_id}")
        genesis = await self._header(heads, b'"0x0"')
        if genesis.hash != self._genesis_hash:
            raise NotOurs("its genesis block is not the network's")

    async def _subscribe(self, heads: Upstream, name: str, *parameters: str) -> None:
        params = ",".join([f'"{name}"', *parameters])
        answer = await heads.call(b"eth_subscribe", f"[{params}]".encode(), PULSE_TIMEOUT_S)
        kind = "heads" if name == "newHeads" else "pending"
        self._subscriptions[_value(answer, str)] = kind

    async def _arrange_pending(self, heads: Upstream) -> None:
        """Has the node report its pool while somebody wants to know, and only then."""
        has = [one for one, kind in self._subscriptions.items() if kind == "pending"]
        if self._wants_pending and not has:
            await self._subscribe(heads, "newPendingTransactions", "true")
        if not self._wants_pending:
            for one in has:
                del self._subscriptions[one]
                params = b'["' + one.encode() + b'"]'
                await heads.call(b"eth_unsubscribe", params, PULSE_TIMEOUT_S)

    async def _latest(self, heads: Upstream) -> Block:
        return await self._header(heads, b'"latest"')

    async def _header(self, heads: Upstream, number: bytes) -> Block:
        answer = await heads.call(b"eth_getHeaderByNumber", b"[" + number + b"]", PULSE_TIMEOUT_S)
        try:
            return _value(answer, HeaderFields).block()
        except ValueError as error:
            raise NotOurs(f"it names a block by {error}") from error

    async def _consider(self, heads: Upstream, block: Block) -> None:
        """Takes note of its newest block, and uses it if that is of our chain."""
        # The head may rise while the node is asked: number and hash are taken together.
        number, told = self._head.number, self._head.hash
        fits, compared = self._head.fits(block), block.number
        if fits is None and block.number > number:
            known = await self._header(heads, f'"{hex(number)}"'.encode())
            fits, compared = known.hash == told, number
        if fits is False:
            # Blocks are final: either it is another network's, or its data are not what they were.
            self._lost(f"it has another block {compared} than clients were told of")
            return
        if block.number != self.number:
            self._know(block.number)
        if not self.usable:
            self.usable, self.reason = True, ""
            log.info("node is usable", extra={"node": self.name, "block": block.number})
            self._watcher.came(self)
        await self._watcher.rose(self, block)

    def _happened(self, subscription: str, event: msgspec.Raw) -> None:
        kind = self._subscriptions.get(subscription)
        if kind == "pending":
            self._watcher.pending(self, event)
        if kind != "heads":
            return
        try:
            self._newest = json.decode(event, HeaderFields).block()
        except ValueError:
            self._newest = None  # it is asked instead
        self._stirred.set()

    def _know(self, number: int) -> None:
        self.number = number
        self.known_s = time.monotonic()

    def _lost(self, reason: str) -> None:
        was_usable, self.usable = self.usable, False
        self.reason = reason
        self.number = -1
        if was_usable:
            log.warning("node is lost", extra={"node": self.name, "reason": reason})
            self._watcher.went(self)

    def stop(self, reason: str) -> None:
        """It is not to be used from now on; `run` is cancelled by whoever runs it."""
        self._lost(reason)


def _value(answer: Answer, kind: type[T]) -> T:
    if answer.error:
        raise NotOurs(f"it refuses what every node answers: {bytes(answer.error)[:200]!r}")
    try:
        return json.decode(answer.result, kind)
    except JsonError as error:
        raise NotOurs(f"it does not answer as a node does: {error}") from error
