"""A network with a gateway that the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import GatewayNetwork
from tests.support.logs import register


@pytest.fixture(scope="module")
def network(
    geth_binary: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[GatewayNetwork]:
    """A sealer with its geth, two RPC nodes and a gateway."""
    folder = tmp_path_factory.mktemp("gateway")
    register(request.config, folder)
    network = GatewayNetwork(geth_binary, folder)
    try:
        yield network.start()
    finally:
        network.close()
