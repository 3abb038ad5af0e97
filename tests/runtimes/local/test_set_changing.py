"""Proposals as people handle them: who may sign what, and what is told of it."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from tests.plan.examples import keys, network
from tests.support.set_changes import GENESIS, change, key
from windlass.chains.cometbft.keys import ValidatorKey
from windlass.chains.cometbft.membership import Chain, ChangeRefused, Members
from windlass.chains.cometbft.set_change import SetChange, to_file
from windlass.kit.errors import UsageError, WindlassError
from windlass.kit.files import FileError
from windlass.runtimes.local import set_changing, validators
from windlass.runtimes.local.set_changing import CannotSign, MisleadingProposal
from windlass.runtimes.local.state import NetworkRow
from windlass.runtimes.local.validators import (
    BadProposal,
    Entry,
    Found,
    NoSet,
    UnknownValidator,
    ValidatorSet,
)

ROW = NetworkRow(name="trade", family="ethereum", consensus="bft", chain_id=4242, block_time_s=1)
KEYS = keys("trade", network(validators=6))
STRANGER = key("stranger")


def _address(number: int) -> str:
    return KEYS.validator_key(f"validator-{number}").address


def _seen(*active: int, removed: int | None = None, strangers: bool = False) -> ValidatorSet:
    """A network in which these vote; six have keys here."""
    powers = {_address(number): 10 for number in active}
    if strangers:
        powers[STRANGER.address] = 10
    recipients = dict.fromkeys(powers, KEYS.fee_recipient("validator-0"))
    if removed is not None:
        recipients[_address(removed)] = KEYS.fee_recipient("validator-0")
    members = Members(
        powers=powers, fee_recipients=recipients, names={STRANGER.address: "stranger"}
    )
    chain = Chain(network="trade-4242", genesis=GENESIS, members=members, height=50)
    found = Found(row=ROW, keys=KEYS, urls={})
    public = {STRANGER.address: STRANGER.public}
    entries = validators.entries(found, chain, public)
    return ValidatorSet(found=found, chain=chain, url="http://127.0.0.1:9", entries=entries)


def _proposed(seen: ValidatorSet, label: str = "validator-4") -> SetChange:
    action: set_changing.Action = "remove" if seen.find(label).state == "active" else "add"
    return set_changing.propose(seen, action, seen.find(label), days=1)


def _made(action: Literal["add", "remove"], subject: ValidatorKey, name: str) -> SetChange:
    """What somebody could write into a file."""
    made = change(action, subject, name=name, network="trade-4242")
    recipient = KEYS.fee_recipient("validator-4") if action == "add" else ""
    return msgspec.structs.replace(made, fee_recipient=recipient)


def test_states() -> None:
    """Who votes, who did, who may; own ones first, strangers by the name of their proposal."""
    seen = _seen(0, 1, 2, removed=3, strangers=True)
    shown = [(one.name, one.state, one.power, one.own) for one in seen.entries]

    assert shown == [
        ("validator-0", "active", 10, True),
        ("validator-1", "active", 10, True),
        ("validator-2", "active", 10, True),
        ("validator-3", "removed", 0, True),
        ("validator-4", "candidate", 0, True),
        ("validator-5", "candidate", 0, True),
        ("stranger", "active", 10, False),
    ]
    assert seen.find(STRANGER.address.lower()).public_key


def test_all_keys_of_the_vault_sign_once() -> None:
    """Those in the set, and none twice."""
    seen = _seen(0, 1, 2, strangers=True)
    signed, names = set_changing.sign(seen, _proposed(seen), None)

    assert names == ["validator-0", "validator-1", "validator-2"]
    with pytest.raises(CannotSign, match="already: each signs once"):
        set_changing.sign(seen, signed, None)
    with pytest.raises(CannotSign, match="already: each signs once"):
        set_changing.sign(seen, signed, "validator-1")


def test_one_key_signs_and_then_the_rest() -> None:
    """--as is one signature; without it those that are missing follow."""
    seen = _seen(0, 1, 2, 3)
    one, _ = set_changing.sign(seen, _proposed(seen), "validator-1")
    weight = validators.weigh(Path("x"), one, seen.require_chain())
    assert (weight.signed, weight.missing) == (10, 17)

    every, names = set_changing.sign(seen, one, None)
    assert names == ["validator-0", "validator-2", "validator-3"]
    assert validators.weigh(Path("x"), every, seen.require_chain()).missing == 0


@pytest.mark.parametrize(
    ("action", "subject", "name"),
    [
        ("remove", KEYS.validator_key("validator-1"), "validator-5"),
        ("remove", KEYS.validator_key("validator-1"), "harbour"),
        ("remove", STRANGER, "validator-1"),
        ("remove", STRANGER, "harbour"),
        ("add", key("thief"), "validator-4"),
        ("add", KEYS.validator_key("validator-5"), "validator-4"),
    ],
)
def test_a_name_of_another_key(
    action: Literal["add", "remove"], subject: ValidatorKey, name: str
) -> None:
    """Who reads one name and would sign for the key of another is kept from it."""
    seen = _seen(0, 1, 2, strangers=True)
    with pytest.raises(MisleadingProposal, match=f"says {name}, but its key is"):
        set_changing.sign(seen, _made(action, subject, name), None)


def test_fees_to_somebody_else() -> None:
    """A proposal to add a validator of this vault pays that validator, or is not signed."""
    seen = _seen(0, 1, 2)
    made = _made("add", KEYS.validator_key("validator-4"), "validator-4")
    assert set_changing.sign(seen, made, None)[1]
    with pytest.raises(MisleadingProposal, match="would pay the fees"):
        set_changing.sign(seen, msgspec.structs.replace(made, fee_recipient="0x" + "66" * 20), None)


def test_one_that_only_the_chain_knows() -> None:
    """A validator of the genesis whose key is elsewhere has no name here: its holder's is taken."""
    seen = _seen(0, 1, 2)
    chain = seen.require_chain()
    powers = {**chain.members.powers, STRANGER.address: 10}
    members = msgspec.structs.replace(chain.members, powers=powers, names={})
    chain = msgspec.structs.replace(chain, members=members)
    public = {STRANGER.address: STRANGER.public}
    entries = validators.entries(seen.found, chain, public)
    seen = msgspec.structs.replace(seen, chain=chain, entries=entries)

    assert set_changing.sign(seen, _made("remove", STRANGER, "harbour"), None)[1]
    own = set_changing.propose(seen, "remove", seen.find(STRANGER.address), days=1)
    assert set_changing.sign(seen, own, None)[1]


def test_two_of_one_name() -> None:
    """The chain lets two have one name: which of them is meant has to be said by the address."""
    seen = _seen(0, 1, strangers=True)
    twin = msgspec.structs.replace(seen.find("stranger"), address="AB" * 20)
    seen = msgspec.structs.replace(seen, entries=(*seen.entries, twin))

    with pytest.raises(UnknownValidator, match=f"called stranger: {STRANGER.address}, {'AB' * 20}"):
        seen.find("stranger")
    assert seen.find("AB" * 20) == twin


@pytest.mark.parametrize("who", ["validator-3", "validator-4", "stranger"])
def test_who_does_not_count_can_not_sign(who: str) -> None:
    """A removed one, a candidate, and one whose key is elsewhere."""
    seen = _seen(0, 1, 2, removed=3, strangers=True)
    with pytest.raises(CannotSign, match="would not count"):
        set_changing.sign(seen, _proposed(seen), who)


def test_a_wrong_signature_is_told_before_one_is_added() -> None:
    """A file that the chain would refuse for a signature in it is not signed."""
    before = _seen(0, 1, 2, 3)
    made = set_changing.propose(before, "add", before.find("validator-4"), days=1)
    signed, _ = set_changing.sign(before, made, "validator-3")

    with pytest.raises(ChangeRefused, match="no validator now"):
        set_changing.sign(_seen(0, 1, 2, removed=3), signed, None)


@pytest.mark.parametrize(
    ("action", "label", "told"),
    [
        ("add", "validator-0", "is a validator already"),
        ("remove", "validator-4", "is no validator of this network"),
        ("remove", "validator-3", "was removed from the set already"),
    ],
)
def test_what_can_not_be_proposed(action: set_changing.Action, label: str, told: str) -> None:
    """The chain's own sentence, before anybody is asked to sign."""
    seen = _seen(0, 1, 2, removed=3)
    with pytest.raises(ChangeRefused, match=told):
        set_changing.propose(seen, action, seen.find(label), days=1)


def test_unknown_ones() -> None:
    """A name that nobody has, and one that somebody else has."""
    seen = _seen(0, 1, 2)
    with pytest.raises(UnknownValidator, match=r"'nobody' in trade \(there is: validator-0"):
        seen.find("nobody")
    public = base64.b64encode(STRANGER.public).decode()
    with pytest.raises(UsageError, match="the name of another validator"):
        set_changing.foreign(seen, public, "validator-0", "0x" + "11" * 20)
    own = base64.b64encode(KEYS.validator_key("validator-4").public).decode()
    with pytest.raises(UsageError, match="the key of validator-4, not of harbour"):
        set_changing.foreign(seen, own, "harbour", "0x" + "11" * 20)
    with pytest.raises(UsageError, match="is no public key"):
        set_changing.foreign(seen, "AAAA", "other", "0x" + "11" * 20)


def test_a_stranger_is_proposed() -> None:
    """By its key, name and fee recipient; a name that can't be one is told."""
    seen = _seen(0, 1, 2)
    public = base64.b64encode(STRANGER.public).decode()
    other = set_changing.foreign(seen, public, "other", "0x" + "11" * 20)
    made = set_changing.propose(seen, "add", other, days=1)
    assert (made.address, made.fee_recipient) == (STRANGER.address, "0x" + "11" * 20)
    assert made.expires == 50 + 86_400

    with pytest.raises(UsageError, match="the name is not"):
        set_changing.propose(seen, "add", msgspec.structs.replace(other, name="A b"), days=1)


def test_all_in_one_step_needs_the_keys() -> None:
    """Where others hold a third or more, it says how to go on."""
    set_changing.enough_here(_seen(0, 1, 2, strangers=True))
    with pytest.raises(CannotSign, match="keys with 10 of 20 voting power"):
        set_changing.enough_here(_seen(0, strangers=True))


def test_nobody_answers() -> None:
    """Without the chain nothing can be proposed or signed; why stands in the refusal."""
    found = Found(row=ROW, keys=KEYS, urls={"validator-0": "http://127.0.0.1:9"})
    seen = validators.look(found)

    assert {one.state for one in seen.entries} == {"unknown"}
    with pytest.raises(NoSet, match="Nobody answers at"):
        seen.require_chain()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b"{" * 9000])
def test_no_proposal(tmp_path: Path, content: bytes) -> None:
    """A file that is none is refused with its name, and does not keep others from being listed."""
    path = tmp_path / "wrong.json"
    path.write_bytes(content)
    with pytest.raises(BadProposal, match=r"wrong\.json is no proposal"):
        validators.read(path)

    seen = _seen(0, 1, 2)
    (tmp_path / "right.json").write_bytes(to_file(_proposed(seen)))
    listed = validators.proposals(tmp_path, seen.require_chain())
    assert [one.path.name for one in listed] == ["right.json"]


def test_what_was_decided_is_not_listed(tmp_path: Path) -> None:
    """A proposal whose number the chain has passed waits for nobody any more."""
    seen = _seen(0, 1, 2)
    (tmp_path / "passed.json").write_bytes(to_file(_proposed(seen)))
    before = seen.require_chain()
    assert len(validators.proposals(tmp_path, before)) == 1
    members = msgspec.structs.replace(before.members, changes=1)
    after = msgspec.structs.replace(before, members=members)
    assert validators.proposals(tmp_path, after) == []


def test_a_pipe_is_no_proposal(tmp_path: Path) -> None:
    """What would never end to be read is refused, and does not hang the list or the doctor."""
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(FileError, match="no regular file"):
        validators.read(tmp_path / "pipe.json")
    assert validators.proposals(tmp_path, _seen(0, 1).require_chain()) == []


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    """A proposal that others may have signed is not made anew over it."""
    path = tmp_path / "proposals" / "validator-4-1.json"
    made = _proposed(_seen(0, 1, 2))
    validators.write(path, made, anew=True)
    with pytest.raises(BadProposal, match="is there already"):
        validators.write(path, made, anew=True)
    assert validators.read(path) == made


def test_the_network_of_a_proposal() -> None:
    """It is found by its own name for the chain, and refused where there is no such network."""
    made = _proposed(_seen(0, 1, 2))
    other = msgspec.structs.replace(ROW, name="other")
    assert validators.network_of(made, [other, ROW]) == ROW
    with pytest.raises(WindlassError, match="for the network trade-4242; this spec has: other"):
        validators.network_of(made, [other])


def test_an_entry_without_a_key() -> None:
    """One that was removed and whose key is elsewhere has to be named by it."""
    seen = _seen(0, 1, 2)
    bare = Entry(
        name="gone",
        address=STRANGER.address,
        public_key="",
        fee_recipient="",
        power=0,
        state="removed",
        own=False,
    )
    with pytest.raises(UnknownValidator, match="its public key is not known here"):
        set_changing.propose(seen, "add", bare, days=1)
