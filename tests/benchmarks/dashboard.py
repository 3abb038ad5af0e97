"""What a dashboard costs: `python -m tests.benchmarks.dashboard [--nodes 500] [--seconds 30]`.

Goal: 500 nodes with a block per second each on one core, and a browser that is told of each within
200 ms (99th percentile). The crowd runs in this process, the dashboard in one of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.benchmarks.crowd import Browser, Crowd
from tests.support.dashboard import Dashboard
from tests.support.processes import cpu_s, rss_bytes

MIB = 1 << 20


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--nodes", type=int, default=500)
    parser.add_argument("--browsers", type=int, default=10)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--transactions", type=int, default=20)
    options = parser.parse_args()
    names = [f"node-{number}" for number in range(options.nodes)]
    with tempfile.TemporaryDirectory() as folder:
        dashboard = Dashboard(Path(folder), names)
        dashboard.start()
        try:
            asyncio.run(measure(dashboard, names, options))
        finally:
            dashboard.close()


async def measure(dashboard: Dashboard, names: list[str], options: argparse.Namespace) -> None:
    """One run, after ten seconds to warm up."""
    assert dashboard.process is not None
    pid = dashboard.process.pid
    crowd = Crowd(dashboard.settings.port, names, transactions=options.transactions)
    async with crowd.connected():
        browsers = [Browser(crowd, measures=number == 0) for number in range(options.browsers)]
        reading = [asyncio.create_task(browser.run()) for browser in browsers]
        await crowd.run(10)
        reading.append(asyncio.create_task(crowd.watch_itself()))
        browsers[0].lags_s.clear()
        before_s, messages, received = cpu_s(pid), crowd.messages, browsers[0].bytes
        begin = asyncio.get_running_loop().time()
        await crowd.run(options.seconds, first=11)
        spent_s = asyncio.get_running_loop().time() - begin
        used_s = cpu_s(pid) - before_s
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    lags_ms = sorted(lag * 1000 for lag in browsers[0].lags_s)
    print(f"{len(names)} nodes, {options.browsers} browsers, {spent_s:.0f} s")
    print(f"messages per second: {(crowd.messages - messages) / spent_s:.0f}")
    print(f"processor: {100 * used_s / spent_s:.0f} % of a core")
    print(f"memory: {rss_bytes(pid) / MIB:.0f} MiB")
    print(f"a browser gets {(browsers[0].bytes - received) / spent_s / 1000:.0f} kB/s")
    print(f"changes seen: {len(lags_ms)} of {len(names) * options.seconds}; broken: {crowd.broken}")
    for percent in (50, 90, 99):
        print(f"lag p{percent}: {lags_ms[len(lags_ms) * percent // 100]:.0f} ms")
    late_ms = sorted(late * 1000 for late in crowd.late_s)
    middle, most = late_ms[len(late_ms) // 2], late_ms[len(late_ms) * 99 // 100]
    print(f"of that this measuring process itself is late: p50 {middle:.0f} ms, p99 {most:.0f} ms")
    print(f"lag max: {lags_ms[-1]:.0f} ms; snapshots: {browsers[0].snapshots}")


if __name__ == "__main__":
    main()
