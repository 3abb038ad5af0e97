"""`windlass accounts`: a network's accounts, kept as usual keystores."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from windlass.chains.ethereum.keys import checksum_address
from windlass.chains.ethereum.quantities import Wei, format_ether
from windlass.chains.ethereum.wallet import Wallet
from windlass.cli.groups import Group
from windlass.cli.options import file_option, json_option, network_option, one_network, place_of
from windlass.cli.output import as_json, console, say, shown, warn
from windlass.cli.reaching import NobodyAnswers, answering, rpc_urls
from windlass.kit.errors import UsageError, WindlassError
from windlass.kit.files import read_bytes
from windlass.runtimes.local.operations import vault_locked
from windlass.runtimes.local.place import opened
from windlass.runtimes.local.state import NetworkRow
from windlass.vault.accounts import Accounts
from windlass.vault.keys import Account
from windlass.vault.vault import Vault

KEYSTORE_BYTES_MAX = 1 << 16
SECRET_BYTES_MAX = 4096
ADDRESS_COLUMNS = 42


@click.group("accounts", cls=Group)
def accounts_command() -> None:
    """List, make and import a network's accounts.

    \b
    Examples:
      windlass accounts list
      windlass accounts new shop
      windlass accounts import old-wallet --keystore UTC--2026….json
    """


@accounts_command.command("list")
@file_option
@network_option
@json_option
def list_accounts(spec_file: str | None, network: str | None, json_wanted: bool) -> None:
    """List accounts with their balances and where their keystores lie.

    Accounts of the genesis come first, then made and imported ones, then those that fees go to.
    --json has each keystore's path.

    \b
    Examples:
      windlass accounts list
      windlass accounts list --network trade --json
    """
    row, urls, accounts = _accounts(spec_file, network)
    found = accounts.all()
    balances = asyncio.run(_balances(urls, row, found))
    if json_wanted:
        rows = [
            {
                "name": one.name,
                "address": one.address,
                "origin": one.origin,
                "keystore": str(one.keystore) if one.keystore else None,
                "balance_wei": None if balance is None else str(balance),
            }
            for one, balance in zip(found, balances, strict=True)
        ]
        as_json({"schema": 1, "network": row.name, "accounts": rows})
        return
    _show(found, balances)


def _show(accounts: tuple[Account, ...], balances: list[Wei | None]) -> None:
    from windlass.cli.table import plain_table

    table = plain_table()
    table.add_column("name", overflow="ellipsis")
    table.add_column("address", no_wrap=True, min_width=ADDRESS_COLUMNS)
    table.add_column("ether", justify="right", no_wrap=True)
    for one, balance in zip(accounts, balances, strict=True):
        ether = "–" if balance is None else format_ether(balance).removesuffix(" ether")
        table.add_row(one.name, checksum_address(one.address), ether)
    console().print(table)
    say()
    for folder in sorted({one.keystore.parent for one in accounts if one.keystore}):
        say(f"keystores   {shown(folder)}")
        say(f"passphrase  {shown(folder.parent / 'passphrase')}")


@accounts_command.command("new")
@click.argument("name")
@file_option
@network_option
def new(name: str, spec_file: str | None, network: str | None) -> None:
    """Make an account and keep its keystore.

    It opens with the same generated passphrase as the network's other accounts.

    \b
    Example:
      windlass accounts new shop
    """
    accounts = _accounts(spec_file, network)[2]
    with vault_locked(place_of(spec_file)):
        account = accounts.new(name)
    _made(account)


@accounts_command.command("import")
@click.argument("name")
@click.option(
    "--keystore",
    metavar="FILE",
    type=click.Path(),
    help="A Web3 Secret Storage file; else a private key.",
)
@click.option(
    "--passphrase-file", metavar="FILE", type=click.Path(), help="The keystore's passphrase."
)
@file_option
@network_option
def import_account(
    name: str,
    keystore: str | None,
    passphrase_file: str | None,
    spec_file: str | None,
    network: str | None,
) -> None:
    """Keep a foreign key: a keystore's, or one asked for or read from stdin.

    A secret is never an argument: those are visible to every user of the machine. The passphrase
    of a keystore is asked for or read from stdin, too, unless a file has it.

    \b
    Examples:
      windlass accounts import till --keystore old.json --passphrase-file secret.txt
      windlass accounts import till < private-key.hex
    """
    accounts = _accounts(spec_file, network)[2]
    if keystore is None:
        if passphrase_file is not None:
            raise UsageError("A passphrase needs a keystore.", "Name it with --keystore.")
        key = _secret("Private key (64 hex digits)")  # asked for before the lock: people take time
        with vault_locked(place_of(spec_file)):
            account = accounts.import_key(name, key)
        _made(account)
        return
    content = read_bytes(Path(keystore), bytes_max=KEYSTORE_BYTES_MAX)
    if passphrase_file is not None:
        raw = read_bytes(Path(passphrase_file), bytes_max=SECRET_BYTES_MAX)
        passphrase = _text(raw, passphrase_file)
    else:
        passphrase = _secret(f"Passphrase of {keystore}")
    with vault_locked(place_of(spec_file)):
        account = accounts.import_keystore(name, content, passphrase)
    _made(account)


def _secret(prompt: str) -> str:
    if not sys.stdin.isatty():
        return _text(sys.stdin.buffer.read(SECRET_BYTES_MAX), "standard input")
    try:
        return str(click.prompt(prompt, hide_input=True, err=True))
    except UnicodeDecodeError:
        raise _no_text("the terminal") from None


def _text(secret: bytes, where: str) -> str:
    try:
        return secret.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise _no_text(where) from None  # the reason could show a part of the secret


def _no_text(where: str) -> UsageError:
    return UsageError(
        f"What {where} gave is no text: not all of it is UTF-8.",
        "A private key is 64 hex digits; a passphrase must be given in UTF-8.",
    )


def _made(account: Account) -> None:
    say(f"{account.name}: {checksum_address(account.address)}")
    if account.keystore is not None:
        say(f"keystore: {shown(account.keystore)}")


def _accounts(spec_file: str | None, network: str | None) -> tuple[NetworkRow, list[str], Accounts]:
    place = place_of(spec_file)
    with opened(place) as state:
        row = one_network(state, network)
        urls = rpc_urls(state, row.name)
    return row, urls, Vault(place.state / "vault").accounts(row.name)


async def _balances(
    urls: list[str], network: NetworkRow, accounts: tuple[Account, ...]
) -> list[Wei | None]:
    """What each account has, None where nobody answers: that is said, but is no failure."""
    if not accounts:
        return []
    try:
        wallet = Wallet(await answering(urls, network.name), network.chain_id)
    except NobodyAnswers as error:
        warn(f"No balances: {error.sentence}", error.next_step)
        return [None] * len(accounts)
    try:
        return list(await wallet.balances([one.address for one in accounts]))
    except WindlassError as error:
        warn(f"No balances: {error.sentence}", error.next_step)
        return [None] * len(accounts)
    finally:
        await wallet.close()
