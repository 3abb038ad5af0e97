"""The default network left alone: block times, rounds, memory, processor, disk; a late joiner."""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from tests.benchmarks.report import Section, median, percentile
from tests.benchmarks.usage import MIB, Usage, disk_bytes, lasting_bytes
from tests.support.network import Network, spec
from tests.support.rpc import Rpc
from tests.support.wait import until
from windlass.runtimes.local.state import State

BLOCKS = 300
SETTLE_BLOCKS = 15  # the first rounds after a start find their peers
DAY_S = 86_400
GETHS = 5
JOIN_AT = 650  # blocks that a late joiner has to take in


def measure(section: Section, folder: Path) -> None:
    """300 blocks, then a node that joins late and one that lost its data."""
    network = Network(folder / "network", spec())
    try:
        network.up()
        until(lambda: network.rpc().height() >= SETTLE_BLOCKS, "the first blocks", timeout_s=60)
        usage = Usage(network)
        disk, began = _disk(network), time.monotonic()
        arrivals, offsets = asyncio.run(_heads(network.network()["endpoints"]["ws"]))
        passed_s = time.monotonic() - began
        grown, lasting = (
            after - before for before, after in zip(disk, _disk(network), strict=True)
        )
        gaps = [after - before for before, after in itertools.pairwise(arrivals)]
        p50, p99 = percentile(gaps, 50), percentile(gaps, 99)
        section.add(f"interval of {BLOCKS} blocks, p50", "1.00 s", f"{p50:.3f} s", "at a node")
        section.add(f"interval of {BLOCKS} blocks, p99", "≤ 1.1 s", f"{p99:.3f} s")
        section.add("longest interval", "", f"{max(gaps):.2f} s")
        _clock(section, offsets)
        section.add("missed rounds", "0", str(_missed_rounds(network)), "round > 0 in a commit")
        _memory_and_processor(section, usage)
        daily = lasting / passed_s * DAY_S / 1e9
        how = f"extrapolated from {passed_s:.0f} s and {lasting / MIB:.1f} MiB"
        section.add("disk per day, idle, all nodes", "", f"{daily:.2f} GB", how)
        section.add("disk per day, idle, per node", "", f"{daily / GETHS:.2f} GB")
        daily = (grown - lasting) / passed_s * DAY_S / 1e9
        how = "until CometBFT's own log has 1 GB on each"
        section.add("besides, what stops growing, all nodes", "", f"{daily:.2f} GB a day", how)
        _late_joiner(section, network)
        _wiped(section, network)
    finally:
        network.close()


def _disk(network: Network) -> tuple[int, int]:
    return disk_bytes(network.state), lasting_bytes(network.state)


async def _heads(url: str) -> tuple[list[float], list[float]]:
    """When each of BLOCKS + 1 new heads came over a WebSocket subscription, and each one's stamp
    minus the wall clock then: what a bridge calls its clock offset, as a user sees it."""
    async with asyncio.timeout(BLOCKS * 3), connect(url) as socket:
        call = {"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}
        await socket.send(json.dumps(call))
        await socket.recv()
        times: list[float] = []
        offsets: list[float] = []
        while len(times) <= BLOCKS:
            message = await socket.recv()
            times.append(time.monotonic())
            wall_s = time.time()
            head = json.loads(message)["params"]["result"]
            offsets.append(int(head["timestamp"], 16) - wall_s)
    return times, offsets


def _clock(section: Section, offsets: Sequence[float]) -> None:
    """How far the EVM's clock, which has whole seconds, is from the wall clock at a new block."""
    p50, furthest = percentile(offsets, 50), max(offsets, key=abs)
    how = "a block's stamp minus the clock when a node shows it"
    section.add("EVM clock against the wall clock, p50", "≤ 0.2 s", f"{p50:+.3f} s", how)
    section.add("EVM clock against the wall clock, furthest", "≤ 0.2 s", f"{furthest:+.3f} s")


def _missed_rounds(network: Network) -> int:
    """Of the last BLOCKS heights, how many needed more than their first round."""
    with State.open(network.state) as state:
        url = next(one.cometbft_url for one in state.workloads() if one.role == "validator")
    height = int(_get(f"{url}/status")["result"]["sync_info"]["latest_block_height"])
    return sum(
        _get(f"{url}/commit?height={number}")["result"]["signed_header"]["commit"]["round"] > 0
        for number in range(height - BLOCKS, height)
    )


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def _memory_and_processor(section: Section, usage: Usage) -> None:
    validators = sorted({node for node, _ in usage.programs.values() if "validator" in node})
    memory = [usage.memory_bytes(node=node) / MIB for node in validators]
    section.add("memory of a validator", "about 215 MB", median(memory, "MiB", 0), "RSS, each of 4")
    bridge = usage.memory_bytes(program="bridge") / MIB
    section.add("memory of the largest bridge", "≤ 70 MB", f"{bridge:.0f} MiB")
    whole = usage.memory_bytes() / MIB
    section.add(
        "memory of the whole default network", "≤ 1.4 GB", f"{whole:.0f} MiB", "RSS, summed"
    )
    cores = [usage.cores(node) * 100 for node in validators]
    section.add("processor per validator", "about 5 % of a core", median(cores, "%", 1))
    section.add("processor of the whole network", "", f"{usage.cores() * 100:.0f} % of a core")


def _late_joiner(section: Section, network: Network) -> None:
    name = network.network()["name"]
    until(lambda: network.rpc().height() >= JOIN_AT, "a long chain", timeout_s=JOIN_AT, poll_s=1)
    target = network.rpc().height()
    began = time.monotonic()
    workers = ThreadPoolExecutor(1)
    scaling = workers.submit(network.run, "scale", name, "nodes=2")
    until(lambda: "node-1" in network.rpc_urls(), "the late joiner in the state", timeout_s=60)
    rpc = Rpc(network.rpc_urls()["node-1"])
    until(lambda: rpc.height() > 0, "the late joiner's first block", timeout_s=60, poll_s=0.02)
    started, first = time.monotonic(), rpc.height()
    until(lambda: rpc.height() >= target, "the late joiner", timeout_s=180, poll_s=0.02)
    took, whole = time.monotonic() - started, time.monotonic() - began
    scaling.result()
    workers.shutdown()
    how = f"{target} blocks; its own start took {started - began:.1f} s before the first"
    rate = (target - first) / took
    section.add("late joiner, from block 0", "≥ 50 blocks/s", f"{rate:.0f} blocks/s", how)
    section.add("the same with its start", "", f"{target / whole:.0f} blocks/s", f"{whole:.1f} s")


def _wiped(section: Section, network: Network) -> None:
    node = network.node("validator-3")
    pid = next(one["pid"] for one in node["processes"] if one["name"] == "geth")
    data = network.state / "nodes" / network.network()["name"] / "validator-3" / "geth" / "geth"
    target = network.rpc().height()
    network.kill(pid)
    began = time.monotonic()
    shutil.rmtree(data, ignore_errors=True)
    until(lambda: Rpc(node["rpc"]).height() >= target, "the wiped geth", timeout_s=180)
    took = time.monotonic() - began
    how = f"{target} blocks in {took:.1f} s, restart included"
    section.add("wiped geth back", "≥ 50 blocks/s", f"{target / took:.0f} blocks/s", how)
