"""The validator set as the chain keeps it, and the rules by which it changes.

Everything here is computed from consensus data alone (the decided state, the change, the height),
so all validators come to the same set; the bridge holds blocks against it, and the command line
asks it beforehand what the chain would say.

A change needs signatures with more than two thirds of the voting power of the set as it is now,
which is what a block needs: fewer can't change the set, and no more are needed than those who could
stop the chain anyway. A change that is decided at height H votes from H + 2 on (CometBFT).
"""

from __future__ import annotations

import msgspec

from windlass.chains.cometbft.configuration import VOTING_POWER
from windlass.chains.cometbft.set_change import VALIDATORS_MAX, SetChange, Signature
from windlass.chains.ethereum.quantities import Address
from windlass.kit.errors import WindlassError

EFFECTIVE_AFTER = 2
"""Heights from the decision of a change to the first vote of the new set (CometBFT's own)."""
META_KEY = "members"
"""Under this name the bridge keeps its `Members` in the payload log."""
ZERO_ADDRESS = Address("0x" + "00" * 20)


class ChangeRefused(WindlassError):
    """The chain does not take this change; `rule` is the name of the rule that it breaks."""

    code = "validator_change_refused"

    def __init__(self, rule: str, sentence: str, next_step: str = "") -> None:
        super().__init__(sentence, next_step)
        self.rule = rule


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """The validators. Addresses are CometBFT's: 40 upper-case hex digits.

    `fee_recipients` has those of removed validators, too: they may propose for two more heights,
    and it tells a removed one from one that never was in the set. `changes` counts the changes so
    far, `changed_at` is the height of the last one, `names` has what changes called their subjects.
    Fields with a default are missing in what an earlier release wrote.
    """

    powers: dict[str, int]
    fee_recipients: dict[str, Address]
    changes: int = 0
    changed_at: int = 0
    names: dict[str, str] = {}

    def fee_recipient(self, proposer: bytes) -> Address:
        """Where the fees of this proposer's blocks go."""
        return self.fee_recipients.get(proposer.hex().upper(), ZERO_ADDRESS)

    @property
    def next_sequence(self) -> int:
        """The number that the next change must have."""
        return self.changes + 1

    @property
    def total(self) -> int:
        """All voting power."""
        return sum(self.powers.values())

    def digest_bytes(self) -> bytes:
        """The set in one form, for the app hash. Its fields are named here one by one: one that a
        later release adds must not change the hash of an old block."""
        fields = (self.powers, self.fee_recipients, self.changes, self.changed_at, self.names)
        return msgspec.json.encode(fields, order="sorted")


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """What a change is held against: the chain, its set, and the height of the next block."""

    network: str
    genesis: str
    members: Members
    height: int


def check(change: SetChange, chain: Chain) -> None:
    """Raises ChangeRefused unless the chain takes this change in its next block."""
    check_subject(change, chain)
    power = signed_power(change, chain.members)
    if 3 * power <= 2 * chain.members.total:
        raise ChangeRefused(
            "enough_signatures",
            f"The proposal is signed with {power} of {chain.members.total} voting power; more than "
            f"two thirds are needed.",
            "Have more validators sign it: `windlass validator sign FILE`.",
        )


def check_subject(change: SetChange, chain: Chain) -> None:
    """All rules but those of the signatures. Raises ChangeRefused."""
    members = chain.members
    if (change.network, change.genesis) != (chain.network, chain.genesis):
        raise ChangeRefused(
            "this_network",
            f"The proposal is for another network ({change.network}, block 0 {change.genesis[:10]}…"
            f") than this one ({chain.network}, {chain.genesis[:10]}…).",
            "Submit it there.",
        )
    if change.sequence != members.next_sequence:
        raise ChangeRefused(
            "next_in_sequence",
            f"The proposal is number {change.sequence}, but the chain's next change is number "
            f"{members.next_sequence}: the set has changed since it was made, or it never was.",
            "Propose it anew.",
        )
    if change.expires < chain.height:
        raise ChangeRefused(
            "not_expired",
            f"The proposal could be decided up to height {change.expires}; the chain is at "
            f"{chain.height - 1}.",
            "Propose it anew.",
        )
    if change.action == "add":
        _check_addition(change, members)
    else:
        _check_removal(change, members)


def _check_addition(change: SetChange, members: Members) -> None:
    if change.address in members.powers:
        raise ChangeRefused(
            "not_yet_there",
            f"{change.name} is a validator already (address {change.address}).",
            "`windlass validator list` shows the set.",
        )
    if len(members.powers) >= VALIDATORS_MAX:
        raise ChangeRefused(
            "not_too_many",
            f"There are {len(members.powers)} validators already, and no more are possible.",
            "Remove one first.",
        )


def _check_removal(change: SetChange, members: Members) -> None:
    if change.address not in members.powers:
        was = change.address in members.fee_recipients
        raise ChangeRefused(
            "known_validator",
            f"{change.name} (address {change.address}) "
            + ("was removed from the set already." if was else "is no validator of this network."),
            "`windlass validator list` shows the set.",
        )
    if len(members.powers) == 1:
        raise ChangeRefused(
            "one_remains",
            f"{change.name} is the last validator: without it there would be no blocks.",
            "Add another one first.",
        )


def signed_power(change: SetChange, members: Members) -> int:
    """The voting power that has signed. Raises ChangeRefused for a signature that does not count:
    a stranger's, a second one, one that is not of this change."""
    seen: set[str] = set()
    power = 0
    for signature in change.signatures:
        power += _power(change, signature, members, seen)
        seen.add(signature.public_key)
    return power


def _power(change: SetChange, signature: Signature, members: Members, seen: set[str]) -> int:
    # The cheap questions first: anybody can send a document, only validators a good signature.
    signer = signature.address
    if signer not in members.powers:
        raise ChangeRefused(
            "signed_by_validators",
            f"The proposal is signed by {members.names.get(signer, 'a key')} (address {signer}), "
            f"which is no validator now.",
            "Take that signature out of the file.",
        )
    if signature.public_key in seen:
        raise ChangeRefused(
            "signed_once",
            f"The proposal is signed twice by one validator (address {signer}).",
            "Take one of the two signatures out of the file.",
        )
    if not change.holds(signature):
        raise ChangeRefused(
            "signatures_hold",
            f"A signature in the proposal (address {signer}) is not of this proposal: one of them "
            f"was changed.",
            "Take that signature out of the file, and have the proposal signed again.",
        )
    return members.powers[signer]


def after(change: SetChange, members: Members, height: int) -> Members:
    """The set after a change that was decided at that height; it must have been checked."""
    powers, recipients = dict(members.powers), dict(members.fee_recipients)
    names = {**members.names, change.address: change.name}
    if change.action == "add":
        powers[change.address] = VOTING_POWER
        recipients[change.address] = Address(change.fee_recipient)
    else:
        del powers[change.address]
    return Members(
        powers=powers,
        fee_recipients=recipients,
        changes=members.changes + 1,
        changed_at=height,
        names=names,
    )
