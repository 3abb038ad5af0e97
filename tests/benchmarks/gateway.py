"""What the gateway costs: each kind of request asked of a geth directly and through it, in one run.

On a network with one block maker and one node, so that two cores are enough for geth, gateway and
whoever asks. Directly means the node that the gateway asks, too.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from tests.benchmarks.report import Section, median, percentile
from tests.support import processes
from tests.support.contracts import CREATION, VALUE
from tests.support.hammer import Outcome, hammer
from tests.support.load import LOGGER, LOGGER_CODE, LOGGER_GAS
from tests.support.network import Network, spec
from tests.support.rpc import Rpc
from tests.support.transfers import Sender, senders
from tests.support.wait import until

CHAIN_ID = 20261
RUNS = 5
SINGLE = 400
"""Requests one after the other in a run, for their latency."""
MANY = 4_000
"""Requests over eight connections in a run, for their number a second."""
MILLION = 1_000_000
LOGS = 50
MIB = 1 << 20


def measure(section: Section, folder: Path) -> None:
    """Latency and throughput of four methods, then memory after a million requests."""
    accounts = senders(2 * (RUNS + 1), CHAIN_ID, "gateway")
    network = Network(
        folder / "network",
        spec(
            consensus="solo",
            chain_id=CHAIN_ID,
            accounts=[one.address for one in accounts],
            contracts={LOGGER: LOGGER_CODE},
            gas_limit=100_000_000,
        ),
    )
    try:
        network.up()
        bench = _Bench(section, network, accounts)
        for method in ("eth_blockNumber", "eth_call", "eth_getLogs", "eth_sendRawTransaction"):
            bench.compare(method)
        bench.million()
    finally:
        network.close()


class _Bench:
    def __init__(self, section: Section, network: Network, accounts: list[Sender]) -> None:
        self._section = section
        self._accounts = accounts
        self._direct = network.node("node-0")["rpc"]
        self._through = network.network()["endpoints"]["rpc"]
        self._gateway = int(network.node("gateway")["pid"])
        self._geth = int(network.node("node-0")["pid"])
        self._rpc = Rpc(self._through)
        deployer = accounts[-1]
        self._contract = self._deploy(deployer)
        for _ in range(LOGS):
            self._send(deployer.transfer(LOGGER, gas=LOGGER_GAS).raw)
        until(lambda: len(self._logs()) == LOGS, "the logs", timeout_s=60)
        self._last = self._rpc.height()

    def compare(self, method: str) -> None:
        """Runs of both in turn, so that a busy moment of the machine hits both."""
        added, direct, through, per_core, geth_core = [], [], [], [], []
        for run in range(RUNS):
            bodies = self._bodies(method, run)
            ours = self._timed(self._through, bodies)
            theirs = self._timed(self._direct, bodies)
            added.append(1000 * (percentile(ours, 50) - percentile(theirs, 50)))
            before = processes.cpu_s(self._gateway)
            through.append(self._many(self._through, bodies).per_s)
            per_core.append(MANY / (processes.cpu_s(self._gateway) - before))
            before = processes.cpu_s(self._geth)
            direct.append(self._many(self._direct, bodies).per_s)
            geth_core.append(MANY / (processes.cpu_s(self._geth) - before))
            until(self._idle, "an empty pool", timeout_s=120, poll_s=0.5)
        self._section.add(
            f"{method}: added latency, p50",
            "≤ 1 ms",
            median(added, "ms"),
            f"{SINGLE} each in a run",
        )
        self._section.add(
            f"{method}: through it",
            "",
            median(through, "/s", 0),
            f"8 connections; {statistics.median(per_core):.0f} per second of the gateway's "
            "processor time",
        )
        self._section.add(
            f"{method}: direct",
            "",
            median(direct, "/s", 0),
            f"8 connections; {statistics.median(geth_core):.0f} per second of geth's processor "
            "time",
        )

    def million(self) -> None:
        """Memory before and after a million requests of the kinds that change nothing."""
        kinds = [self._body("eth_blockNumber"), self._call_body(), self._body("eth_chainId")]
        before = processes.rss_bytes(self._gateway)
        began = time.monotonic()
        bodies = (kinds[number % len(kinds)] for number in range(MILLION))
        outcome = hammer(self._through, bodies)
        assert outcome.requests == MILLION
        assert not outcome.errors, outcome.first_error
        after = processes.rss_bytes(self._gateway)
        self._section.add(
            "memory after 1,000,000 requests",
            "",
            f"{after // MIB} MiB",
            f"{before // MIB} MiB before; {time.monotonic() - began:.0f} s",
        )

    def _idle(self) -> bool:
        pool = self._rpc("txpool_status")
        return int(pool["pending"], 16) + int(pool["queued"], 16) == 0

    def _timed(self, url: str, bodies: Iterator[bytes]) -> list[float]:
        outcome = hammer(url, [next(bodies) for _ in range(SINGLE)], connections=1, timed=True)
        assert not outcome.errors, outcome.first_error
        return outcome.times_s

    def _many(self, url: str, bodies: Iterator[bytes]) -> Outcome:
        outcome = hammer(url, [next(bodies) for _ in range(MANY)])
        assert not outcome.errors, outcome.first_error
        return outcome

    def _bodies(self, method: str, run: int) -> Iterator[bytes]:
        if method == "eth_blockNumber":
            return repeat(self._body(method))
        if method == "eth_call":
            return repeat(self._call_body())
        if method == "eth_getLogs":
            # A range that geth has indexed long ago: at its head it sometimes fails (pebble: not
            # found), whoever asks.
            span = {"fromBlock": "0x0", "toBlock": hex(self._last)}
            return repeat(self._body(method, {"address": LOGGER, **span}))
        return self._transfers(run)

    def _transfers(self, run: int) -> Iterator[bytes]:
        """Transfers of two accounts of this run in turn. All come in the order of their nonces but
        for what overtakes on eight connections, which a pool puts in order."""
        pair = self._accounts[2 * run : 2 * run + 2]
        while True:
            for account in pair:
                yield self._body(
                    "eth_sendRawTransaction", account.transfer(LOGGER, gas=LOGGER_GAS).raw
                )

    def _call_body(self) -> bytes:
        return self._body("eth_call", {"to": self._contract, "data": "0x" + VALUE}, "latest")

    def _body(self, method: str, *params: object) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()

    def _logs(self) -> list[object]:
        found: list[object] = self._rpc("eth_getLogs", {"address": LOGGER, "fromBlock": "0x0"})
        return found

    def _deploy(self, account: Sender) -> str:
        digest = self._send(account.create("0x" + CREATION).raw)
        receipt = until(
            lambda: self._rpc("eth_getTransactionReceipt", digest), "the contract", timeout_s=60
        )
        return str(receipt["contractAddress"])

    def _send(self, raw: str) -> str:
        return str(self._rpc("eth_sendRawTransaction", raw))
