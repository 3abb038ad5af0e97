"""`windlass validator`: who makes a network's blocks, and how that is changed while it runs."""

from __future__ import annotations

from pathlib import Path

import click

from windlass.chains.cometbft.set_change import SetChange
from windlass.chains.ethereum.quantities import parse_address
from windlass.cli.groups import Group
from windlass.cli.options import (
    complete_nodes,
    file_option,
    json_option,
    network_option,
    one_network,
    place_of,
)
from windlass.cli.output import as_json, note, plain, say, shown, warn
from windlass.cli.validator_set import described, entry_value, proposal_value, show
from windlass.kit.errors import UsageError
from windlass.runtimes.local import set_changing, validators
from windlass.runtimes.local.operations import vault_locked
from windlass.runtimes.local.place import Place, opened
from windlass.runtimes.local.validators import Entry, Proposal, ValidatorSet

DAYS_DEFAULT = 7
DAYS_MAX = 365

action_argument = click.argument("action", type=click.Choice(["add", "remove"]))
subject_argument = click.argument("validator", required=False, shell_complete=complete_nodes)
public_key_option = click.option(
    "--public-key", metavar="BASE64", help="Of a validator whose key is not here."
)
name_option = click.option("--name", metavar="NAME", help="What to call it.")
fee_option = click.option(
    "--fee-recipient", metavar="ADDRESS", help="Where the fees of its blocks go."
)
force_option = click.option(
    "--force", is_flag=True, help="Also if too few are seen to take part afterwards."
)
proposal_argument = click.argument("file", metavar="PROPOSAL", type=click.Path())


@click.group("validator", cls=Group)
def validator_command() -> None:
    """List validators, and change who they are while the network runs.

    More than two thirds of the voting power must sign a change. Where this vault holds the keys,
    `add` and `remove` do all of it; where others hold some, a proposal goes round as a file:
    `propose`, everybody's `sign`, `submit`.

    \b
    Examples:
      windlass validator list
      windlass validator add validator-4
      windlass validator propose remove validator-1
    """


@validator_command.command("list")
@file_option
@network_option
@json_option
def list_validators(spec_file: str | None, network: str | None, json_wanted: bool) -> None:
    """List validators: address, public key, voting power, state; and open proposals.

    `active` ones vote. A `candidate` runs, or may, and was never in the set; a `removed` one was.
    The public key is what others need to propose this one.

    \b
    Examples:
      windlass validator list
      windlass validator list --network trade --json
    """
    place, seen = _seen(spec_file, network)
    open_ones: list[Proposal] = []
    if seen.chain is not None:
        open_ones = validators.proposals(validators.folder(place), seen.chain)
    else:
        try:
            seen.require_chain()
        except validators.NoSet as error:
            warn(f"No voting powers: {error.sentence}", error.next_step)
    if json_wanted:
        as_json(
            {
                "schema": 1,
                "network": seen.found.row.name,
                "next_sequence": seen.chain.members.next_sequence if seen.chain else None,
                "validators": [entry_value(one) for one in seen.entries],
                "proposals": [proposal_value(seen, one) for one in open_ones],
            }
        )
        return
    show(seen, open_ones)


@validator_command.command("propose")
@action_argument
@subject_argument
@public_key_option
@name_option
@fee_option
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=DAYS_DEFAULT,
    show_default=True,
    help="How long it may be signed and submitted.",
)
@click.option("--out", metavar="FILE", type=click.Path(), help="Where to write it.")
@file_option
@network_option
@json_option
def propose(
    action: set_changing.Action,
    validator: str | None,
    public_key: str | None,
    name: str | None,
    fee_recipient: str | None,
    days: int,
    out: str | None,
    spec_file: str | None,
    network: str | None,
    json_wanted: bool,
) -> None:
    """Write a proposal to add a validator or remove one, for others to sign.

    VALIDATOR is a name or address as `windlass validator list` shows it. Somebody else's new one is
    named with --public-key, --name and --fee-recipient, as its holder tells them. Without --out the
    file lies in .windlass/proposals.

    \b
    Examples:
      windlass validator propose add validator-4
      windlass validator propose remove validator-1 --out remove.json
      windlass validator propose add --public-key BASE64 --name harbour-2 --fee-recipient 0x…
    """
    place, seen = _seen(spec_file, network)
    subject = _subject(seen, action, validator, public_key, name, fee_recipient)
    change = set_changing.propose(seen, action, subject, days)
    with opened(place) as state:
        alone = len(state.networks()) == 1
    prefix = "" if alone else f"{seen.found.row.name}-"
    default = validators.folder(place) / f"{prefix}{change.name}-{change.sequence}.json"
    path = default if out is None else Path(out)
    with vault_locked(place):
        validators.write(path, change, anew=True)
    proposal = validators.weigh(path, change, seen.require_chain())
    if json_wanted:
        as_json({"schema": 1, **proposal_value(seen, proposal)})
        return
    say(plain(f"{shown(path)}: {described(seen, proposal)}"))
    note(f"Sign it: `windlass validator sign {shown(path)}`.")


def _subject(
    seen: ValidatorSet,
    action: str,
    label: str | None,
    public_key: str | None,
    name: str | None,
    fee_recipient: str | None,
) -> Entry:
    if public_key is None:
        if label is None:
            raise UsageError(
                f"Which validator to {action} is not said.",
                "Name it, or give its --public-key.",
            )
        if name is not None or fee_recipient is not None:
            raise UsageError(
                f"{label} is known: its name and fee recipient are its own.",
                "--name and --fee-recipient belong to --public-key.",
            )
        return seen.find(label)
    if label is not None:
        raise UsageError("A validator is named by its name or by --public-key, not both.")
    if name is None or (action == "add") != (fee_recipient is not None):
        raise UsageError(
            "--public-key needs --name, and to add one --fee-recipient, too; nothing else does."
        )
    recipient = ""
    if fee_recipient is not None:
        try:
            recipient = parse_address(fee_recipient)
        except ValueError as error:
            raise UsageError(f"{error}.") from error
    return set_changing.foreign(seen, public_key, name, recipient)


@validator_command.command("sign")
@proposal_argument
@click.option("--as", "only", metavar="NAME", help="With this validator's key only.")
@file_option
@json_option
def sign(file: str, only: str | None, spec_file: str | None, json_wanted: bool) -> None:
    """Sign a proposal with the keys that this vault holds.

    Every validator of the set whose key is here and has not signed yet does so; --as names one.
    Look at the proposal first: a signature can't be taken back.

    \b
    Examples:
      windlass validator sign .windlass/proposals/validator-4-1.json
      windlass validator sign remove.json --as validator-1
    """
    path = Path(file)
    place, _, seen = _for_proposal(path, spec_file)
    with vault_locked(place):
        # Read again: somebody may have signed it just before.
        change, new = set_changing.sign(seen, validators.read(path), only)
        validators.write(path, change, anew=False)
    proposal = validators.weigh(path, change, seen.require_chain())
    if json_wanted:
        as_json({"schema": 1, **proposal_value(seen, proposal), "signed_now": new})
        return
    say(plain(f"{shown(path)}: {described(seen, proposal)}"))
    if not proposal.missing:
        note(f"Submit it: `windlass validator submit {shown(path)}`.")


@validator_command.command("submit")
@proposal_argument
@force_option
@file_option
@json_option
def submit(file: str, force: bool, spec_file: str | None, json_wanted: bool) -> None:
    """Hand a signed proposal in, and wait until the new set votes.

    Refused if fewer than two thirds of the new set are seen to take part: without them there would
    be no more blocks. Whoever knows better says --force.

    \b
    Example:
      windlass validator submit .windlass/proposals/validator-4-1.json
    """
    _, change, seen = _for_proposal(Path(file), spec_file)
    _submit(seen, change, force, json_wanted)


@validator_command.command("add")
@subject_argument
@public_key_option
@name_option
@fee_option
@force_option
@file_option
@network_option
@json_option
def add(
    validator: str | None,
    public_key: str | None,
    name: str | None,
    fee_recipient: str | None,
    force: bool,
    spec_file: str | None,
    network: str | None,
    json_wanted: bool,
) -> None:
    """Add a validator, where this vault holds enough keys to sign for it.

    First raise `validators` in the spec and `windlass up`: the new one then runs, follows the
    chain, and is ready to vote.

    \b
    Example:
      windlass validator add validator-4
    """
    seen = _seen(spec_file, network)[1]
    subject = _subject(seen, "add", validator, public_key, name, fee_recipient)
    _at_once(seen, "add", subject, force, json_wanted)


@validator_command.command("remove")
@click.argument("validator", shell_complete=complete_nodes)
@force_option
@file_option
@network_option
@json_option
def remove(
    validator: str, force: bool, spec_file: str | None, network: str | None, json_wanted: bool
) -> None:
    """Remove a validator, where this vault holds enough keys to sign for it.

    It goes on running and follows the chain. Then lower `validators` in the spec and `windlass up`,
    if it has the highest number.

    \b
    Example:
      windlass validator remove validator-4
    """
    seen = _seen(spec_file, network)[1]
    _at_once(seen, "remove", seen.find(validator), force, json_wanted)


def _at_once(
    seen: ValidatorSet,
    action: set_changing.Action,
    subject: Entry,
    force: bool,
    json_wanted: bool,
) -> None:
    change = set_changing.propose(seen, action, subject, DAYS_DEFAULT)
    set_changing.enough_here(seen)
    change, _ = set_changing.sign(seen, change, None)
    _submit(seen, change, force, json_wanted)


def _submit(seen: ValidatorSet, change: SetChange, force: bool, json_wanted: bool) -> None:
    def on_taken() -> None:
        # Said at once: whoever interrupts the waiting must know what is on its way.
        note(f"Handed in number {change.sequence}; waiting until the new set votes.")

    height = set_changing.submit(seen, change, force=force, on_taken=on_taken)
    if json_wanted:
        as_json(
            {
                "schema": 1,
                "network": seen.found.row.name,
                "action": change.action,
                "name": change.name,
                "address": change.address,
                "sequence": change.sequence,
                "effective_height": height,
            }
        )
        return
    told = "votes from" if change.action == "add" else "votes no more, from"
    say(f"{change.name} {told} height {height} on.")
    count = len(seen.require_chain().members.powers) + (1 if change.action == "add" else -1)
    may_fail = (count - 1) // 3  # less than a third, all having the same power
    note(f"Of the {count} that vote now {may_fail or 'none'} may fail.")


def _seen(spec_file: str | None, network: str | None) -> tuple[Place, ValidatorSet]:
    place = place_of(spec_file)
    with opened(place) as state:
        row = one_network(state, network)
    return place, validators.look(validators.find_network(place, row))


def _for_proposal(path: Path, spec_file: str | None) -> tuple[Place, SetChange, ValidatorSet]:
    """A proposal names its network itself."""
    place = place_of(spec_file)
    change = validators.read(path)
    with opened(place) as state:
        row = validators.network_of(change, state.networks())
    return place, change, validators.look(validators.find_network(place, row))
