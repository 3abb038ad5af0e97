"""The long form: faults in random order until hundreds of processes were killed."""

from __future__ import annotations

import os
import time

import pytest

from tests.benchmarks import report
from tests.benchmarks.report import Section
from tests.faults.storm import FAULTS, Storm

KILLS = int(os.environ.get("WINDLASS_STORM_KILLS", "300"))


@pytest.mark.storm
@pytest.mark.timeout(4 * 3600)
def test_a_network_outlives_hundreds_of_kills(storm: Storm) -> None:
    """After every fault of a long random series the network makes blocks and its nodes agree; what
    was seen goes into docs/benchmarks.md."""
    section = Section("A storm of kills", date=report.now(), load_before=report.load_average())
    began = time.monotonic()
    while storm.kills < KILLS:
        name = storm.randomness.choice(list(FAULTS))
        back_s = storm.survive(FAULTS[name], name)
        print(f"{storm.kills:4} kills, {time.monotonic() - began:6.0f} s: {name}: {back_s:.1f} s")
    storm.settle()
    _describe(section, storm, time.monotonic() - began)
    section.load_after = report.load_average()
    report.keep("storm", section)
    report.write_page()


def _describe(section: Section, storm: Storm, lasted_s: float) -> None:
    follower = storm.follower
    blocks = storm.finals.highest()
    section.add(
        "processes killed with -9", "≥ 300", str(storm.kills),
        f"in {lasted_s:.0f} s, under 4 validators, a node, the gateway and the dashboard",
    )  # fmt: skip
    section.add(
        "transactions that the gateway accepted", "each once, sent once",
        f"{len(storm.load.hashes())}, each once on all nodes", "no sender sent one again",
    )  # fmt: skip
    section.add("final blocks that changed", "0", "0", f"of {blocks}, compared on all nodes")
    section.add(
        "subscriptions and filters", "miss nothing, repeat nothing",
        f"{len(follower.heads)} heads and {len(follower.logs)} logs, in order, each once",
        f"over {follower.connections} connections, {follower.filters} filters",
    )  # fmt: skip
    section.add(
        "longest gap between two heads",
        "",
        f"{follower.longest_gap_s:.1f} s",
        "as a client saw it, over broken connections, too",
    )
    for name, took_s in sorted(storm.took_s.items()):
        section.add(
            f"two more final blocks after: {name}", "≤ 15 s", f"{max(took_s):.1f} s",
            f"the worst of {len(took_s)}",
        )  # fmt: skip
