"""By which rules a validator set changes, and what no series of changes can bring about."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.set_changes import chain, change, key, members, recipient
from windlass.chains.cometbft.configuration import VOTING_POWER
from windlass.chains.cometbft.membership import ChangeRefused, Members, after, check
from windlass.chains.cometbft.set_change import VALIDATORS_MAX, SetChange, decode, encode
from windlass.kit import json

FOUR = members("a", "b", "c", "d")
THREE_KEYS = [key("a"), key("b"), key("c")]


def test_three_of_four_add_one() -> None:
    """It has the common power and its own fee recipient, and the next change the next number."""
    added = change("add", key("e"), name="e", signers=THREE_KEYS)
    check(added, chain(FOUR))
    five = after(added, FOUR, 10)

    assert five.powers == {**FOUR.powers, key("e").address: VOTING_POWER}
    assert five.fee_recipients[key("e").address] == recipient("e")
    assert (five.next_sequence, five.changed_at) == (2, 10)


def test_a_removed_one_may_still_be_paid() -> None:
    """It is without power, but known: it may propose until the new set votes."""
    removed = change("remove", key("d"), signers=THREE_KEYS)
    check(removed, chain(FOUR))
    three = after(removed, FOUR, 10)

    assert key("d").address not in three.powers
    assert three.fee_recipient(bytes.fromhex(key("d").address)) == recipient("d")


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (change("add", key("e"), signers=THREE_KEYS, network="other-1"), "this_network"),
        (change("add", key("e"), signers=THREE_KEYS, genesis="0x" + "11" * 32), "this_network"),
        (change("add", key("e"), signers=THREE_KEYS, sequence=2), "next_in_sequence"),
        (change("add", key("e"), signers=THREE_KEYS, expires=9), "not_expired"),
        (change("add", key("a"), signers=THREE_KEYS), "not_yet_there"),
        (change("remove", key("e"), signers=THREE_KEYS), "known_validator"),
        (change("add", key("e"), signers=THREE_KEYS[:2]), "enough_signatures"),
        (change("add", key("e")), "enough_signatures"),
        (change("add", key("e"), signers=[*THREE_KEYS, key("a")]), "signed_once"),
        (change("add", key("e"), signers=[*THREE_KEYS, key("e")]), "signed_by_validators"),
    ],
)
def test_what_is_refused(wrong: SetChange, rule: str) -> None:
    """Each with its rule and a sentence; one wrong signature spoils enough right ones."""
    with pytest.raises(ChangeRefused) as refused:
        check(wrong, chain(FOUR))

    assert refused.value.rule == rule
    assert refused.value.sentence.endswith(".")
    assert refused.value.next_step


def test_a_changed_change() -> None:
    """Signatures that were given for something else do not count."""
    signed = change("add", key("e"), signers=THREE_KEYS)
    forged = msgspec.structs.replace(signed, fee_recipient="0x" + "66" * 20)

    with pytest.raises(ChangeRefused, match="is not of this proposal"):
        check(forged, chain(FOUR))


def test_the_last_height() -> None:
    """A change may be decided at the height at which it expires."""
    check(change("add", key("e"), signers=THREE_KEYS, expires=10), chain(FOUR, height=10))


def test_the_last_validator_stays() -> None:
    """A set is never empty."""
    with pytest.raises(ChangeRefused, match="the last validator"):
        check(change("remove", key("a"), signers=[key("a")]), chain(members("a")))


def test_a_full_set() -> None:
    """A set has its bound."""
    names = [str(number) for number in range(VALIDATORS_MAX)]
    signers = [key(name) for name in names]

    with pytest.raises(ChangeRefused) as refused:
        check(change("add", key("e"), signers=signers), chain(members(*names)))
    assert refused.value.rule == "not_too_many"


def test_what_an_earlier_release_wrote() -> None:
    """A set without a number of changes is one that was never changed."""
    old = b'{"powers":{"AA":10},"fee_recipients":{"AA":"0x00"}}'

    found = json.decode(old, Members)
    assert (found.powers, found.changes, found.names) == ({"AA": 10}, 0, {})


NAMES = ("a", "b", "c", "d", "e", "f")
STEP = st.tuples(
    st.sampled_from(["add", "remove"]),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(NAMES), max_size=7),
    st.integers(-1, 1),
)


@given(st.integers(1, 4), st.lists(STEP, max_size=12))
def test_no_series_of_changes_breaks_the_set(
    count: int, steps: list[tuple[str, str, list[str], int]]
) -> None:
    """Whatever is proposed, signed by whomever: the set has members, all of one power and with a
    fee recipient; only more than two thirds change it; each number is used once; and whoever gets
    the same transactions, or goes on from what was stored, has the same set."""
    now = members(*NAMES[:count])
    other = now
    for height, (action, name, signers, off) in enumerate(steps, 1):
        proposed = change(
            "add" if action == "add" else "remove",
            key(name),
            name=name,
            sequence=max(1, now.next_sequence + off),
            signers=[key(signer) for signer in signers],
        )
        before = now
        try:
            check(proposed, chain(now, height))
        except ChangeRefused:
            continue
        now = after(proposed, now, height)
        other = after(decode(encode(proposed)), other, height)
        stored = json.decode(msgspec.json.encode(now), Members)

        assert set(now.powers.values()) == {VOTING_POWER}
        assert now.powers.keys() <= now.fee_recipients.keys()
        assert now.next_sequence == before.next_sequence + 1
        present = {signer for signer in signers if key(signer).address in before.powers}
        assert 3 * len(present) > 2 * len(before.powers)
        assert other.digest_bytes() == now.digest_bytes() == stored.digest_bytes()
        assert before.digest_bytes() != now.digest_bytes()
