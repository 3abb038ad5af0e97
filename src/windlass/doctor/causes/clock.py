"""Clocks that differ. Blocks carry the wall clock's time, and tokens live for a minute by it.

On one machine all share a clock, so it is either the machine's that jumped, or one process lives
in another time; between machines each may be off by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import median

from windlass.doctor.evidence import Evidence, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import facts

SKEW_S_MAX = 2.0
"""A validator refuses a block whose stamp is further ahead of its clock than that."""

NEAR_BLOCKS = 3
"""Whoever is further behind is catching up, and its blocks' stamps are old for that reason."""

_CLOCK_WORDS = re.compile(r"stale token|future token|clocks differ", re.IGNORECASE)
NEXT_STEP = "Let the clock be kept by NTP: `timedatectl set-ntp true`, or chrony."


def is_about_clock(detail: str) -> bool:
    """Whether geth refused a token for its time and not for its signature."""
    return _CLOCK_WORDS.search(detail) is not None


def find(evidence: Evidence) -> Iterator[Finding]:
    """clock-skew."""
    for network in evidence.networks:
        ahead_s = (network.newest or 0) - evidence.now
        fast = any(_ahead_s(evidence, node) > SKEW_S_MAX for node in network.makers)
        if ahead_s > SKEW_S_MAX and not fast:
            stands = network.row.consensus != "solo"
            effect = (
                "no block can be made before it has caught up"
                if stands
                else "until it has caught up, blocks are stamped ahead of it"
            )
            yield Finding(
                code="clock-skew",
                severity="error",
                network=network.name,
                sentence=f"This machine's clock is {ahead_s:.0f} s behind the chain of "
                f"{network.name}: {effect}.",
                evidence=facts(
                    [f"The newest block is stamped {network.newest}", _kernel(evidence)]
                ),
                next_step=NEXT_STEP,
            )
            continue
        yield from _nodes(evidence, network)


def _nodes(evidence: Evidence, network: NetworkEvidence) -> Iterator[Finding]:
    offsets = {
        node.name: offset
        for node in network.nodes
        if (offset := _offset_s(node, network)) is not None
    }
    usual = median(offsets.values()) if len(offsets) > 2 else 0.0
    for node in network.nodes:
        driver = node.driver
        if driver is None:
            continue
        if driver.geth == "unauthorized" and is_about_clock(driver.geth_detail):
            yield _finding(evidence, node, "is more than 60 s from geth's", driver.geth_detail)
        elif abs(offsets.get(node.name, usual) - usual) > SKEW_S_MAX:
            # A stamp ahead of somebody's clock means that this clock is behind.
            off_s = usual - offsets[node.name]
            where = "ahead of" if off_s > 0 else "behind"
            said = (
                f"clock_offset_s at {node.workload.health_url}/state is {offsets[node.name]:+.1f}"
                f" s, the others' {usual:+.1f} s"
            )
            yield _finding(evidence, node, f"is {abs(off_s):.0f} s {where} the others'", said)
        elif (ahead_s := _ahead_s(evidence, node)) > SKEW_S_MAX:
            said = f"last_commit at {node.workload.health_url}/state is {ahead_s:.1f} s from now"
            yield _finding(evidence, node, f"is {ahead_s:.0f} s ahead of this machine's", said)


def _ahead_s(evidence: Evidence, node: NodeEvidence) -> float:
    """How far a sealer's clock is ahead, by when it says that it made its last block: the stamps,
    which it makes by that same clock, don't tell. Validators may have made theirs long ago, before
    the machine's clock was set back; a sealer goes on."""
    if not node.has("sealer") or node.driver is None or node.driver.last_commit is None:
        return 0.0
    return node.driver.last_commit - evidence.now


def _offset_s(node: NodeEvidence, network: NetworkEvidence) -> float | None:
    """The last block's stamp against the node's clock, if it is up to date."""
    driver = node.driver
    if driver is None or driver.clock_offset_s is None or driver.last_commit is None:
        return None
    if network.height - driver.block_number > NEAR_BLOCKS:
        return None
    return driver.clock_offset_s


def _finding(evidence: Evidence, node: NodeEvidence, what: str, said: str) -> Finding:
    program = "sealer" if node.has("sealer") else "bridge"
    return Finding(
        code="clock-skew",
        severity="error",
        network=node.workload.network,
        node=node.name,
        sentence=f"The clock of {node.name}'s {program} {what}.",
        evidence=facts([said, _kernel(evidence)]),
        next_step=NEXT_STEP,
    )


def _kernel(evidence: Evidence) -> str:
    if evidence.clock_synchronised is None:
        return ""
    word = "is" if evidence.clock_synchronised else "is not"
    return f"this machine's clock {word} synchronised (adjtimex)"
