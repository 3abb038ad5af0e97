"""What browsers see: the whole state once, then what changed, at most each 100 ms.

The state as browsers know it is kept as documents; a delta is what differs from them now, encoded
once for all browsers. A browser that reads too slowly gets the whole state anew instead of ever
more deltas, so that it costs a bounded queue and shows what is, not what was.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import msgspec

from windlass.kit.web import Request, StreamResponse
from windlass.programs.dashboard.blocks import SHOWN
from windlass.programs.dashboard.documents import (
    block_document,
    fork_documents,
    network_document,
    node_document,
    summary_document,
)
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.network import Network
from windlass.programs.dashboard.propagation import Propagation

INTERVAL_S = 0.1
MEASURE_EVERY_S = 1.0
HEARTBEAT_S = 15.0
WRITE_S = 20.0
"""A browser that takes nothing for so long is gone."""
BROWSERS_MAX = 200
"""One more ends the oldest: silent connections can't be told from readers, since what one is sent
fits into the system's buffers for minutes, and they must not keep everybody else away. A page that
was ended connects again by itself.
"""
FRAMES_MAX = 30
GONE_MAX = 1000
"""Names that wait to be told as gone while no browser is there."""
HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}


class Consensus(Protocol):
    """Who signed what; empty where nobody votes."""

    def documents(self) -> list[dict[str, Any]]:
        """The validators."""
        ...

    def summary(self) -> dict[str, Any] | None:
        """The newest round."""
        ...


class Alerting(Protocol):
    """What is wrong now."""

    def documents(self) -> list[dict[str, Any]]:
        """The alerts that are on."""
        ...


class _Browser:
    def __init__(self, abort: Callable[[], None]) -> None:
        self._abort = abort
        self.frames: deque[bytes] = deque()
        self.waiting = asyncio.Event()
        self.stale = True
        self.leaving = False

    def end(self) -> None:
        """Ends its connection at once; what was queued for it is dropped."""
        self.leaving = True
        self.waiting.set()
        self._abort()

    def begin(self, frame: bytes) -> None:
        """Queues the whole state, on which later deltas build."""
        self.frames.append(frame)
        self.stale = False
        self.waiting.set()

    def push(self, frame: bytes) -> bool:
        """Queues a delta; False if that was one too many."""
        if self.stale:
            return True
        overflow = len(self.frames) >= FRAMES_MAX
        if overflow:
            self.frames.clear()
            self.waiting.clear()
            self.stale = True
        else:
            self.frames.append(frame)
            self.waiting.set()
        return not overflow


class Live:
    """The documents as browsers know them, and the browsers."""

    def __init__(
        self,
        network: Network,
        propagation: Propagation,
        consensus: Consensus,
        alerts: Alerting,
        metrics: Metrics,
        now_ms: Callable[[], int],
    ) -> None:
        self._network = network
        self._propagation = propagation
        self._consensus = consensus
        self._alerts = alerts
        self._metrics = metrics
        self._now_ms = now_ms
        self._nodes: dict[str, dict[str, Any]] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._parts: dict[str, Any] = {}
        self._browsers: dict[_Browser, None] = {}
        self._changed = asyncio.Event()
        self._measured_s = 0.0
        self._snapshot = b""
        self._snapshot_s = 0.0

    @property
    def browsers(self) -> int:
        """How many are connected."""
        return len(self._browsers)

    def notice(self) -> None:
        """Something may have changed."""
        self._changed.set()

    async def run(self) -> None:
        """Sends deltas while there are browsers; runs for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._browsers or len(self._network.gone) > GONE_MAX:
                self.advance()
                self._refresh()
            await asyncio.sleep(INTERVAL_S)

    def snapshot(self) -> bytes:
        """The whole state as JSON, at most a tenth of a second old."""
        now_s = time.monotonic()
        if not self._snapshot or now_s - self._snapshot_s > INTERVAL_S:
            self.advance()
            self._snapshot, self._snapshot_s = self._encoded(), now_s
        return self._snapshot

    def advance(self) -> None:
        """Brings the documents up to date and sends what differs to all browsers."""
        delta = self._delta()
        if not delta:
            return
        frame = _frame("delta", msgspec.json.encode({"now_ms": self._now_ms(), **delta}))
        self._metrics.deltas.increment()
        for browser in self._browsers:
            if not browser.push(frame):
                self._metrics.resyncs.increment()
                self.notice()

    async def serve(self, request: Request) -> StreamResponse:
        """Server-Sent Events for one browser, until it leaves."""
        response = StreamResponse(headers=HEADERS)
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        while len(self._browsers) >= BROWSERS_MAX:
            oldest = next(iter(self._browsers))
            del self._browsers[oldest]
            oldest.end()
        browser = _Browser(partial(_abort, request))
        self._browsers[browser] = None
        self.notice()
        try:
            while not browser.leaving:
                chunk = await self._next(browser)
                async with asyncio.timeout(WRITE_S):
                    await response.write(chunk)
        except (TimeoutError, ConnectionError):
            browser.end()
        finally:
            self._browsers.pop(browser, None)
        return response

    def stop(self) -> None:
        """Ends all streams, so that nothing waits for the next heartbeat."""
        for browser in self._browsers:
            browser.leaving = True
            browser.waiting.set()

    async def _next(self, browser: _Browser) -> bytes:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                await browser.waiting.wait()
        except TimeoutError:
            return b": still here\n\n"
        browser.waiting.clear()
        chunk = b"".join(browser.frames)
        browser.frames.clear()
        return chunk

    def _refresh(self) -> None:
        """The whole state for all browsers that need it, after the others got what is new."""
        stale = [browser for browser in self._browsers if browser.stale]
        if stale:
            frame = _frame("snapshot", self._encoded())
            for browser in stale:
                browser.begin(frame)

    def _encoded(self) -> bytes:
        document = {
            "schema": 1,
            "now_ms": self._now_ms(),
            "network": network_document(self._network),
            **self._parts,
            "nodes": [self._nodes[name] for name in sorted(self._nodes)],
            "blocks": [self._blocks[number] for number in sorted(self._blocks, reverse=True)],
        }
        return msgspec.json.encode(document)

    def _delta(self) -> dict[str, Any]:
        delta: dict[str, Any] = {}
        nodes = self._changed_nodes()
        if nodes:
            delta["nodes"] = nodes
        gone = [name for name in self._network.gone if self._nodes.pop(name, None) is not None]
        self._network.gone.clear()
        if gone:
            delta["gone"] = gone
        blocks = self._changed_blocks()
        if blocks:
            delta["blocks"] = blocks
        now_s = time.monotonic()
        if now_s - self._measured_s >= MEASURE_EVERY_S:
            self._measured_s = now_s
            self._propagation.measure(self._network.blocks)
        parts = {
            "summary": summary_document(self._network, self._propagation),
            "validators": self._consensus.documents(),
            "consensus": self._consensus.summary(),
            "propagation": self._propagation.document,
            "forks": fork_documents(self._network),
            "alerts": self._alerts.documents(),
        }
        for name, value in parts.items():
            if name not in self._parts or self._parts[name] != value:
                self._parts[name] = delta[name] = value
        return delta

    def _changed_nodes(self) -> list[dict[str, Any]]:
        changes = []
        for name in self._network.changed:
            node = self._network.nodes.get(name)
            if node is None:
                continue
            new, old = node_document(self._network, node), self._nodes.get(name)
            self._nodes[name] = new
            appended, node.appended = node.appended, 0
            if old is None:
                changes.append(new)
                continue
            change = {key: value for key, value in new.items() if value != old[key]}
            if appended <= 1:
                # A page appends the one new value itself: forty for each block are not sent.
                change.pop("propagation_history", None)
            if appended:
                change["block"] = new["block"]
                change["propagation_ms"] = new["propagation_ms"]
            if change:
                changes.append({"name": name, **change})
        self._network.changed.clear()
        return changes

    def _changed_blocks(self) -> list[dict[str, Any]]:
        blocks = self._network.blocks
        best = self._network.best
        lowest = best.number - SHOWN if best else 0
        changes = []
        for number in sorted(blocks.changed, reverse=True):
            main = blocks.main(number)
            if main is None or number <= lowest:
                continue
            document = block_document(self._network, main)
            if self._blocks.get(number) != document:
                self._blocks[number] = document
                changes.append(document)
        blocks.changed.clear()
        for number in [one for one in self._blocks if one <= lowest or blocks.main(one) is None]:
            del self._blocks[number]
        return changes


def _abort(request: Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _frame(event: str, data: bytes) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + data + b"\n\n"
