"""The long form: faults in random order until hundreds of processes were killed."""

from __future__ import annotations

import os
import time

import pytest

from tests.faults.storm import FAULTS, Storm

KILLS = int(os.environ.get("WINDLASS_STORM_KILLS", "300"))


@pytest.mark.storm
@pytest.mark.timeout(4 * 3600)
def test_a_network_outlives_hundreds_of_kills(storm: Storm) -> None:
    """After every fault of a long random series the network makes blocks and its nodes agree."""
    began = time.monotonic()
    while storm.kills < KILLS:
        name = storm.randomness.choice(list(FAULTS))
        back_s = storm.survive(FAULTS[name], name)
        print(f"{storm.kills:4} kills, {time.monotonic() - began:6.0f} s: {name}: {back_s:.1f} s")
    storm.settle()
    for name, took_s in sorted(storm.took_s.items()):
        print(f"{name:32} {len(took_s):3} times, worst {max(took_s):5.1f} s")
    sent = len(storm.load.hashes())
    print(f"{storm.kills} kills, {sent} transfers, {storm.finals.highest()} blocks")
    follower = storm.follower
    print(
        f"followed {len(follower.heads)} heads and {len(follower.logs)} logs over "
        f"{follower.connections} connections, {follower.filters} filters; the longest gap between "
        f"two heads on one connection was {follower.longest_gap_s:.1f} s"
    )
