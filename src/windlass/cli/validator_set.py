"""How a validator set and its proposals are shown: to people and to machines."""

from __future__ import annotations

from typing import Any

from windlass.cli.output import console, plain, say, shown
from windlass.runtimes.local.validators import Entry, Proposal, ValidatorSet

KEY_COLUMNS = 44


def show(seen: ValidatorSet, open_ones: list[Proposal]) -> None:
    """The set as a table, and the open proposals below it."""
    from windlass.cli.table import plain_table

    table = plain_table()
    table.add_column("name", overflow="ellipsis")
    table.add_column("state", no_wrap=True)
    table.add_column("power", justify="right", no_wrap=True)
    table.add_column("public key", no_wrap=True, min_width=KEY_COLUMNS)
    table.add_column("address", overflow="fold")
    for one in seen.entries:
        power = str(one.power) if seen.chain else "–"
        table.add_row(one.name, one.state, power, one.public_key or "–", one.address)
    console().print(table)
    for proposal in open_ones:
        say()
        say(plain(f"{shown(proposal.path)}: {described(seen, proposal)}"))


def described(seen: ValidatorSet, proposal: Proposal) -> str:
    """A proposal in a line: what for, and how far it has come."""
    change = proposal.change
    # The address, too: a name is what whoever made the file wrote into it.
    told = f"{change.action} {change.name} (address {change.address}), number {change.sequence}, "
    if proposal.refused:
        return told + f"can't be submitted. {proposal.refused}"
    names = ", ".join(seen.name_of(one) for one in proposal.signers) or "nobody"
    told += f"signed by {names}; "
    return told + (
        f"signatures of {proposal.missing} more voting power are missing"
        if proposal.missing
        else "complete"
    )


def entry_value(one: Entry) -> dict[str, Any]:
    """A validator, for machines."""
    return {
        "name": one.name,
        "address": one.address,
        "public_key": one.public_key or None,
        "fee_recipient": one.fee_recipient,
        "power": one.power,
        "state": one.state,
        "own": one.own,
    }


def proposal_value(seen: ValidatorSet, one: Proposal) -> dict[str, Any]:
    """A proposal, for machines."""
    return {
        "file": str(one.path),
        "action": one.change.action,
        "name": one.change.name,
        "address": one.change.address,
        "fee_recipient": one.change.fee_recipient or None,
        "sequence": one.change.sequence,
        "expires": one.change.expires,
        "signed_by": [seen.name_of(address) for address in one.signers],
        "signed_power": one.signed,
        "missing_power": one.missing,
        "refused": one.refused or None,
    }
