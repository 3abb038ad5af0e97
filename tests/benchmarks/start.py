"""From nothing on disk, binaries present: the first final block, and everything healthy."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from tests.benchmarks.report import Section, median
from tests.support.network import Network, spec
from tests.support.rpc import Rpc, RpcError
from windlass.kit.errors import WindlassError
from windlass.runtimes.local.state import State

RUNS = 5
POLL_S = 0.03
GIVE_UP_S = 60.0


def measure(section: Section, folder: Path) -> None:
    """The default network, then a solo one."""
    for consensus, makers, first, healthy in (
        ("bft", "all 4 validators", "≤ 5 s", "≤ 8 s"),
        ("solo", "the sealer", "≤ 2.5 s", ""),
    ):
        firsts, healthies, stops = [], [], []
        for number in range(RUNS):
            took = _start(folder / f"{consensus}-{number}", consensus)
            firsts.append(took[0])
            healthies.append(took[1])
            stops.append(took[2])
        section.add(f"`{consensus}`: first final block on {makers}", first, median(firsts))
        section.add(f"`{consensus}`: every program healthy", healthy, median(healthies))
        section.add(f"`{consensus}`: stopped in order", "", median(stops))


def _start(folder: Path, consensus: str) -> tuple[float, float, float]:
    network = Network(folder, spec(consensus=consensus))
    began = time.monotonic()
    first: list[float] = []
    watcher = threading.Thread(target=_watch, args=(network.state, began, first), daemon=True)
    watcher.start()
    try:
        network.up()
        healthy = time.monotonic() - began
        watcher.join(GIVE_UP_S)
        stopping = time.monotonic()
        network.run("down")
        return first[0], healthy, time.monotonic() - stopping
    finally:
        network.close()


def _watch(state: Path, began: float, first: list[float]) -> None:
    """Appends how long it took until every block maker showed a final block above genesis."""
    waiting: dict[str, Rpc] = {}
    while not waiting and time.monotonic() - began < GIVE_UP_S:
        waiting = _makers(state)
        time.sleep(POLL_S)
    while waiting and time.monotonic() - began < GIVE_UP_S:
        for name, rpc in list(waiting.items()):
            try:
                if int(rpc.block("finalized")["number"], 16) > 0:
                    del waiting[name]
            except (OSError, ValueError, LookupError, RpcError):
                continue  # not up yet
        time.sleep(POLL_S)
    first.append(time.monotonic() - began)


def _makers(state: Path) -> dict[str, Rpc]:
    """The RPC of each validator or sealer, as soon as the state knows them."""
    try:
        with State.open(state) as opened:
            workloads = opened.workloads()
    except WindlassError:
        return {}
    makers = [one for one in workloads if one.role in ("validator", "sealer") and one.rpc_url]
    return {one.name: Rpc(str(one.rpc_url), timeout_s=1) for one in makers}
