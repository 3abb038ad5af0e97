"""What the doctor makes of a validator set that changes."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.doctor.examples import address, evidence, network, node
from windlass.doctor.diagnose import diagnose
from windlass.doctor.evidence import Evidence, NodeEvidence, ProposalView
from windlass.doctor.findings import Finding

PROPOSAL = ProposalView(
    path="/s/proposals/validator-4-1.json",
    action="add",
    name="validator-4",
    sequence=1,
    expires=9000,
    signed_by=("validator-0",),
    unsigned=("validator-1", "validator-2", "validator-3"),
    signed=10,
    missing=17,
    total=40,
)


def _with(*changed: NodeEvidence, **fields: Any) -> Evidence:
    """A healthy network whose vault has a key for validator-4, too."""
    made = network(*changed)
    assert made.keys is not None
    names = {**made.keys.validators, "validator-4": address("validator-4")}
    keys = msgspec.structs.replace(made.keys, validators=names)
    return evidence(networks=(msgspec.structs.replace(made, keys=keys, **fields),))


def _set_of(*numbers: int) -> dict[str, int]:
    return {address(f"validator-{number}"): 10 for number in numbers}


def _member(name: str, powers: dict[str, int], **changes: Any) -> NodeEvidence:
    made = node(name, **changes)
    assert made.cometbft is not None
    return msgspec.structs.replace(
        made, cometbft=msgspec.structs.replace(made.cometbft, validators=powers)
    )


def _codes(found: Evidence) -> list[str]:
    return [finding.code for finding in diagnose(found).findings]


def test_a_candidate_is_well() -> None:
    """It runs, its key is its own, and it is not in the set yet: nothing is wrong."""
    assert _codes(_with(node("validator-4"))) == []


def test_a_removed_one_is_well() -> None:
    """It follows the chain without a vote: nothing is wrong."""
    powers = _set_of(0, 1, 2)
    members = [_member(f"validator-{number}", powers) for number in range(4)]
    assert _codes(_with(*members)) == []


def test_a_strange_key_is_still_found() -> None:
    """Who signs with another key than the vault's is told of, whether it is in the set or not."""
    made = node("validator-4")
    assert made.cometbft is not None
    status = msgspec.structs.replace(made.cometbft.status, address="F" * 40)
    strange = msgspec.structs.replace(
        made, cometbft=msgspec.structs.replace(made.cometbft, status=status)
    )
    assert _codes(_with(strange)) == ["key-validator-set-mismatch"]


def test_who_has_no_vote_is_not_missing() -> None:
    """With two of three voters there, one that has none is no third, and one that is stopped and
    has none is not missed."""
    powers = _set_of(0, 1, 2)
    there = [_member(f"validator-{number}", powers) for number in (0, 1, 3)]
    gone = node("validator-2", desired="stopped", alive=frozenset(), cometbft=None)
    short = _only(_with(*there, gone), "quorum-short")
    assert "Only 2 of trade's 3 validators take part, and 3 are needed" in short.sentence

    there = [_member(f"validator-{number}", powers) for number in (0, 1, 2)]
    idle = node("validator-3", desired="stopped", alive=frozenset(), cometbft=None)
    assert "quorum-short" not in _codes(_with(*there, idle))


def test_a_fifth_counts() -> None:
    """Of five voters two may not be away, of which one came later."""
    powers = _set_of(0, 1, 2, 3, 4)
    there = [_member(f"validator-{number}", powers) for number in (0, 1, 2)]
    away = [
        node(f"validator-{number}", desired="stopped", alive=frozenset(), cometbft=None)
        for number in (3, 4)
    ]
    short = _only(_with(*there, *away), "quorum-short")
    assert "Only 3 of trade's 5 validators take part, and 4 are needed" in short.sentence


def test_a_voter_elsewhere_is_taken_to_be_there() -> None:
    """Nothing is known here of a validator that others run: it is not called missing."""
    powers = {**_set_of(0, 1, 2, 3), "E" * 40: 10}
    members = [_member(f"validator-{number}", powers) for number in range(4)]
    assert _codes(_with(*members)) == []


def test_a_proposal_that_lacks_signatures() -> None:
    """Who has signed, how much is missing, who could sign, and with which command."""
    found = _only(_with(proposals=(PROPOSAL,)), "proposal-short-of-signatures")

    assert found.severity == "warning"
    assert "signed by validator-0, and 17 of 40 voting power are missing" in found.sentence
    assert "validator-1, validator-2 and validator-3" in found.next_step
    assert f"`windlass validator sign {PROPOSAL.path}`" in found.next_step


def test_a_complete_proposal_is_no_finding() -> None:
    """Whether to submit it is its holders' business."""
    complete = msgspec.structs.replace(PROPOSAL, signed=30, missing=0)
    assert _codes(_with(proposals=(complete,))) == []


def _only(found: Evidence, code: str) -> Finding:
    (only,) = [finding for finding in diagnose(found).findings if finding.code == code]
    return only
