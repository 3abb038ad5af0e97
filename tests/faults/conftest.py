"""The network that faults are done to: 4 validators, a node and a load of transfers."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests.faults.storm import Storm, storm_spec
from tests.support.logs import register
from tests.support.network import Network


@pytest.fixture(scope="module")
def storm(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storm]:
    """The running network. Its random choices follow from WINDLASS_STORM_SEED, shown on failure."""
    seed = int(os.environ.get("WINDLASS_STORM_SEED", random.SystemRandom().randrange(2**32)))
    print(f"WINDLASS_STORM_SEED={seed}")
    folder = tmp_path_factory.mktemp("storm")
    register(request.config, folder)
    network = Network(folder, storm_spec())
    try:
        network.up()
        running = Storm(network, random.Random(seed))
        running.start()
        yield running
        running.stop()
    finally:
        network.close()
