"""Changes of the validator set: proposed, signed, handed in, and waited for.

The chain judges every change by itself. What is asked here beforehand is asked so that a person
reads why instead of waiting in vain; and one thing that the chain can't know: whether those who
would vote then are there. A set whose voters are absent makes no block, nor ever another change.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Literal

from windlass.chains.cometbft import membership, set_change
from windlass.chains.cometbft.configuration import VOTING_POWER
from windlass.chains.cometbft.keys import address
from windlass.chains.cometbft.membership import Members
from windlass.chains.cometbft.rpc import CometbftClient, CometbftError, Status
from windlass.chains.cometbft.set_change import SetChange
from windlass.kit.errors import UsageError, WindlassError
from windlass.runtimes.local.judge import LAG_BLOCKS_MAX
from windlass.runtimes.local.validators import Entry, UnknownValidator, ValidatorSet

EFFECT_TIMEOUT_S = 60.0
POLL_S = 0.25
COMMITS_LOOKED_AT = 3
"""A vote that comes late is missing in one commit, of who is there, but hardly in three."""
NEW_HEIGHTS = 10
"""So long after a change somebody in the set may have signed nothing yet."""
DAY_S = 86_400

Action = Literal["add", "remove"]


class CannotSign(WindlassError):
    """There is no key here that could sign this proposal, or it has signed already."""

    code = "cannot_sign"


class MisleadingProposal(WindlassError):
    """A proposal gives a name or a fee recipient that is not that of its key."""

    code = "misleading_proposal"


class WouldStandStill(WindlassError):
    """After this change too few of those who vote would be there to make a block."""

    code = "would_stand_still"


class NotInEffect(WindlassError):
    """The chain took the change in, but has not made it in time."""

    code = "not_in_effect"


def foreign(seen: ValidatorSet, public_key: str, name: str, fee_recipient: str) -> Entry:
    """Somebody else's validator, by what its holder told. Raises UsageError."""
    try:
        public = set_change.public_key_from(public_key)
    except ValueError as error:
        raise UsageError(
            f"{public_key!r} is no public key: {error}.",
            "Its holder's `windlass validator list` shows it.",
        ) from error
    taken = next((one for one in seen.entries if one.name == name), None)
    if taken is not None and taken.address != address(public):
        raise UsageError(f"{name} is the name of another validator.", "Choose another --name.")
    known = next((one for one in seen.entries if one.address == address(public)), None)
    if known is not None and name != known.name and known.name != known.address:
        raise UsageError(
            f"That is the key of {known.name}, not of {name}.", "Propose it by its own name."
        )
    return Entry(
        name=name,
        address=address(public),
        public_key=public_key,
        fee_recipient=fee_recipient,
        power=0,
        state="unknown",
        own=False,
    )


def propose(seen: ValidatorSet, action: Action, subject: Entry, days: int) -> SetChange:
    """An unsigned proposal that the chain would take if it was signed. Raises ChangeRefused,
    UnknownValidator, UsageError."""
    chain = seen.require_chain()
    if not subject.public_key:
        # One that was removed and whose key is elsewhere: the set can't name it any more.
        raise UnknownValidator(
            f"{subject.name} is not in the validator set, and its public key is not known here.",
            "Name it with --public-key.",
        )
    try:
        change = SetChange(
            network=chain.network,
            genesis=chain.genesis,
            action=action,
            public_key=subject.public_key,
            name=subject.name.lower(),
            fee_recipient=subject.fee_recipient if action == "add" else "",
            power=VOTING_POWER if action == "add" else 0,
            sequence=chain.members.next_sequence,
            expires=chain.height + days * DAY_S // seen.found.row.block_time_s,
        )
    except ValueError as error:
        raise UsageError(f"This can't be proposed: {error}.") from error
    membership.check_subject(change, chain)
    return change


def sign(seen: ValidatorSet, change: SetChange, only: str | None) -> tuple[SetChange, list[str]]:
    """The proposal with the signatures of this vault's validators, or of one, and whose they are.

    Raises ChangeRefused for one that the chain would not take or that is signed wrongly,
    MisleadingProposal, CannotSign, UnknownValidator.
    """
    chain = seen.require_chain()
    membership.check_subject(change, chain)
    membership.signed_power(change, chain.members)
    _refuse_misleading(seen, change, chain.members)
    done = {one.address for one in change.signatures}
    wanted = [seen.find(only)] if only is not None else [one for one in seen.entries if one.own]
    able = [one for one in wanted if one.own and one.state == "active"]
    if not able:
        who = f"{only} is" if only is not None else "No key of this vault is"
        raise CannotSign(
            f"{who} {'no validator whose key is here' if only else 'in the validator set'}: its "
            f"signature would not count.",
            "`windlass validator list` shows who is in the set.",
        )
    new = [one for one in able if one.address not in done]
    if not new:
        names = ", ".join(one.name for one in able)
        raise CannotSign(
            f"The proposal is signed by {names} already: each signs once.",
            "Hand it to the holders of other keys, or `windlass validator submit` it.",
        )
    for one in new:
        change = change.signed(seen.found.keys.validator_key(one.name))
    return change, [one.name for one in new]


def _refuse_misleading(seen: ValidatorSet, change: SetChange, members: Members) -> None:
    """Raises MisleadingProposal for one that says one thing to people and another to the chain.

    The chain goes by the key alone, people by the name: whoever made the file could have called
    the key of one validator by the name of another, and a signature can't be taken back.
    """
    known = next((one for one in seen.entries if one.address == change.address), None)
    names = {known.name.lower(), members.names.get(known.address, "")} if known else set()
    nameless = known is None or known.name == known.address
    other = next((one for one in seen.entries if one.name == change.name), None)
    if change.name not in names and (other is not None or not nameless):
        called = f"{known.name}'s" if known and not nameless else "another one's"
        raise MisleadingProposal(
            f"The proposal says {change.name}, but its key is {called} (address {change.address}).",
            "Do not sign it; `windlass validator list` shows whose keys are whose.",
        )
    own = known if known is not None and known.own and change.action == "add" else None
    if own is not None and change.fee_recipient != own.fee_recipient.lower():
        raise MisleadingProposal(
            f"The proposal would pay the fees of {change.name}'s blocks to {change.fee_recipient}; "
            f"its own address is {own.fee_recipient}.",
            f"Do not sign it; propose it anew: `windlass validator propose add {own.name}`.",
        )


def submit(
    seen: ValidatorSet,
    change: SetChange,
    *,
    force: bool,
    on_taken: Callable[[], None] = lambda: None,
    timeout_s: float = EFFECT_TIMEOUT_S,
) -> int:
    """Hands the proposal in and returns the height from which the new set votes.

    Raises ChangeRefused, WouldStandStill unless `force`, NotInEffect.
    """
    chain = seen.require_chain()
    membership.check(change, chain)
    return asyncio.run(_submit(seen, chain, change, force, on_taken, timeout_s))


async def _submit(
    seen: ValidatorSet,
    chain: membership.Chain,
    change: SetChange,
    force: bool,
    on_taken: Callable[[], None],
    timeout_s: float,
) -> int:
    if not force:
        await _refuse_standstill(seen, chain, change)
    client = CometbftClient(seen.url)
    try:
        refused = await client.broadcast(set_change.encode(change))
        if refused:
            raise membership.ChangeRefused(
                "check_tx", f"The chain does not take the proposal: {refused}", "Propose it anew."
            )
        on_taken()
        return await _in_effect(client, change, timeout_s)
    finally:
        await client.close()


async def _in_effect(client: CometbftClient, change: SetChange, timeout_s: float) -> int:
    """Waits until the set with this change votes."""
    deadline = time.monotonic() + timeout_s
    why = "it is not decided"
    while time.monotonic() < deadline:
        try:
            found = await client.members()
            now = await client.validators()
        except CometbftError as error:
            why = error.sentence
            await asyncio.sleep(POLL_S)
            continue
        members = found.members
        if members.changes >= change.sequence:
            is_in = change.address in members.powers
            if is_in != (change.action == "add"):
                raise NotInEffect(
                    f"Another proposal was decided as number {change.sequence}.",
                    "`windlass validator list` shows the set; propose it anew if it is still "
                    "wanted.",
                )
            effective = members.changed_at + membership.EFFECTIVE_AFTER
            # The next height, which is being decided, is the first of the new set.
            if found.height >= effective and now == members.powers:
                return effective
            why = "it is decided, but does not vote yet"
        await asyncio.sleep(POLL_S)
    raise NotInEffect(
        f"The proposal was handed in, but after {timeout_s:.0f} s {why}.",
        "`windlass doctor` says whether blocks are made; `windlass validator list` shows the set.",
    )


async def _refuse_standstill(
    seen: ValidatorSet, chain: membership.Chain, change: SetChange
) -> None:
    """Raises WouldStandStill unless more than two thirds of the new set are known to be there."""
    powers = membership.after(change, chain.members, chain.height).powers
    present = await _present(seen, chain, change)
    there = sum(power for one, power in powers.items() if one in present)
    if 3 * there > 2 * sum(powers.values()):
        return
    names = {change.address: change.name}
    absent = [names.get(one) or seen.name_of(one) for one in powers if one not in present]
    raise WouldStandStill(
        f"With this change {seen.found.row.name} would have {len(powers)} validators, of which too "
        f"few take part as far as can be seen here (not {', '.join(absent)}): blocks would stop, "
        f"and with them every further change.",
        "Have them run and follow the chain first; if you know that they do, submit with --force.",
    )


async def _present(seen: ValidatorSet, chain: membership.Chain, change: SetChange) -> set[str]:
    """Who takes part: whoever signed one of the last blocks, but for those of ours that are silent
    now. One that could not sign yet, since it is about to be added or was just now, is there if its
    CometBFT is where the chain is."""
    height = chain.height - 1
    signed, statuses = await asyncio.gather(_signers(seen.url), _statuses(seen))
    follow = {
        one.address
        for one in statuses.values()
        if one is not None and not one.catching_up and height - one.height <= LAG_BLOCKS_MAX
    }
    silent = {
        one.address for one in seen.entries if one.name in statuses and not statuses[one.name]
    }
    is_new = chain.height - chain.members.changed_at <= NEW_HEIGHTS
    fresh = chain.members.powers.keys() if is_new else set()
    return (signed - silent) | (follow & {*fresh, change.address})


async def _signers(url: str) -> set[str]:
    """Who signed one of the last blocks."""
    client = CometbftClient(url)
    try:
        return await client.recent_signers(COMMITS_LOOKED_AT)
    finally:
        await client.close()


async def _statuses(seen: ValidatorSet) -> dict[str, Status | None]:
    """What the CometBFT of each workload says of itself; None if it does not answer."""
    urls = seen.found.urls
    answers = await asyncio.gather(*(_status(url) for url in urls.values()))
    return dict(zip(urls, answers, strict=True))


async def _status(url: str) -> Status | None:
    client = CometbftClient(url)
    try:
        return await client.status()
    except CometbftError:
        return None
    finally:
        await client.close()


def enough_here(seen: ValidatorSet) -> None:
    """Raises CannotSign unless the keys of this vault have more than two thirds of the power."""
    chain = seen.require_chain()
    own = sum(one.power for one in seen.entries if one.own)
    if 3 * own <= 2 * chain.members.total:
        raise CannotSign(
            f"This vault holds keys with {own} of {chain.members.total} voting power; more than "
            f"two thirds are needed.",
            "Go step by step: `windlass validator propose`, then the other holders `windlass "
            "validator sign FILE`, then one of them `windlass validator submit FILE`.",
        )
