"""Asks all bootnodes at once, again and again; a slow or lying one holds up none of the others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

import msgspec

from windlass.chains.ethereum.enode import Enode, EnodeError, parse_enode
from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.kit.http import HttpClient
from windlass.kit.json import JsonError
from windlass.kit.transport import TransportError
from windlass.programs.registrar.metrics import Metrics
from windlass.programs.registrar.roll import NODES_MAX, Roll
from windlass.programs.registrar.sources import ResolveError, Source

LINE_BYTES_MAX = 512
"""`GET /` of a bootnode: an enode has at most 204 characters."""
JSON_BYTES_MAX = 512 << 10
FIRST_POLL_S = 0.25
"""How often while the list is empty: bootnodes start at the same time as we do."""

log = logging.getLogger(__name__)


class BadAnswerError(WindlassError):
    """A bootnode's answer is not what a bootnode answers."""

    code = "bad_bootnode_answer"


class _Node(msgspec.Struct):
    enode: str


class _Report(msgspec.Struct):
    nodes: list[_Node] = []


class Poller:
    """Keeps the roll up to date."""

    def __init__(
        self, source: Source, roll: Roll, metrics: Metrics, *, poll_s: float, timeout_s: float
    ) -> None:
        self._source = source
        self._roll = roll
        self._metrics = metrics
        self._poll_s = poll_s
        self._timeout_s = timeout_s
        self._clients: dict[str, HttpClient] = {}
        self._source_failure = ""

    async def run(self) -> None:
        """Polls until cancelled."""
        while True:
            started_s = time.monotonic()
            await self.poll()
            every_s = self._poll_s if self._roll.alive else min(FIRST_POLL_S, self._poll_s)
            await asyncio.sleep(max(0.0, started_s + every_s - time.monotonic()))

    async def poll(self) -> None:
        """Asks where the bootnodes are, then each of them; the roll has all answers afterwards."""
        try:
            self._roll.expect(await self._source.urls())
        except ResolveError as error:
            # Those that are known are asked further: a name server's failure is not theirs.
            self._metrics.lookup_failures.increment()
            self._report_source(str(error))
        else:
            self._report_source("")
        urls = self._roll.urls()
        for url in set(self._clients) - set(urls):
            await self._clients.pop(url).close()
        await asyncio.gather(*[self._ask(url) for url in urls])

    async def close(self) -> None:
        """Closes the connections to the bootnodes."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    async def _ask(self, url: str) -> None:
        if url not in self._clients:
            self._clients[url] = HttpClient(
                url, timeout_s=self._timeout_s, body_bytes_max=JSON_BYTES_MAX
            )
        client = self._clients[url]
        try:
            enode = await self._enode(client)
            nodes = await self._nodes(client)
        except (TransportError, BadAnswerError) as error:
            self._metrics.poll_failures.increment()
            if self._roll.failed(url, error.sentence):
                log.warning("bootnode is gone", extra={"url": url, "reason": error.sentence})
        else:
            if self._roll.answered(url, enode, nodes, time.time()):
                log.info("bootnode is there", extra={"url": url, "enode": str(enode)})

    async def _enode(self, client: HttpClient) -> Enode:
        response = await client.request("GET", "/")
        if response.status != 200 or len(response.body) > LINE_BYTES_MAX:
            raise BadAnswerError(
                f"{client.url} answered with status {response.status} and "
                f"{len(response.body)} bytes, not with one enode."
            )
        try:
            return parse_enode(response.body.decode("ascii").strip())
        except (UnicodeDecodeError, EnodeError) as error:
            raise BadAnswerError(f"{client.url} answered with no enode: {error}.") from error

    async def _nodes(self, client: HttpClient) -> Sequence[Enode]:
        """The live nodes it knows; none from a bootnode that has no such page."""
        try:
            response = await client.request("GET", "/json")
            if response.status != 200:
                return ()
            report = json.decode(response.body, _Report)
        except (TransportError, JsonError):
            return ()
        nodes = []
        for entry in report.nodes[:NODES_MAX]:
            try:
                nodes.append(parse_enode(entry.enode))
            except EnodeError:
                self._metrics.bad_nodes.increment()
        return nodes

    def _report_source(self, failure: str) -> None:
        if failure and not self._source_failure:
            log.warning("going on with the bootnodes known so far", extra={"reason": failure})
        elif self._source_failure and not failure:
            log.info("bootnodes can be looked up again")
        self._source_failure = failure
