"""`windlass transaction` says what became of a transaction, on a real network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.load import SINK
from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.transfers import Sender
from tests.support.wait import until

CHAIN_ID = 20277
UNKNOWN = "0x" + "ab" * 32
STUCK_S = 60
"""After half a minute the gateway calls a transaction stuck."""


@pytest.fixture(scope="module")
def rich() -> Sender:
    """An account with a million ether, whose key the tests hold."""
    return Sender("transaction", CHAIN_ID)


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, rich: Sender
) -> Iterator[Network]:
    """The smallest network that there is."""
    folder = tmp_path_factory.mktemp("transaction")
    register(request.config, folder)
    text = spec("lab", consensus="solo", chain_id=CHAIN_ID, accounts=[rich.address], bootnodes=1)
    running = Network(folder, text)
    try:
        running.up()
        yield running
    finally:
        running.close()


def told(network: Network, digest: str, exit_code: int) -> dict[str, Any]:
    """The JSON document, with the exit code that it must come with."""
    done = network.run("transaction", digest, "--json", check=False)
    assert done.returncode == exit_code, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_final_one(network: Network) -> None:
    """Its block, and what it moved; people read the same as machines."""
    sent = json.loads(network.run("send", "treasury", "1", "--json").stdout)

    found = told(network, sent["hash"], 0)

    assert (found["status"], found["block"]) == ("final", sent["block"])
    assert found["succeeded"] is True
    assert found["value_wei"] == str(10**18)
    shown = network.run("transaction", sent["hash"]).stdout
    assert f"Final in block {sent['block']}" in shown


def test_one_that_nobody_knows(network: Network) -> None:
    """It is said so, and the exit code is 1."""
    assert told(network, UNKNOWN, 1)["status"] == "unknown"
    assert "Nobody knows it" in network.run("transaction", UNKNOWN, check=False).stdout


@pytest.mark.parametrize("text", ["", "0x12", "ab" * 32, UNKNOWN + "0", UNKNOWN.replace("a", "g")])
def test_what_is_no_hash(network: Network, text: str) -> None:
    """It is refused before anything is asked."""
    refused = network.run("transaction", text, check=False)
    assert refused.returncode == 2
    assert "is no transaction's hash" in refused.stderr


@pytest.mark.timeout(300)
def test_pending_stuck_and_dropped(network: Network, rich: Sender) -> None:
    """One whose nonce leaves a gap is pending, and the doctor says which nonce is missing; of two
    with the same nonce one becomes final and the other is kept as dropped, with the reason."""
    rpc = network.rpc()
    gap = rich.transfer(SINK)  # nonce 0, kept back
    cheap = rich.transfer(SINK)
    dear = rich.again(1, SINK, tip_factor=2)
    for one in (cheap, dear):
        rpc("eth_sendRawTransaction", one.raw)

    waiting = told(network, cheap.hash, 0)
    assert (waiting["status"], waiting["nonce"]) == ("pending", 1)
    assert waiting["sent"] >= 1  # it is offered again from the second block on
    until(
        lambda: "transaction-stuck" in network.run("doctor", "--json", check=False).stdout,
        "the doctor tells of it",
        timeout_s=STUCK_S,
        poll_s=2,
    )
    shown = network.run("doctor", check=False)
    assert "nonce 0 is missing before it" in shown.stdout
    assert shown.returncode == 0, "the network is well"

    rpc("eth_sendRawTransaction", gap.raw)

    until(lambda: told(network, dear.hash, 0)["status"] == "final", "the dearer one", timeout_s=30)
    until(
        lambda: "dropped" in network.run("transaction", cheap.hash, check=False).stdout.lower(),
        "the cheaper one is dropped",
        timeout_s=60,
        poll_s=1,
    )
    dropped = told(network, cheap.hash, 1)
    assert dropped["status"] == "dropped"
    assert "nonce 1" in dropped["reason"]
