"""From handing a transfer to a node to its receipt in a final block, one at a time."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.benchmarks.report import Section, percentile
from tests.support.load import SINK
from tests.support.network import Network, spec
from tests.support.rpc import Rpc
from tests.support.transfers import senders
from tests.support.wait import until

SAMPLES = 150
CHAIN_ID = 20261
POLL_S = 0.005


def measure(section: Section, folder: Path) -> None:
    """Transfers at random moments of a block, on the node that they were handed to."""
    (sender,) = senders(1, CHAIN_ID)
    network = Network(folder / "network", spec(accounts=[sender.address], chain_id=CHAIN_ID))
    randomness = random.Random(1)
    try:
        network.up()
        rpc = network.rpc()
        until(lambda: rpc.height() >= 15, "the first blocks", timeout_s=60)
        times = []
        for _ in range(SAMPLES):
            time.sleep(randomness.random())
            signed = sender.transfer(SINK)
            began = time.monotonic()
            rpc("eth_sendRawTransaction", signed.raw)
            _final(rpc, signed.hash)
            times.append(time.monotonic() - began)
    finally:
        network.close()
    how = f"{SAMPLES} transfers, 1 s blocks"
    section.add("submit → final, p50", "≤ 0.8 s", f"{percentile(times, 50):.2f} s", how)
    section.add("submit → final, p99", "≤ 1.3 s", f"{percentile(times, 99):.2f} s", how)


def _final(rpc: Rpc, digest: str) -> None:
    """Waits until the receipt's block is at or below the node's final one."""
    receipt = until(
        lambda: rpc("eth_getTransactionReceipt", digest), "a receipt", timeout_s=30, poll_s=POLL_S
    )
    number = int(receipt["blockNumber"], 16)
    until(
        lambda: int(rpc.block("finalized")["number"], 16) >= number,
        "its block to be final",
        timeout_s=30,
        poll_s=POLL_S,
    )
