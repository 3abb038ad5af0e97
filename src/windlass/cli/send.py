"""`windlass fund` and `windlass send`: money that is final when the command returns."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from windlass.chains.ethereum.keys import checksum_address
from windlass.chains.ethereum.quantities import (
    Address,
    TransactionHash,
    Wei,
    format_ether,
    parse_address,
    parse_amount,
)
from windlass.chains.ethereum.wallet import Receipt, Wallet
from windlass.cli.options import file_option, json_option, network_option, one_network, place_of
from windlass.cli.output import as_json, note, say
from windlass.cli.reaching import answering, rpc_urls
from windlass.kit.errors import UsageError
from windlass.runtimes.local.place import opened
from windlass.runtimes.local.state import NetworkRow
from windlass.vault.keys import Account
from windlass.vault.vault import Vault

FUND_DEFAULT = "10 ether"
FINAL_TIMEOUT_S = 60.0


@click.command("send")
@click.argument("address")
@click.argument("amount", nargs=-1, required=True)
@click.option("--from", "sender", metavar="ACCOUNT", help="Name or address; by default the first.")
@file_option
@network_option
@json_option
def send_command(
    address: str,
    amount: tuple[str, ...],
    sender: str | None,
    spec_file: str | None,
    network: str | None,
    json_wanted: bool,
) -> None:
    """Send money and wait until it is final.

    ADDRESS may be the name of an account; AMOUNT is in ether unless it says wei or gwei. Nothing
    is sent if the account can't pay amount and fee.

    \b
    Examples:
      windlass send 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 1.5
      windlass send shop 20 gwei --from alice
    """
    _send(address, " ".join(amount), sender, spec_file, network, json_wanted)


@click.command("fund")
@click.argument("address")
@click.argument("amount", nargs=-1, metavar="[AMOUNT]")
@file_option
@network_option
@json_option
def fund_command(
    address: str,
    amount: tuple[str, ...],
    spec_file: str | None,
    network: str | None,
    json_wanted: bool,
) -> None:
    """Give an address money from the first genesis account.

    The first whose key is kept here, that is, one with a name in the spec. 10 ether unless AMOUNT
    says otherwise. ADDRESS may be the name of an account.

    \b
    Examples:
      windlass fund 0x70997970C51812dc3A010C7d01b50e0d17dc79C8
      windlass fund shop 2.5 ether
    """
    value = " ".join(amount) or FUND_DEFAULT
    _send(address, value, None, spec_file, network, json_wanted, from_genesis=True)


def _send(
    to: str,
    amount: str,
    sender: str | None,
    spec_file: str | None,
    network: str | None,
    json_wanted: bool,
    *,
    from_genesis: bool = False,
) -> None:
    value = _amount(amount)
    place = place_of(spec_file)
    with opened(place) as state:
        row = one_network(state, network)
        urls = rpc_urls(state, row.name)
    accounts = Vault(place.state / "vault").accounts(row.name)
    if sender is None:
        payer = first_payer(accounts.all(), row.name, from_genesis=from_genesis)
    else:
        payer = accounts.find(sender)
    target = _target(to, {one.name: one.address for one in accounts.all()})
    key = accounts.private_key(payer.address)
    receipt = asyncio.run(_transfer(urls, row, key, payer.address, target, value))
    _show(receipt, payer.name, json_wanted)


def first_payer(accounts: Sequence[Account], network: str, *, from_genesis: bool) -> Account:
    """The first account whose keystore is here, of the genesis alone if that is wanted.

    Raises UsageError if there is none.
    """
    kept = (one for one in accounts if one.keystore)
    payer = next((one for one in kept if one.origin == "genesis" or not from_genesis), None)
    if payer is None and from_genesis:
        raise UsageError(
            f"{network} has no genesis account whose key is kept here.",
            "Send from another one: `windlass send ADDRESS AMOUNT --from ACCOUNT`.",
        )
    if payer is None:
        raise UsageError(
            f"{network} has no account of its own to send from.",
            "Make one: `windlass accounts new NAME`.",
        )
    return payer


async def _transfer(
    urls: list[str], network: NetworkRow, key: bytes, sender: Address, to: Address, value: Wei
) -> Receipt:
    wallet = Wallet(await answering(urls, network.name), network.chain_id)
    try:
        return await wallet.transfer(
            key, sender, to, value, timeout_s=FINAL_TIMEOUT_S, on_sent=_tell_hash
        )
    finally:
        await wallet.close()


def _tell_hash(transaction: TransactionHash) -> None:
    # Said at once: whoever interrupts the waiting must know what is on its way.
    note(f"Sent {transaction}; waiting until it is final.")


def _amount(text: str) -> Wei:
    try:
        value = parse_amount(text, default_unit="ether")
    except ValueError as error:
        raise UsageError(f"{error}.", "Without a unit it is ether.") from error
    if value >= 2**256:
        raise UsageError(f"{text!r} is more than can exist.")
    return value


def _target(text: str, named: dict[str, Address]) -> Address:
    if text in named:
        return named[text]
    try:
        address = parse_address(text)
    except ValueError as error:
        raise UsageError(f"{error}.", "An account's name will do as well.") from error
    digits = text[2:]
    mixed = digits not in (digits.lower(), digits.upper())
    if mixed and text != checksum_address(address):
        # EIP-55: the letter case is a checksum, so this is most likely a slip of the pen.
        raise UsageError(
            f"{text} is mistyped: the letters' case, which is its checksum (EIP-55), is wrong.",
            f"Copy it again; if you are sure of it, write it in lower case: {address}.",
        )
    return address


def _show(receipt: Receipt, payer: str, json_wanted: bool) -> None:
    if json_wanted:
        as_json(
            {
                "schema": 1,
                "hash": receipt.hash,
                "block": receipt.block,
                "from": receipt.sender,
                "to": receipt.to,
                "value_wei": str(receipt.value),
                "fee_wei": str(receipt.fee),
            }
        )
        return
    amount, fee = format_ether(receipt.value), format_ether(receipt.fee)
    say(f"{amount} from {payer} to {checksum_address(receipt.to)}, for a fee of {fee}.")
    say(f"Final in block {receipt.block}: {receipt.hash}")
