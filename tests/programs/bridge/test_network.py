"""Four real validators: blocks, and what each failure of a part leaves behind.

The tests share one network and run in order: each leaves it whole, which the next one relies on.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.geth import free_port
from tests.support.logs import register
from tests.support.validators import Network, Validator, cometbft_status
from tests.support.wait import until
from windlass.chains.cometbft.rpc import CometbftClient, CometbftError

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def network(
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
    geth_binary: Path,
    cometbft_binary: Path,
) -> Generator[Network]:
    """Four validators that make blocks; the last one's bridge can be made to misbehave."""
    folder = tmp_path_factory.mktemp("validators")
    register(request.config, folder)
    made = Network(folder, geth_binary, cometbft_binary, validators=4, nodes=1)
    crooked = made.validators[3]
    crooked.module = "tests.support.byzantine_bridge"
    crooked.environment["WINDLASS_TEST_MISCHIEF"] = str(folder / "mischief")
    with made:
        made.start()
        made.wait_for_block(1)
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def test_all_have_the_same_final_blocks(network: Network) -> None:
    """Every block is final on every validator as soon as it is there, and it is the same block."""
    network.wait_for_block(4)

    network.assert_same_chain()
    for one in network.validators:
        latest, finalized, safe = (
            one.geth.rpc.block(tag) for tag in ("latest", "finalized", "safe")
        )
        assert int(finalized["number"], 16) >= int(latest["number"], 16)
        assert int(safe["number"], 16) >= int(latest["number"], 16)


def test_fees_go_to_each_proposer(network: Network) -> None:
    """The four validators take turns, each with the fee recipient that genesis gives it."""
    wanted = {one.fee_recipient for one in network.validators}
    height = network.height()
    network.wait_for_block(height + 4)

    rpc = network.validators[0].geth.rpc
    miners = {rpc.block(number)["miner"] for number in range(height + 1, height + 5)}
    assert miners == wanted


def test_state_page(network: Network) -> None:
    """The bridge says where it is, and who votes with which power."""
    state = network.validators[0].state()

    assert state["geth"] == "ok"
    assert state["request"] is None
    assert state["validators"] == {one.key.address: 10 for one in network.validators}
    assert abs(state["clock_offset_s"]) < 1.5


async def test_cometbft_rpc(network: Network) -> None:
    """Our client reads from a real CometBFT what the doctor wants to know."""
    one = network.validators[0]
    client = CometbftClient(f"http://127.0.0.1:{one.ports['rpc']}")
    try:
        status = await client.status()
        powers = await client.validators()
        peers = await client.peers()
        position = await client.round()
    finally:
        await client.close()

    assert (status.address, status.power, status.node_id) == (one.key.address, 10, one.node_key.id)
    assert powers == {member.key.address: 10 for member in network.validators}
    assert {peer.moniker for peer in peers} <= {member.name for member in network.validators}
    assert position.height > status.height - 2
    assert len(position.prevotes) == len(position.precommits) == 4
    assert position.proposer in powers


async def test_cometbft_rpc_that_is_not_there() -> None:
    """A CometBFT that does not run is told apart from one that answers nonsense."""
    client = CometbftClient(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(CometbftError) as failed:
        await client.status()
    await client.close()

    assert failed.value.unreachable


@pytest.mark.parametrize(
    "point", ["after-new-payload", "after-forkchoice", "before-commit", "after-commit"]
)
def test_bridge_killed_at(network: Network, point: str) -> None:
    """Killed between any two steps of a block, a bridge comes back to the same chain."""
    victim = network.validators[1]
    died = victim.restarts["bridge"]
    victim.environment["WINDLASS_FAULT"] = point
    victim.kill("bridge")
    until(lambda: victim.restarts["bridge"] >= died + 2, f"it died {point}", timeout_s=40)
    del victim.environment["WINDLASS_FAULT"]
    victim.kill("bridge")

    _recovers(network, victim)


def test_cometbft_killed(network: Network) -> None:
    """A new CometBFT is served by the bridge that is there."""
    victim = network.validators[1]
    died = victim.restarts["bridge"]
    victim.kill("cometbft")

    _recovers(network, victim)
    assert victim.restarts["bridge"] == died


def test_geth_killed(network: Network) -> None:
    """A geth that lost its last blocks at kill -9 is given them back."""
    victim = network.validators[0]
    victim.kill("geth")

    _recovers(network, victim)


def test_geth_wiped(network: Network) -> None:
    """A geth that lost everything is given everything back."""
    victim = network.validators[0]
    victim.stop("geth")
    victim.geth.wipe()
    victim.start("geth")

    _recovers(network, victim)
    assert victim.state()["restored_blocks"] > 0


def test_geth_frozen(network: Network) -> None:
    """The others go on while one geth hangs, and its validator catches up when it goes on."""
    victim = network.validators[2]
    victim.geth.freeze()
    others = _others(network, victim)
    network.wait_for_block(network.height(*others) + 3, *others)
    victim.geth.thaw()

    _recovers(network, victim)


def test_everything_killed_at_once(network: Network) -> None:
    """A power cut of the whole network loses no final block."""
    height = network.assert_same_chain()
    hashes = [network.validators[0].geth.block_hash(number) for number in range(height + 1)]
    for one in network.validators:
        one.kill()

    _recovers(network, *network.validators)
    assert hashes == [network.validators[0].geth.block_hash(n) for n in range(height + 1)]


@pytest.mark.parametrize(
    ("mischief", "rule"),
    [
        ("garbage", "well_formed"),
        ("fee_recipient", "own_fee_recipient"),
        ("future", "not_too_late"),
        ("randao", "agreed_prev_randao"),
        ("beacon_root", "app_hash_as_beacon_root"),
        ("tampered", "valid_to_geth"),
    ],
)
def test_wrong_proposal_is_refused(network: Network, mischief: str, rule: str) -> None:
    """The others vote a wrong proposal down by its own rule, and the next block comes."""
    crooked = network.validators[3]
    (network.folder / "mischief").write_text(mischief)
    others = _others(network, crooked)
    until(
        lambda: all(one.state()["last_rejection"].startswith(f"{rule}:") for one in others),
        f"{rule} refused it",
        timeout_s=30,
    )
    (network.folder / "mischief").write_text("")

    _recovers(network, *network.validators)


def test_late_proposal(network: Network) -> None:
    """A proposal that comes when nobody waits for it any more costs a round, not the chain."""
    honest = network.validators[0]
    until(lambda: honest.state()["round"] == 0, "a height took one round")
    (network.folder / "mischief").write_text("late")
    until(lambda: honest.state()["round"] > 0, "a height took a second round", timeout_s=30)
    (network.folder / "mischief").write_text("")

    _recovers(network, *network.validators)


def test_two_of_four_down(network: Network) -> None:
    """Without a quorum the chain stands still, and goes on when there is one again."""
    for one in network.validators[:2]:
        one.stop()
    still = network.validators[2]
    until(lambda: cometbft_status(still), "CometBFT answers")
    height = still.geth.height()
    # Whatever was under way may still be decided; then there is nothing any more.
    until(
        lambda: still.state()["block_number"] - height <= 1 and _stands(still), "the chain stands"
    )
    for one in network.validators[:2]:
        one.start("bridge", "cometbft", "geth")

    _recovers(network, *network.validators)


def test_late_joiner(network: Network) -> None:
    """A node that starts when there are blocks already gets all of them, from block 0 on."""
    node = network.nodes[0]
    node.start("bridge", "cometbft", "geth")
    network.wait_for_block(network.height(), node, timeout_s=60)

    network.assert_same_chain(network.validators[0], node)
    assert node.state()["rejected_proposals"] == 0


def _recovers(network: Network, *victims: Validator) -> None:
    """Two more blocks on every validator, and the same ones."""
    until(lambda: all(_reachable(one) for one in victims), "the victims answer", timeout_s=40)
    network.wait_for_block(network.height() + 2, timeout_s=60)
    network.assert_same_chain()


def _reachable(one: Validator) -> bool:
    return one.geth.height() >= 0 and bool(one.state())


def _others(network: Network, victim: Validator) -> list[Validator]:
    return [one for one in network.validators if one is not victim]


def _stands(one: Validator) -> bool:
    """Whether no block was committed for three block times."""
    last = one.state()["last_commit"]
    return last is not None and time.time() - last > 3
