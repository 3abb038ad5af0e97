"""viem and ethers, which nobody here wrote, work through the gateway unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import javascript
from tests.support.contracts import ABI, CREATION
from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.transfers import Sender

CLIENTS = Path(__file__).parent / "clients"
CHAIN_ID = 20263
LIBRARIES = ("viem", "ethers")


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Network]:
    """The network that a person gets by default, with an account of its own for each library."""
    folder = tmp_path_factory.mktemp("clients")
    register(request.config, folder)
    rich = [Sender(name, CHAIN_ID).address for name in LIBRARIES]
    running = Network(folder, spec(chain_id=CHAIN_ID, accounts=rich))
    try:
        running.up()
        yield running
    finally:
        running.close()


@pytest.mark.timeout(600)  # the packages are installed at the first run
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_works_unchanged(network: Network, library: str) -> None:
    """It deploys, calls, subscribes, and reads logs and fee history; it sees its own writes."""
    endpoints = network.network()["endpoints"]
    given = {
        "rpc": endpoints["rpc"],
        "ws": endpoints["ws"],
        "chainId": CHAIN_ID,
        "key": "0x" + Sender(library, CHAIN_ID).secret.hex(),
        "abi": ABI,
        "bytecode": "0x" + CREATION,
    }

    seen = json.loads(javascript.run(CLIENTS, f"{library}.mjs", json.dumps(given)))

    assert seen["chainId"] == CHAIN_ID
    assert seen["status"] == "success"
    assert seen["nonceAfterSending"] == 2  # the deployment's and the call's, which still waits
    assert seen["value"] == 42
    assert seen["logs"] == seen["events"] == [42]
    assert seen["heads"] == list(range(seen["heads"][0], seen["heads"][0] + len(seen["heads"])))
    assert (seen["baseFees"], seen["rewards"]) == (4, 3)
    assert "revert" in seen["refused"].lower()
