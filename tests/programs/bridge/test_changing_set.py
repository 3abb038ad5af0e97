"""Real validators that change their set: effective, kept over kills at every point, and replayed.

The tests share one network and run in order: each leaves it whole, which the next one relies on.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.logs import register
from tests.support.set_changes import change
from tests.support.validators import Network, Validator, cometbft_status
from tests.support.wait import until
from windlass.chains.cometbft.configuration import chain_id_of
from windlass.chains.cometbft.membership import Chain
from windlass.chains.cometbft.rpc import CometbftClient, CometbftError
from windlass.chains.cometbft.set_change import SetChange, encode

pytestmark = pytest.mark.timeout(240)

POINTS = ("after-new-payload", "after-forkchoice", "before-commit", "after-commit")


@pytest.fixture(scope="module")
def network(
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
    geth_binary: Path,
    cometbft_binary: Path,
) -> Generator[Network]:
    """Four validators, a node that may become one, and a node that starts late."""
    folder = tmp_path_factory.mktemp("changing")
    register(request.config, folder)
    made = Network(folder, geth_binary, cometbft_binary, validators=4, nodes=2)
    with made:
        made.start()
        made.nodes[0].start("bridge", "cometbft", "geth")
        made.wait_for_block(2, *made.validators, made.nodes[0])
        yield made
    shutil.rmtree(folder, ignore_errors=True)


def _ask(one: Validator, question: str, *words: Any) -> Any:
    async def asked() -> Any:
        client = CometbftClient(f"http://127.0.0.1:{one.ports['rpc']}")
        try:
            return await getattr(client, question)(*words)
        except CometbftError as error:
            raise ConnectionError(str(error)) from error  # `until` asks again
        finally:
            await client.close()

    return asyncio.run(asked())


def _chain(one: Validator) -> Chain:
    found: Chain = _ask(one, "members")
    return found


def _change(
    network: Network,
    action: Literal["add", "remove"],
    subject: Validator,
    signers: Iterable[Validator],
) -> SetChange:
    members = _chain(network.validators[0]).members
    return change(
        action,
        subject.key,
        name=subject.name,
        network=chain_id_of("test", network.ethereum.chain_id),
        genesis=network.ethereum.hash(),
        sequence=members.next_sequence,
        signers=[one.key for one in signers],
    )


def _submit(network: Network, made: SetChange, *through: Validator) -> None:
    """Hands it in and waits until the new set votes."""
    entry = through[0] if through else network.validators[0]
    assert _ask(entry, "broadcast", encode(made)) == ""
    _in_effect(network, made)


def _in_effect(network: Network, made: SetChange, *members: Validator) -> None:
    for one in members or (*network.validators, network.nodes[0]):
        until(
            lambda one=one: (  # type: ignore[misc]
                one.state()["validator_changes"] >= made.sequence
                and (made.address in _ask(one, "validators")) == (made.action == "add")
            ),
            f"{one.name} knows change {made.sequence} to be in effect",
            timeout_s=60,
        )


def _same_set(network: Network, *members: Validator) -> None:
    """All have the same set, and CometBFT's votes are by it."""
    asked = members or (*network.validators, network.nodes[0])
    sets = [_chain(one).members for one in asked]
    assert all(one == sets[0] for one in sets), sets
    for one in asked:
        until(
            lambda one=one: _ask(one, "validators") == sets[0].powers,  # type: ignore[misc]
            f"{one.name}'s CometBFT has the bridge's set",
        )
    network.assert_same_chain(*asked)


def test_a_node_becomes_a_validator(network: Network) -> None:
    """Three of four sign; the fifth then votes, proposes, and has its own fees."""
    candidate = network.nodes[0]
    _submit(network, _change(network, "add", candidate, network.validators[:3]))

    until(
        lambda: candidate.key.address in _ask(candidate, "recent_signers", 2),
        "it signs blocks",
        timeout_s=30,
    )
    rpc = network.validators[0].geth.rpc

    def proposed() -> bool:
        height = network.height()
        miners = {rpc.block(number)["miner"] for number in range(max(1, height - 6), height + 1)}
        return candidate_recipient(network) in miners

    until(proposed, "it proposes blocks", timeout_s=30)
    _same_set(network)


def candidate_recipient(network: Network) -> str:
    """Where the fees of the fifth go, by the chain."""
    members = _chain(network.validators[0]).members
    return members.fee_recipients[network.nodes[0].key.address]


def _height(one: Validator) -> int:
    return int(cometbft_status(one)["sync_info"]["latest_block_height"])


def test_what_is_refused_changes_nothing(network: Network) -> None:
    """Too few signatures, one that was used, a stranger: each with its rule, and blocks go on."""
    before = _chain(network.validators[0]).members
    few = _change(network, "remove", network.nodes[0], network.validators[:3])
    known = _change(network, "add", network.nodes[0], network.validators)
    unknown = _change(network, "remove", network.nodes[1], network.validators)
    twice = _change(
        network, "remove", network.nodes[0], [*network.validators, network.validators[0]]
    )
    for made, rule in (
        (few, "enough_signatures"),
        (known, "not_yet_there"),
        (unknown, "known_validator"),
        (twice, "signed_once"),
    ):
        assert _ask(network.validators[1], "broadcast", encode(made)).startswith(f"{rule}:")
    network.wait_for_block(network.height() + 2)

    assert _chain(network.validators[0]).members == before


def test_an_old_validator_stops(network: Network) -> None:
    """With five, one may be away, and is removed while it is; it comes back as a follower."""
    old = network.validators[3]
    old.stop()
    others = [*network.validators[:3], network.nodes[0]]
    network.wait_for_block(network.height(*others) + 3, *others)
    made = _change(network, "remove", old, others)
    assert _ask(others[-1], "broadcast", encode(made)) == ""
    _in_effect(network, made, *others)

    old.start("bridge", "cometbft", "geth")
    _in_effect(network, made)
    network.wait_for_block(network.height(*others) + 2)
    _same_set(network)


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(network: Network, point: str) -> None:
    """A validator that dies at this point of every height, and so of the change's, comes back with
    the same set as the others."""
    victim = network.validators[1]
    others = [one for one in network.members[:5] if one is not victim]
    is_in = network.validators[3].key.address in _chain(network.validators[0]).members.powers
    died = victim.restarts["bridge"]
    victim.environment["WINDLASS_FAULT"] = point
    victim.kill("bridge")
    until(lambda: victim.restarts["bridge"] >= died + 2, f"it died {point}", timeout_s=40)
    signers = [one for one in others if is_in or one is not network.validators[3]]
    action: Literal["add", "remove"] = "remove" if is_in else "add"
    made = _change(network, action, network.validators[3], [*signers, victim])
    assert _ask(network.validators[0], "broadcast", encode(made)) == ""
    _in_effect(network, made, *others)
    del victim.environment["WINDLASS_FAULT"]
    victim.kill("bridge")

    _in_effect(network, made)
    network.wait_for_block(network.height() + 2, timeout_s=60)
    _same_set(network)


def test_everything_killed_while_it_is_decided(network: Network) -> None:
    """A power cut of the whole network in the very height of the change splits nobody: all die
    right after that commit, and all come back with one set."""
    is_in = network.validators[3].key.address in _chain(network.validators[0]).members.powers
    action: Literal["add", "remove"] = "remove" if is_in else "add"
    voting = [network.nodes[0], *network.validators[: 4 if is_in else 3]]
    made = _change(network, action, network.validators[3], voting)
    assert _ask(network.validators[0], "broadcast", encode(made)) == ""
    until(
        lambda: network.validators[0].state()["validator_changes"] >= made.sequence,
        "the first has it",
        timeout_s=30,
        poll_s=0.01,
    )
    for one in network.members[:5]:
        one.kill()

    network.wait_for_block(network.height() + 2, timeout_s=60)
    _in_effect(network, made)
    _same_set(network)


def test_replay_from_scratch(network: Network) -> None:
    """A node that starts now and gets every block from the first has the same set as all others."""
    late = network.nodes[1]
    late.start("bridge", "cometbft", "geth")
    network.wait_for_block(network.height(), late, timeout_s=90)

    assert _chain(late).members.changes >= 6
    _same_set(network, *network.validators, *network.nodes)
    assert late.state()["rejected_proposals"] == 0
