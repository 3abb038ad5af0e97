"""The documented rules for a node's state, each by the smallest case that shows it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from windlass.plan.workload import Command, Probe, Process, Workload
from windlass.runtimes.local.judge import (
    LAG_BLOCKS_MAX,
    ChainView,
    NetworkView,
    Observation,
    judge,
    network_view,
)
from windlass.runtimes.local.state import ProcessRow

NAMES = ("geth", "bridge")
NETWORK = NetworkView(height=100, stalled=None)


def row(process: str, **changes: Any) -> ProcessRow:
    """A process that runs and is ready."""
    healthy = ProcessRow(
        network="trade", node="node-0", process=process, pid=7, state="running", ready=True
    )
    return msgspec.structs.replace(healthy, **changes)


def chain(height: int = 100, timestamp: int = 1_000) -> ChainView:
    """What an RPC says."""
    return ChainView(height=height, finalized=height, block_hash="", timestamp=timestamp, peers=1)


def seen(**changes: Any) -> Observation:
    """A healthy node with two processes."""
    workload = Workload(
        network="trade",
        name="node-0",
        role="node",
        rank=0,
        directory="/d",
        main="geth",
        processes=tuple(
            Process(name=name, command=Command(program=name, arguments=()), ready=Probe())
            for name in NAMES
        ),
    )
    healthy = Observation(
        workload=workload,
        desired="running",
        processes=tuple(row(name) for name in NAMES),
        alive=frozenset(NAMES),
        chain=chain(),
        unready=None,
    )
    return msgspec.structs.replace(healthy, **changes)


DEAD = tuple(row(name, pid=None, ready=False) for name in NAMES)


@pytest.mark.parametrize(
    ("observation", "network", "state"),
    [
        (seen(), NETWORK, "healthy"),
        (seen(desired="stopped", alive=frozenset()), NETWORK, "stopped"),
        (seen(desired="stopped"), NETWORK, "degraded"),
        (seen(processes=(row("geth", state="failed"), row("bridge"))), NETWORK, "failed"),
        (seen(processes=DEAD, alive=frozenset()), NETWORK, "failed"),
        (
            seen(processes=(row("geth", state="starting", ready=False), row("bridge"))),
            NETWORK,
            "starting",
        ),
        (seen(chain=chain(0)), NetworkView(height=0, stalled=None), "starting"),
        (seen(chain="refused"), NETWORK, "degraded"),
        (seen(unready="waits for geth"), NETWORK, "degraded"),
        (seen(processes=(row("geth", ready=False), row("bridge"))), NETWORK, "degraded"),
        (seen(chain=chain(100 - LAG_BLOCKS_MAX)), NETWORK, "healthy"),
        (seen(chain=chain(99 - LAG_BLOCKS_MAX)), NETWORK, "degraded"),
        (seen(), NetworkView(height=100, stalled="no block for 60 s"), "degraded"),
        (
            seen(alive=frozenset({"geth"}), processes=(row("geth"), row("bridge", restarts=1))),
            NETWORK,
            "degraded",
        ),
    ],
)
def test_state(observation: Observation, network: NetworkView, state: str) -> None:
    """The first rule that fits decides, and whatever is not healthy has a reason."""
    verdict = judge(observation, network)
    assert verdict.state == state
    assert bool(verdict.reason) == (state not in ("healthy", "stopped"))


def test_a_network_stands_still_after_eight_block_times() -> None:
    """At 1 s blocks not before 20 s, at 10 s blocks not before 80 s."""
    assert network_view([seen()], 1, now=1_019).stalled is None
    assert network_view([seen()], 1, now=1_021).stalled == "no block for 21 s"
    assert network_view([seen()], 10, now=1_079).stalled is None
    assert network_view([seen()], 10, now=1_081).stalled == "no block for 81 s"


def test_no_chain_is_no_standstill() -> None:
    """Where nobody answers, or only block 0 is there, time says nothing."""
    assert network_view([seen(chain="refused")], 1, now=9_999).stalled is None
    assert network_view([seen(chain=chain(0))], 1, now=9_999).stalled is None
