"""Whether a node is healthy: pure rules over what was observed.

stopped   it is stopped on purpose
failed    a process keeps dying, or is dead and nobody brings it back
starting  it was just started: a process is not ready yet, or the chain has no block yet
degraded  it runs, but a process is away, does not answer, lags behind, or no blocks come
healthy   none of these
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from windlass.plan.workload import Workload
from windlass.runtimes.local.state import Desired, ProcessRow
from windlass.runtimes.local.status import NodeState

LAG_BLOCKS_MAX = 5
"""A node this far behind is still near enough: what is asked a second apart differs by a block or
two, and a restarted node catches up within seconds."""

STALL_BLOCKS = 8
STALL_S_MIN = 20.0
"""Without a new block for eight block times, and at least 20 s, the network stands still: the
longest pause that healthy validators take, two proposers being down in turn, is below that."""


class ChainView(msgspec.Struct, frozen=True, kw_only=True):
    """What a node's RPC says about its chain."""

    height: int
    finalized: int
    block_hash: str
    timestamp: int
    peers: int


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One workload as it was found.

    `alive` names the processes that run; `chain` is a sentence if the RPC did not answer, None if
    there is none; `unready` is what its own program complains of.
    """

    workload: Workload
    desired: Desired
    processes: tuple[ProcessRow, ...]
    alive: frozenset[str]
    chain: ChainView | str | None
    unready: str | None


class NetworkView(msgspec.Struct, frozen=True, kw_only=True):
    """What all nodes tell together: the highest block, and why blocks stopped, if they did."""

    height: int
    stalled: str | None


class Verdict(msgspec.Struct, frozen=True):
    """A node's state, and why it is not healthy."""

    state: NodeState
    reason: str = ""


def network_view(seen: Sequence[Observation], block_time_s: int, now: float) -> NetworkView:
    """The network's highest block. `now` is Unix time in seconds."""
    chains = [one.chain for one in seen if isinstance(one.chain, ChainView)]
    if not chains:
        return NetworkView(height=0, stalled=None)
    best = max(chains, key=lambda chain: chain.height)
    age_s = now - best.timestamp
    stalled = None
    if best.height and age_s > max(STALL_S_MIN, STALL_BLOCKS * block_time_s):
        stalled = f"no block for {age_s:.0f} s"
    return NetworkView(height=best.height, stalled=stalled)


def judge(seen: Observation, network: NetworkView) -> Verdict:
    """The node's state by the rules above, the gravest first."""
    names = {process.name for process in seen.workload.processes}
    if seen.desired == "stopped":
        return Verdict("stopped") if not seen.alive else Verdict("degraded", "is being stopped")
    for row in seen.processes:
        if row.state == "failed":
            return Verdict("failed", f"{row.process} keeps failing: {row.last_reason}")
    if not seen.alive and all(row.state in ("running", "stopped") for row in seen.processes):
        return Verdict("failed", "nothing of it runs")
    away = sorted(names - seen.alive)
    if away:
        return _away(seen, away)
    unready = [row for row in seen.processes if not row.ready]
    if any(row.state == "starting" for row in unready):
        return Verdict("starting", f"{unready[0].process} is not ready yet")
    return _answers(seen, network) or Verdict("healthy")


def _away(seen: Observation, away: Sequence[str]) -> Verdict:
    rows = {row.process: row for row in seen.processes}
    first = rows.get(away[0])
    if first is None or (first.restarts == 0 and first.state == "starting"):
        return Verdict("starting", f"{away[0]} is not started yet")
    detail = f": {first.last_reason}" if first.last_reason else ""
    return Verdict("degraded", f"{', '.join(away)} not running{detail}")


def _answers(seen: Observation, network: NetworkView) -> Verdict | None:
    if isinstance(seen.chain, str):
        return Verdict("degraded", seen.chain)
    if seen.chain is not None and network.height == 0:
        return Verdict("starting", "waits for the first block")
    if seen.unready is not None:
        return Verdict("degraded", seen.unready)
    for row in seen.processes:
        if not row.ready:
            return Verdict("degraded", f"{row.process} does not answer: {row.last_reason}")
    if seen.chain is None:
        return None
    behind = network.height - seen.chain.height
    if behind > LAG_BLOCKS_MAX:
        return Verdict("degraded", f"is {behind} blocks behind")
    if network.stalled is not None:
        return Verdict("degraded", network.stalled)
    return None
