"""What a dashboard costs with 500 nodes and a block each second: processor, memory, how late
browsers are told, and how much a day of history takes.

The crowd runs in this process, the dashboard in one of its own; how late this process itself is
stands beside the lag, since a busy machine adds that to every figure.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.crowd import Browser, Crowd
from tests.benchmarks.report import Section, percentile
from tests.support.dashboard import Dashboard
from tests.support.processes import cpu_s, rss_bytes
from windlass.programs.dashboard.store import Batch, NodeRow, Store

NODES = 500
BROWSERS = 10
TRANSACTIONS = 20
WARM_S = 10
SECONDS = 30
MINUTE_MS = 60_000
DAY_MINUTES = 24 * 60
MIB = 1 << 20


def measure(section: Section, folder: Path) -> None:
    """One run of the crowd, and a history of a day and two hours."""
    names = [f"node-{number}" for number in range(NODES)]
    dashboard = Dashboard(folder / "dashboard", names)
    dashboard.start()
    try:
        figures = asyncio.run(_crowd(dashboard, names))
    finally:
        dashboard.close()
    _report(section, figures)
    _day(section, folder / "day.sqlite", names)


@dataclass
class _Figures:
    spent_s: float
    used_s: float
    messages: int
    received: int
    broken: int
    memory: int
    lags_ms: list[float] = field(default_factory=list)
    own_ms: list[float] = field(default_factory=list)


async def _crowd(dashboard: Dashboard, names: list[str]) -> _Figures:
    assert dashboard.process is not None
    pid = dashboard.process.pid
    crowd = Crowd(dashboard.settings.port, names, transactions=TRANSACTIONS)
    async with crowd.connected():
        browsers = [Browser(crowd, measures=number == 0) for number in range(BROWSERS)]
        reading = [asyncio.create_task(browser.run()) for browser in browsers]
        await crowd.run(WARM_S)
        reading.append(asyncio.create_task(crowd.watch_itself()))
        browsers[0].lags_s.clear()
        before_s, messages, received = cpu_s(pid), crowd.messages, browsers[0].bytes
        began = time.monotonic()
        await crowd.run(SECONDS, first=WARM_S + 1)
        spent_s = time.monotonic() - began
        figures = _Figures(
            spent_s=spent_s,
            used_s=cpu_s(pid) - before_s,
            messages=crowd.messages - messages,
            received=browsers[0].bytes - received,
            broken=crowd.broken,
            memory=rss_bytes(pid),
            lags_ms=[1000 * lag for lag in browsers[0].lags_s],
            own_ms=[1000 * late for late in crowd.late_s],
        )
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    return figures


def _report(section: Section, seen: _Figures) -> None:
    assert seen.lags_ms, "no browser was told of any block"
    section.add(
        "nodes",
        "",
        str(NODES),
        f"a block each per second; {BROWSERS} browsers; {seen.broken} connections broke",
    )
    section.add("reports", "", f"{seen.messages / seen.spent_s:.0f}/s", f"{seen.spent_s:.0f} s")
    section.add("processor", "≤ 100 % of a core", f"{100 * seen.used_s / seen.spent_s:.0f} %")
    own = percentile(seen.own_ms, 99)
    section.add("lag of a browser, p50", "", f"{percentile(seen.lags_ms, 50):.0f} ms")
    section.add(
        "lag of a browser, p99",
        "≤ 200 ms",
        f"{percentile(seen.lags_ms, 99):.0f} ms",
        f"from a node's report to the browser; the measuring process itself is {own:.0f} ms late; "
        f"{len(seen.lags_ms)} of {NODES * SECONDS} changes, the others were joined",
    )
    section.add("what a browser gets", "", f"{seen.received / seen.spent_s / 1000:.0f} kB/s")
    section.add("memory", "", f"{seen.memory // MIB} MiB")


def _day(section: Section, path: Path, names: list[str]) -> None:
    """Writes a day and two hours of every node, a minute at a time, and prunes as it is done."""
    with contextlib.closing(Store.open(path)) as store:
        last = DAY_MINUTES + 120
        for minute in range(last):
            store.write(_minute(minute * MINUTE_MS, names))
        began = time.monotonic()
        store.prune((last - DAY_MINUTES) * MINUTE_MS)
        pruned_s = time.monotonic() - began
        began = time.monotonic()
        kept = len(store.node_minutes(names[0], 0))
        read_s = time.monotonic() - began
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    section.add(
        "history kept",
        "24 h",
        f"{kept / 60:.1f} h",
        f"{path.stat().st_size // MIB} MiB for {len(names)} nodes without blocks; two hours are "
        f"forgotten in {pruned_s:.1f} s, a node's day is read in {1000 * read_s:.0f} ms",
    )


def _minute(at_ms: int, names: list[str]) -> Batch:
    rows = tuple(
        NodeRow(
            node=name,
            height=at_ms // 1000,
            peers=8,
            pending=20,
            latency_ms=3,
            delay_sum_ms=3000,
            delays=60,
            ticks=60,
            online_ticks=60,
        )
        for name in names
    )
    return Batch(
        at_ms=at_ms,
        nodes_online=len(names),
        alerts_on=0,
        missed_rounds=0,
        blocks=(),
        nodes=rows,
        alerts=(),
    )
