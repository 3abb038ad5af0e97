"""How long a network is without blocks after each fault."""

from __future__ import annotations

import random
from pathlib import Path

from tests.benchmarks.report import Section, median
from tests.faults.storm import ACCOUNTS, CHAIN_ID, FAULTS, Storm
from tests.support.network import Network, spec
from tests.support.transfers import senders

RUNS = 5
ONCE = ("a geth frozen for 30 s",)  # five of them would take more than two minutes


def measure(section: Section, folder: Path) -> None:
    """Each fault on one network of 4 validators and a node, under a load of 10 transfers/s."""
    accounts = [one.address for one in senders(ACCOUNTS, CHAIN_ID)]
    network = Network(folder / "network", spec(accounts=accounts, chain_id=CHAIN_ID, bootnodes=1))
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
            "transfers during the faults",
            "each once",
            f"{len(storm.load.hashes())}, each once on all nodes",
            f"{storm.kills} processes killed, no final block changed",
        )
    finally:
        network.close()
