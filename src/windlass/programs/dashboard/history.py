"""Keeps the history while the network is watched, and answers questions about it.

SQLite is used in one thread beside the event loop: a slow disk delays no report. What fails is
counted and said once a minute; the dashboard goes on without its past.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from windlass.kit.web import Response
from windlass.programs.dashboard.alerts import Alerts
from windlass.programs.dashboard.api import json_response
from windlass.programs.dashboard.blocks import SHOWN
from windlass.programs.dashboard.errors import HistoryUnusable
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.network import Network
from windlass.programs.dashboard.store import (
    ALERTS_MAX,
    MINUTE_MS,
    Batch,
    NodeRow,
    Store,
    set_aside,
)

WRITE_EVERY_S = 3.0
PRUNE_EVERY_S = 60.0
LOG_EVERY_S = 60.0
ANSWERS_KEPT = 32
ANSWER_FRESH_S = 5.0
WAITING_MAX = 16
"""Questions that wait for the thread; more are told to come again."""
HOURS_MAX = 24 * 31
NODE_CHARACTERS_MAX = 256

T = TypeVar("T")

log = logging.getLogger(__name__)


class History:
    """The open history."""

    def __init__(
        self, store: Store, network: Network, alerts: Alerts, metrics: Metrics, hours: int
    ) -> None:
        self._store = store
        self._network = network
        self._alerts = alerts
        self._metrics = metrics
        self._hours = min(max(hours, 1), HOURS_MAX)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._answers: OrderedDict[tuple[int, str], tuple[float, bytes]] = OrderedDict()
        self._waiting = 0
        self._rounds_told = 0.0
        self._logged_s = -LOG_EVERY_S
        self._pruned_s = 0.0
        self.problem = ""

    def load(self, now_ms: int) -> None:
        """Brings back what an earlier run has seen. Called once, before anything runs."""
        try:
            for block in self._store.newest_blocks(SHOWN):
                self._network.blocks.put(block)
            for name, percents in self._store.uptimes(now_ms - 24 * 60 * MINUTE_MS).items():
                node = self._network.nodes.get(name)
                if node is not None:
                    node.uptime.seed(percents)
            self._store.end_alerts(now_ms)
        except sqlite3.Error as error:
            self._failed(error)
        self._network.blocks.unsaved.clear()

    async def run(self) -> None:
        """Writes every few seconds; runs for ever."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.save()

    async def save(self) -> None:
        """Writes what happened since the last time."""
        now_ms = int(time.time() * 1000)
        batch = self._batch(now_ms)
        prune = time.monotonic() - self._pruned_s > PRUNE_EVERY_S
        if prune:
            self._pruned_s = time.monotonic()

        def work() -> None:
            if prune:  # first: a full file takes nothing more before something is gone
                self._store.prune(now_ms - self._hours * 60 * MINUTE_MS)
            self._store.write(batch)

        try:
            await self._in_thread(work)
            self.problem = ""
        except sqlite3.OperationalError as error:
            # A full disk, say.
            self._keep_for_later(batch)
            self._failed(error)
        except sqlite3.DatabaseError as error:
            self._keep_for_later(batch)
            self._failed(error)
            await self._begin_anew(str(error))

    async def close(self) -> None:
        """Writes the last seconds and closes the file."""
        await self.save()
        await self._in_thread(self._store.close)
        self._thread.shutdown(wait=False)

    async def answer(self, query: Mapping[str, str]) -> Response:
        """GET /api/history?hours=…&node=…"""
        text, node = query.get("hours", str(self._hours)), query.get("node", "")
        if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) > 0):
            return json_response({"error": "hours is a number from 1 on"}, 400)
        if len(node) > NODE_CHARACTERS_MAX:
            return json_response({"error": "no node has such a name"}, 400)
        key = (min(int(text), self._hours), node)
        kept = self._answers.get(key)
        if kept is not None and time.monotonic() - kept[0] < ANSWER_FRESH_S:
            return json_response(kept[1])
        if self._waiting >= WAITING_MAX:
            return json_response({"error": "busy, ask again"}, 503)
        self._waiting += 1
        try:
            body = await self._in_thread(lambda: self._read(*key))
        except sqlite3.Error as error:
            self._failed(error)
            return json_response({"error": "the history can't be read now"}, 503)
        finally:
            self._waiting -= 1
        self._answers[key] = (time.monotonic(), body)
        self._answers.move_to_end(key)
        if len(self._answers) > ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return json_response(body)

    def _read(self, hours: int, node: str) -> bytes:
        since_ms = int(time.time() * 1000) - hours * 60 * MINUTE_MS
        document: dict[str, Any] = {
            "schema": 1,
            "step_s": MINUTE_MS // 1000,
            "minutes": self._store.minutes(since_ms),
            "alerts": self._store.alerts(since_ms),
        }
        if node:
            document["node"] = self._store.node_minutes(node, since_ms)
        return msgspec.json.encode(document)

    def _batch(self, now_ms: int) -> Batch:
        blocks = self._network.blocks
        changed = [blocks.main(number) for number in sorted(blocks.unsaved)]
        blocks.unsaved.clear()
        rows = []
        for node in self._network.nodes.values():
            rows.append(
                NodeRow(
                    node=node.name,
                    height=node.block.number if node.block else None,
                    peers=node.peers,
                    pending=node.pending,
                    latency_ms=node.latency_ms,
                    delay_sum_ms=node.propagation_sum_ms,
                    delays=node.propagation_count,
                    ticks=node.ticks,
                    online_ticks=node.online_ticks,
                )
            )
            node.propagation_sum_ms = node.propagation_count = 0
            node.ticks = node.online_ticks = 0
        alerts = tuple(msgspec.structs.replace(one) for one in self._alerts.unsaved.values())
        self._alerts.unsaved.clear()
        rounds = self._metrics.missed_rounds.value()
        missed, self._rounds_told = int(rounds - self._rounds_told), rounds
        return Batch(
            at_ms=now_ms,
            nodes_online=sum(node.online for node in self._network.nodes.values()),
            alerts_on=len(self._alerts.on),
            missed_rounds=missed,
            # Copies: the thread reads them while the loop goes on.
            blocks=tuple(
                msgspec.structs.replace(one, delays_ms=list(one.delays_ms))
                for one in changed
                if one is not None
            ),
            nodes=tuple(rows),
            alerts=alerts,
        )

    def _keep_for_later(self, batch: Batch) -> None:
        """Blocks and alerts are tried again, or an alert that ended now would stay on for ever in
        the history; the sums of these seconds are lost."""
        self._network.blocks.unsaved.update(
            block.number for block in batch.blocks if block.number in self._network.blocks.heights
        )
        unsaved = {alert.id: alert for alert in batch.alerts} | self._alerts.unsaved
        self._alerts.unsaved.clear()
        self._alerts.unsaved.update({one: unsaved[one] for one in sorted(unsaved)[-ALERTS_MAX:]})

    async def _begin_anew(self, reason: str) -> None:
        def work() -> None:
            self._store.close()
            set_aside(self._store.path, reason)
            self._store = Store.open(self._store.path)

        try:
            await self._in_thread(work)
        except (sqlite3.Error, OSError, HistoryUnusable) as error:
            self._failed(error)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _failed(self, error: Exception) -> None:
        self.problem = str(error)
        self._metrics.history_failures.increment()
        if time.monotonic() - self._logged_s >= LOG_EVERY_S:
            self._logged_s = time.monotonic()
            log.warning("the history can't be used now", extra={"reason": self.problem})


def open_history(
    path: Path, network: Network, alerts: Alerts, metrics: Metrics, hours: int
) -> History:
    """The history in that file. Raises HistoryUnusable."""
    return History(Store.open(path), network, alerts, metrics, hours)
