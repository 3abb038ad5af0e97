"""Networks that the journeys share: a small one where its kind does not matter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.transfers import Sender

CHAIN_ID = 20262


@pytest.fixture(scope="session")
def rich() -> Sender:
    """An account with a million ether on the `solo` network, whose key the tests hold."""
    return Sender("journeys", CHAIN_ID)


@pytest.fixture(scope="session")
def solo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, rich: Sender
) -> Iterator[Network]:
    """A running network of one sealer and a node."""
    folder = tmp_path_factory.mktemp("solo")
    register(request.config, folder)
    text = spec("lab", consensus="solo", chain_id=CHAIN_ID, accounts=[rich.address], bootnodes=1)
    network = Network(folder, text)
    try:
        network.up()
        yield network
    finally:
        network.close()
