"""How long a network is without blocks after each fault."""

from __future__ import annotations

import random
from pathlib import Path

from tests.benchmarks.report import Section, median
from tests.faults.storm import FAULTS, Storm, storm_spec
from tests.support.network import Network

RUNS = 5
ONCE = ("a geth frozen for 30 s",)  # five of them would take more than two minutes


def measure(section: Section, folder: Path) -> None:
    """Each fault on one network of 4 validators and a node, under a load of 10 transfers/s."""
    network = Network(folder / "network", storm_spec())
    try:
        network.up()
        storm = Storm(network, random.Random(1))
        storm.start()
        for name, fault in FAULTS.items():
            for _ in range(1 if name in ONCE else RUNS):
                storm.survive(fault, name)
            section.add(
                f"two more final blocks after: {name}", "≤ 15 s", median(storm.took_s[name])
            )
        storm.settle()
        section.add(
            "transfers through the gateway during the faults",
            "each once, sent once",
            f"{len(storm.load.hashes())}, each once on all nodes",
            f"{storm.kills} processes killed, no final block changed",
        )
    finally:
        network.close()
