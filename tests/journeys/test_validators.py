"""Validators come and go on a real network: one is added, an old one stops, one is removed.

The tests share one network and run in order: each goes on where the one before it ended.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.logs import register
from tests.support.network import Network, spec
from tests.support.wait import until
from windlass.chains.cometbft.membership import Members
from windlass.chains.cometbft.rpc import CometbftClient
from windlass.runtimes.local.state import State

pytestmark = pytest.mark.timeout(400)

CHAIN_ID = 20281


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Network]:
    """Four validators, a node and a bootnode."""
    folder = tmp_path_factory.mktemp("council")
    register(request.config, folder)
    running = Network(
        folder, spec("council", chain_id=CHAIN_ID, validators=4, nodes=1, bootnodes=1)
    )
    try:
        running.up()
        yield running
    finally:
        running.close()


def states(network: Network) -> dict[str, str]:
    """Every validator's state in the set."""
    return {one["name"]: one["state"] for one in listed(network)["validators"]}


def listed(network: Network) -> dict[str, Any]:
    """What `windlass validator list` knows."""
    found: dict[str, Any] = json.loads(network.run("validator", "list", "--json").stdout)
    return found


def wants(network: Network, validators: int) -> None:
    """Writes that number of validators into the spec."""
    text = network.file.read_text()
    before, _, after = text.partition("    validators: ")
    network.file.write_text(f"{before}    validators: {validators}{after[1:]}")


def pids(network: Network, *names: str) -> dict[str, list[int]]:
    """The processes of these nodes."""
    return {
        one["name"]: [process["pid"] for process in one["processes"]]
        for one in network.nodes()
        if one["name"] in names
    }


def makes_blocks(network: Network, name: str) -> bool:
    """Whether one of the last ten blocks paid that validator."""
    entry = next(one for one in listed(network)["validators"] if one["name"] == name)
    rpc = network.rpc()
    height = rpc.height()
    blocks = [rpc.block(number) for number in range(max(1, height - 9), height + 1)]
    return entry["fee_recipient"] in {block["miner"] for block in blocks}


def goes_on(network: Network) -> None:
    """Two more blocks."""
    rpc = network.rpc()
    height = rpc.height()
    until(lambda: rpc.height() >= height + 2, "two more blocks", timeout_s=60)


def refused(network: Network, *words: str) -> str:
    """What `windlass validator …` says when it does not do it; nothing may have changed."""
    before = listed(network)
    done = network.run("validator", *words, check=False)
    assert done.returncode != 0
    assert done.stdout == ""
    assert listed(network) == before
    return done.stderr


def sets(network: Network) -> dict[str, Members]:
    """The set as each bridge of the network has it."""

    async def ask(url: str) -> Members:
        client = CometbftClient(url)
        try:
            return (await client.members()).members
        finally:
            await client.close()

    with State.open(network.state) as state:
        urls = {one.name: one.cometbft_url for one in state.workloads() if one.cometbft_url}
    return {name: asyncio.run(ask(url)) for name, url in urls.items()}


def test_a_fifth_is_started_and_follows(network: Network) -> None:
    """A larger number in the spec starts one more, as a candidate, and restarts no validator."""
    old = [f"validator-{number}" for number in range(4)]
    before = pids(network, *old)
    wants(network, 5)
    network.up()

    assert pids(network, *old) == before
    assert states(network) == {**dict.fromkeys(old, "active"), "validator-4": "candidate"}
    assert network.node("validator-4")["state"] == "healthy"
    assert json.loads(network.run("doctor", "--json").stdout)["findings"] == []


def test_what_can_not_be(network: Network) -> None:
    """A sentence each, and nothing changed."""
    assert "no validator 'nobody'" in refused(network, "add", "nobody")
    assert "is a validator already" in refused(network, "add", "validator-0")
    assert "no validator of this network" in refused(network, "remove", "validator-4")
    assert "Which validator to add" in refused(network, "propose", "add")
    assert "nothing.json cannot be read" in refused(network, "submit", "nothing.json")


def test_the_fifth_is_added(network: Network) -> None:
    """It makes blocks, and its fees go where its own vault says."""
    done = json.loads(network.run("validator", "add", "validator-4", "--json").stdout)
    assert (done["action"], done["name"], done["sequence"]) == ("add", "validator-4", 1)

    assert states(network)["validator-4"] == "active"
    until(lambda: makes_blocks(network, "validator-4"), "it makes blocks", timeout_s=40)
    assert len({str(one) for one in sets(network).values()}) == 1


def test_a_voter_is_not_taken_away(network: Network) -> None:
    """A lower number in the spec is refused with what to do first, and everything runs on."""
    wants(network, 4)
    told = network.run("up", "--detach", check=False)
    assert told.returncode == 1
    assert "validator-4 still votes in council" in told.stderr
    assert "`windlass validator remove validator-4`" in told.stderr
    assert network.node("validator-4")["state"] == "healthy"
    wants(network, 5)
    goes_on(network)


def test_a_proposal_goes_round(network: Network) -> None:
    """One holder after the other signs; the doctor says what is missing; two thirds submit. The one
    that is removed is away all the time."""
    network.run("stop", "validator-1")
    goes_on(network)
    assert "would have 4" not in network.run("validator", "propose", "remove", "validator-1").stdout
    file = ".windlass/proposals/validator-1-2.json"
    network.run("validator", "sign", file, "--as", "validator-0")
    assert "each signs once" in refused(network, "sign", file, "--as", "validator-0")
    assert "signed with 10 of 50 voting power" in refused(network, "submit", file)
    found = json.loads(network.run("doctor", "--json").stdout)["findings"]
    (short,) = [one for one in found if one["code"] == "proposal-short-of-signatures"]
    assert "24 of 50 voting power are missing" in short["sentence"]

    for name in ("validator-2", "validator-3", "validator-4"):
        network.run("validator", "sign", file, "--as", name)
    done = network.run("validator", "submit", file)
    assert done.stdout.startswith("validator-1 votes no more, from height")
    assert states(network)["validator-1"] == "removed"
    assert "number 2, but the chain's next change is number 3" in refused(network, "submit", file)
    assert "was removed from the set already" in refused(network, "remove", "validator-1")
    goes_on(network)


def test_blocks_may_not_stop(network: Network) -> None:
    """With one of four away, removing another that is there would end all blocks: refused."""
    network.run("stop", "validator-2")
    goes_on(network)
    assert "blocks would stop" in refused(network, "remove", "validator-0")
    network.run("start", "validator-2")
    network.run("start", "validator-1")
    until(lambda: network.status()["healthy"], "all are well", timeout_s=60)


def test_it_outlives_a_restart_of_everything(network: Network) -> None:
    """The set is the chain's: after `down` and `up` it is what it was, on every node."""
    before = listed(network)
    network.run("down")
    network.up()

    assert listed(network) == before
    goes_on(network)
    assert len({str(one) for one in sets(network).values()}) == 1


def test_the_fifth_goes(network: Network) -> None:
    """Removed from the set, it may leave the spec; a node that then replays the whole chain comes
    to the same set as all others."""
    network.run("validator", "remove", "validator-4")
    wants(network, 4)
    network.up()
    assert {one["name"] for one in network.nodes("validator")} == {
        f"validator-{number}" for number in range(4)
    }
    network.run("scale", "council", "nodes=2")
    target = network.rpc().height()
    until(lambda: network.rpc("node-1").height() >= target, "the late node is there", timeout_s=60)

    found = sets(network)
    assert len({str(one) for one in found.values()}) == 1
    assert found["node-1"].changes == 3
    assert len(found["node-1"].powers) == 3
    goes_on(network)


def test_fewer_than_the_genesis_had(network: Network) -> None:
    """A validator of the genesis can go as well, also while nothing runs."""
    network.run("validator", "add", "validator-1")
    network.run("validator", "remove", "validator-3")
    network.run("down")
    wants(network, 2)
    told = network.run("up", "--detach", check=False)
    assert "validator-2 still votes in council" in told.stderr
    wants(network, 3)
    network.up()

    assert {one["name"] for one in network.nodes("validator")} == {
        f"validator-{number}" for number in range(3)
    }
    goes_on(network)
    assert json.loads(network.run("doctor", "--json").stdout)["findings"] == []
