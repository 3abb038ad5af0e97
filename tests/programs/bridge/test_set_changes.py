"""The bridge's part in a change of the validator set: what it takes, proposes, votes and keeps."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from tests.programs.bridge.test_application import GENESIS_HASH, Parts
from tests.support.set_changes import change, key, recipient
from windlass.chains.cometbft import abci_pb2 as pb
from windlass.chains.cometbft.configuration import VOTING_POWER
from windlass.chains.cometbft.membership import Chain
from windlass.chains.cometbft.set_change import SetChange, encode
from windlass.kit import json
from windlass.programs.bridge.settings import Genesis
from windlass.programs.bridge.state import same_head

NAMES = ("a", "b", "c", "d")
KEYS = [key(name) for name in NAMES]


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncGenerator[Parts]:
    """A bridge at the genesis of four validators; its geth does not run."""
    (tmp_path / "jwt.hex").write_text("22" * 32)
    made = Parts(tmp_path)
    await made.bridge.init_chain(_genesis())
    yield made
    await made.close()


def _genesis() -> pb.RequestInitChain:
    state = Genesis(
        ethereum_genesis_hash=GENESIS_HASH,
        ethereum_genesis_timestamp=1_700_000_000,
        fee_recipients={key(name).address: recipient(name) for name in NAMES},
    )
    return pb.RequestInitChain(
        app_state_bytes=msgspec.json.encode(state),
        initial_height=1,
        validators=[
            pb.ValidatorUpdate(pub_key=pb.PublicKey(ed25519=one.public), power=VOTING_POWER)
            for one in KEYS
        ],
    )


def _added(sequence: int = 1, signers: int = 3) -> SetChange:
    return change(
        "add",
        key("e"),
        name="e",
        network="test-20261",
        genesis=GENESIS_HASH,
        sequence=sequence,
        signers=KEYS[:signers],
    )


async def _decide(parts: Parts, height: int, *txs: bytes) -> pb.ResponseFinalizeBlock:
    request = pb.RequestFinalizeBlock(height=height, txs=txs, time=pb.Time(seconds=1_700_000_001))
    answer = await parts.bridge.finalize_block(request)
    await parts.bridge.commit(pb.RequestCommit())
    return answer


async def test_check_tx_takes_what_the_next_block_may_have(parts: Parts) -> None:
    """A change with enough signatures is kept and passed on; one without is not, with the rule."""
    good = await parts.bridge.check_tx(pb.RequestCheckTx(tx=encode(_added())))
    short = await parts.bridge.check_tx(pb.RequestCheckTx(tx=encode(_added(signers=2))))
    garbage = await parts.bridge.check_tx(pb.RequestCheckTx(tx=b"\x02garbage"))

    assert good.code == 0
    assert (short.code, short.log.partition(":")[0]) == (1, "enough_signatures")
    assert (garbage.code, garbage.log.partition(":")[0]) == (1, "well_formed_change")


async def test_check_tx_before_the_genesis(tmp_path: Path) -> None:
    """Before the chain begins nothing can be judged, and nothing is taken."""
    (tmp_path / "jwt.hex").write_text("22" * 32)
    fresh = Parts(tmp_path)

    assert (await fresh.bridge.check_tx(pb.RequestCheckTx(tx=encode(_added())))).code == 1
    await fresh.close()


async def test_a_proposal_carries_the_change(parts: Parts) -> None:
    """The first that fits goes into the block, also when geth has no payload to go with it."""
    request = pb.RequestPrepareProposal(
        max_tx_bytes=1 << 20, height=1, txs=[b"junk", encode(_added(signers=2)), encode(_added())]
    )

    assert list((await parts.bridge.prepare_proposal(request)).txs) == [encode(_added())]


@pytest.mark.parametrize(
    ("txs", "rule"),
    [
        ([encode(_added())], None),
        ([encode(_added(signers=2))], "enough_signatures"),
        ([encode(_added(sequence=2))], "next_in_sequence"),
        ([encode(_added()), encode(_added())], "well_formed"),
        ([encode(_added()), b"\x01"], "one_transaction"),
        ([encode(_added()) + b" "], "well_formed_change"),
    ],
)
async def test_votes(parts: Parts, txs: list[bytes], rule: str | None) -> None:
    """A block with one right change is voted for, any other is voted down by its rule."""
    request = pb.RequestProcessProposal(height=1, txs=txs)
    answer = await parts.bridge.process_proposal(request)

    assert answer.status == (pb.ACCEPT if rule is None else pb.REJECT)
    assert parts.bridge.last_rejection.partition(":")[0] == (rule or "")


async def test_a_decided_change(parts: Parts, tmp_path: Path) -> None:
    """CometBFT is told, the app hash is another one, and all of it outlives a restart."""
    before = parts.chain.require()
    answer = await _decide(parts, 1, encode(_added()))

    assert [(one.pub_key.ed25519, one.power) for one in answer.validator_updates] == [
        (key("e").public, VOTING_POWER)
    ]
    assert answer.app_hash != before.head.app_hash
    assert (await _decide(parts, 2)).app_hash == answer.app_hash
    parts.payloads.close()

    again = Parts(tmp_path)
    asked = await again.bridge.query(pb.RequestQuery(path="/members"))
    chain = json.decode(asked.value, Chain)
    assert chain.members == parts.chain.require().members
    assert (chain.height, chain.members.changes, chain.members.changed_at) == (3, 1, 1)
    assert chain.members.powers.keys() == {one.address for one in [*KEYS, key("e")]}
    assert chain.members.fee_recipients[key("e").address] == recipient("e")
    # What was decided can't be decided again.
    assert (await again.bridge.check_tx(pb.RequestCheckTx(tx=encode(_added())))).code == 1
    await again.close()


async def test_a_crash_before_the_commit(parts: Parts, tmp_path: Path) -> None:
    """A change that was decided and not committed is none: CometBFT sends its block again, and the
    answer is the same."""
    request = pb.RequestFinalizeBlock(height=1, txs=[encode(_added())])
    first = await parts.bridge.finalize_block(request)
    parts.payloads.close()

    again = Parts(tmp_path)
    await again.bridge.init_chain(_genesis())
    assert again.chain.require().members.changes == 0
    second = await again.bridge.finalize_block(request)
    assert second == first
    await again.bridge.commit(pb.RequestCommit())
    assert again.chain.require().members.changes == 1
    await again.close()


async def test_the_set_is_not_what_signed_the_last_block(parts: Parts) -> None:
    """The commit of the block before is of the old set for two heights: the new one stays."""
    await _decide(parts, 1, encode(_added()))
    votes = [
        pb.VoteInfo(validator=pb.Validator(address=bytes.fromhex(one.address), power=10))
        for one in KEYS
    ]
    request = pb.RequestFinalizeBlock(height=2, decided_last_commit=pb.CommitInfo(votes=votes))
    await parts.bridge.finalize_block(request)
    await parts.bridge.commit(pb.RequestCommit())

    assert key("e").address in parts.chain.require().members.powers


async def test_a_database_of_an_earlier_release(parts: Parts, tmp_path: Path) -> None:
    """What was written before sets could change is a set that never did, and can change now."""
    state = parts.chain.require()
    old = {"powers": state.members.powers, "fee_recipients": state.members.fee_recipients}
    head = same_head(state.head)
    parts.payloads.commit(head, meta={"members": msgspec.json.encode(old)})
    parts.payloads.close()

    again = Parts(tmp_path)
    assert again.chain.require().members == state.members
    assert (await _decide(again, 2)).app_hash == head.app_hash
    await _decide(again, 3, encode(_added()))
    assert again.chain.require().members.changes == 1
    await again.close()
