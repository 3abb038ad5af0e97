"""Faults done to a real network under load, and what must hold after each of them.

The load goes through the gateway, which is killed like everybody else, and a client follows the
chain through it all the while.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support import chain, processes
from tests.support.following import Follower
from tests.support.load import LOGGER, LOGGER_CODE, Load
from tests.support.network import Network, spec
from tests.support.rpc import Rpc
from tests.support.transfers import senders
from tests.support.wait import until
from tests.support.watch import FinalBlocks

BACK_WITHIN_S = 90.0  # the promise; the benchmark shows what it really takes
FROZEN_S = 30.0
LOAD_PER_S = 10.0
CHAIN_ID = 20261
SUPERVISOR = "windlass.runtimes.local.supervisor"  # a word of its command line
ACCOUNTS = 8


@dataclass
class Storm:
    """A running 4-validator network under load. `kills` counts processes, `took_s` recoveries.

    `hit_at` and `final_at_hit` are when the current fault was done, and the final block then.
    """

    network: Network
    randomness: random.Random
    kills: int = 0
    hit_at: float = 0.0
    final_at_hit: int = 0
    took_s: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.urls = self.network.rpc_urls()
        gateway = self.network.network()["endpoints"]
        self.load = Load(gateway["rpc"], senders(ACCOUNTS, CHAIN_ID), LOAD_PER_S)
        self.follower = Follower(gateway["rpc"], gateway["ws"], LOGGER)
        self.finals = FinalBlocks(self.urls)

    def start(self) -> None:
        """Begins to send transfers, to follow the chain and to note final blocks."""
        self.follower.start()
        self.load.start()
        self.finals.start()

    def stop(self) -> None:
        """Ends all of it."""
        self.load.stop()
        self.follower.stop()
        self.finals.stop()

    def survive(self, fault: Callable[[Storm], None], name: str) -> float:
        """Does this to the network; returns how long it took until there were two more blocks.

        Two, because one may have been on its way. Then waits until every node has caught up, and
        holds all of them against one another.
        """
        fault(self)
        back_at = until(
            lambda: self.finals.reached_at(self.final_at_hit + 2),
            f"blocks again after {name} (final before it: {self.final_at_hit})",
            timeout_s=BACK_WITHIN_S,
        )
        took_s = back_at - self.hit_at
        self.took_s.setdefault(name, []).append(took_s)
        self.agree(self.finals.highest())
        return took_s

    def agree(self, height: int) -> dict[int, tuple[str, list[str]]]:
        """Waits until all nodes have this height; all must have the same blocks up to it."""
        for name, url in self.urls.items():
            until(
                lambda url=url: Rpc(url, timeout_s=2).height() >= height,  # type: ignore[misc]
                f"{name} at block {height}",
                timeout_s=BACK_WITHIN_S,
                poll_s=0.2,
            )
        same = chain.assert_same_chain(self.urls, height)
        assert not self.finals.changed, self.finals.changed
        return same

    def settle(self) -> None:
        """After the last fault: every transfer that the gateway accepted is in exactly once, what
        was final still is, and whoever followed the chain missed and got twice nothing."""
        self.load.stop()
        self.load.settle(BACK_WITHIN_S)
        until(
            lambda: len(self.follower.logs) >= len(self.load.hashes()),
            "a log of every transfer",
            timeout_s=BACK_WITHIN_S,
        )
        self.follower.stop()
        self.finals.stop()
        height = max(Rpc(url).height() for url in self.urls.values())
        same = self.agree(height)
        chain.assert_each_once(same, self.load.hashes())
        taken_back = {
            number: (digest, same[number][0])
            for number, digest in self.finals.seen.items()
            if same[number][0] != digest
        }
        assert not taken_back, f"final blocks that are others now: {taken_back}"
        assert not self.follower.problems, self.follower.problems
        assert sorted(self.follower.logs) == sorted(self.load.hashes())
        heads = self.follower.heads
        assert heads == list(range(heads[0], heads[-1] + 1))

    def kill(self, *pids: int) -> None:
        """SIGKILL, counted; starts the fault's clock. A fault that kills nobody is none."""
        killed = sum(self.network.kill(pid) for pid in pids)
        assert killed, "nothing was there to kill"
        self.kills += killed
        self.hit()

    def hit(self) -> None:
        """The fault is done: from here on is measured."""
        self.hit_at = time.monotonic()
        self.final_at_hit = self.finals.highest()

    def victims(self, count: int) -> list[dict[str, Any]]:
        """That many validators with all their processes running."""
        return self.randomness.sample(self._running(count), count)

    def only(self, role: str) -> dict[str, Any]:
        """The one program or node in that role, with all its processes running."""
        return self._running(1, role)[0]

    def _running(self, count: int, role: str = "validator") -> Sequence[dict[str, Any]]:
        def running() -> list[dict[str, Any]]:
            return [
                one
                for one in self.network.nodes(role)
                if all(process["pid"] for process in one["processes"])
            ]

        return until(
            lambda: found if len(found := running()) >= count else [],
            f"{count} in the role {role} to choose from",
            timeout_s=BACK_WITHIN_S,
            poll_s=0.5,
        )


def kill_one_process(name: str) -> Callable[[Storm], None]:
    """kill -9 of one program of one validator."""

    def fault(storm: Storm) -> None:
        (node,) = storm.victims(1)
        storm.kill(next(one["pid"] for one in node["processes"] if one["name"] == name))

    return fault


def kill_validators(count: int) -> Callable[[Storm], None]:
    """kill -9 of all programs of that many validators at once."""

    def fault(storm: Storm) -> None:
        pids = [one["pid"] for node in storm.victims(count) for one in node["processes"]]
        storm.kill(*pids)

    return fault


def kill_only(role: str) -> Callable[[Storm], None]:
    """kill -9 of all processes of the one workload in that role."""

    def fault(storm: Storm) -> None:
        storm.kill(*(one["pid"] for one in storm.only(role)["processes"]))

    return fault


def kill_supervisor(storm: Storm) -> None:
    """kill -9 of the supervisor alone; `up` starts another, which adopts what still runs."""
    storm.kill(*supervisors(storm.network))
    storm.network.up()


def kill_everything(storm: Storm) -> None:
    """kill -9 of every process of the network, the supervisor too, then `up`."""
    storm.kill(*storm.network.pids())
    storm.network.up()


def lose_geth_data(storm: Storm) -> None:
    """kill -9 of a validator's geth, and its chain data gone before it is back."""
    (node,) = storm.victims(1)
    process = next(one for one in node["processes"] if one["name"] == "geth")
    data = storm.network.state / "nodes" / storm.network.network()["name"] / node["name"]
    chaindata = data / "geth" / "geth"
    assert chaindata.is_dir(), f"no chain data in {data}"
    storm.kill(process["pid"])
    shutil.rmtree(chaindata, ignore_errors=True)


def freeze_geth(storm: Storm) -> None:
    """A validator's geth stops answering for 30 s, as under a disk that hangs, and goes on."""
    (node,) = storm.victims(1)
    pid = next(one["pid"] for one in node["processes"] if one["name"] == "geth")
    storm.network.kill(pid, signal.SIGSTOP)
    try:
        thawed_at = time.monotonic() + FROZEN_S
        until(lambda: time.monotonic() > thawed_at, "the end of the freeze", timeout_s=60)
    finally:
        storm.network.kill(pid, signal.SIGCONT)
        storm.hit()


def storm_spec() -> str:
    """The spec of a network that can be stormed: rich senders, and a contract that logs."""
    accounts = [one.address for one in senders(ACCOUNTS, CHAIN_ID)]
    return spec(accounts=accounts, chain_id=CHAIN_ID, bootnodes=1, contracts={LOGGER: LOGGER_CODE})


def supervisors(network: Network) -> list[int]:
    """The pids of the network's supervisor processes."""
    return [pid for pid in network.pids() if SUPERVISOR in processes.command_line(pid)]


FAULTS: dict[str, Callable[[Storm], None]] = {
    "kill -9 of a geth": kill_one_process("geth"),
    "kill -9 of a bridge": kill_one_process("bridge"),
    "kill -9 of a CometBFT": kill_one_process("cometbft"),
    "kill -9 of a whole validator": kill_validators(1),
    "kill -9 of two validators": kill_validators(2),
    "kill -9 of the node": kill_only("node"),
    "kill -9 of the gateway": kill_only("gateway"),
    "kill -9 of the dashboard": kill_only("dashboard"),
    "kill -9 of the supervisor": kill_supervisor,
    "kill -9 of everything at once": kill_everything,
    "a geth's data lost": lose_geth_data,
    "a geth frozen for 30 s": freeze_geth,
}
