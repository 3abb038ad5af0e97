"""`windlass transaction`: what became of one, from the chain and the gateway's journal."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import click
import msgspec

from windlass.chains.ethereum.keys import checksum_address
from windlass.chains.ethereum.quantities import Address, Wei, format_ether, from_hex
from windlass.cli.options import file_option, json_option, network_option, one_network, place_of
from windlass.cli.output import as_json, say
from windlass.cli.reaching import answering, rpc_urls
from windlass.kit import json
from windlass.kit.errors import UsageError, WindlassError
from windlass.kit.http import HttpClient, get
from windlass.kit.json_rpc import JsonRpc
from windlass.runtimes.local.place import opened
from windlass.runtimes.local.state import State

TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 1 << 20
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_FINE = ("final", "pending")


class _Entry(msgspec.Struct, kw_only=True):
    """What the gateway's journal says; times in Unix seconds."""

    status: str = "unknown"
    sender: str | None = None
    nonce: int | None = None
    accepted_at: float | None = None
    sent: int | None = None
    last_refusal: str | None = None
    reason: str | None = None


@click.command("transaction")
@click.argument("hash_", metavar="HASH")
@file_option
@network_option
@json_option
def transaction_command(
    hash_: str, spec_file: str | None, network: str | None, json_wanted: bool
) -> int:
    """Say what became of a transaction.

    Final, with its block; pending, with how often nodes were given it and what they said last;
    dropped, with the reason why it can no longer enter; or unknown. Exit code 0 if it is final or
    pending, else 1.

    \b
    Examples:
      windlass transaction 0x5d1f0c1d2a0f52c1c1f0d6fa4a2f7f0f9d7ac2b60df2a1de1f0c1d2a0f52c1c1
      windlass transaction 0x5d1f0c1d2a0f52c1c1f0d6fa4a2f7f0f9d7ac2b60df2a1de1f0c1d2a0f52c1c1 --json
    """
    if not _HASH.fullmatch(hash_):
        raise UsageError(
            f"{hash_!r} is no transaction's hash.", "It is 0x and 64 hex digits after it."
        )
    with opened(place_of(spec_file)) as state:
        row = one_network(state, network)
        urls = rpc_urls(state, row.name)
        journal = _journal_url(state, row.name)
    found = asyncio.run(_look(hash_.lower(), row.name, urls, journal))
    if json_wanted:
        as_json({"schema": 1, "network": row.name, **found})
    else:
        _show(found)
    return 0 if found["status"] in _FINE else 1


def _journal_url(state: State, network: str) -> str | None:
    own = [one for one in state.workloads() if (one.network, one.role) == (network, "gateway")]
    return own[0].health_url if own else None


async def _look(wanted: str, network: str, urls: list[str], journal: str | None) -> dict[str, Any]:
    """Both answers as one document. Raises NobodyAnswers, and what the network's RPC raises."""
    rpc = JsonRpc(
        HttpClient(
            await answering(urls, network), timeout_s=TIMEOUT_S, body_bytes_max=ANSWER_BYTES_MAX
        )
    )
    try:
        entry = await _entry(journal, wanted)
        # In this order: one that is included between the two must not look as if it were nowhere.
        transaction = await rpc.call("eth_getTransactionByHash", wanted)
        receipt = await rpc.call("eth_getTransactionReceipt", wanted)
    finally:
        await rpc.close()
    status = "final" if receipt else entry.status
    if status == "unknown" and transaction:
        status = "pending"  # a node has it, though nobody gave it to the gateway
    document = {
        "hash": wanted,
        "status": status,
        "block": from_hex(receipt["blockNumber"]) if receipt else None,
        "succeeded": from_hex(receipt["status"]) == 1 if receipt else None,
        "from": transaction["from"] if transaction else entry.sender,
        "to": transaction["to"] if transaction else None,
        "nonce": from_hex(transaction["nonce"]) if transaction else entry.nonce,
        "value_wei": str(from_hex(transaction["value"])) if transaction else None,
        "fee_wei": _fee(receipt) if receipt else None,
    }
    own = ("accepted_at", "sent", "last_refusal", "reason")
    return document | {name: getattr(entry, name) for name in own}


async def _entry(journal: str | None, wanted: str) -> _Entry:
    """The journal's entry; an empty one while the gateway is away."""
    if journal is None:
        return _Entry()
    try:
        url = f"{journal}/transaction?hash={wanted}"
        answer = await get(url, timeout_s=TIMEOUT_S, body_bytes_max=ANSWER_BYTES_MAX)
        return json.decode(answer.body, _Entry)
    except (WindlassError, json.JsonError):
        return _Entry()


def _fee(receipt: dict[str, Any]) -> str:
    return str(from_hex(receipt["gasUsed"]) * from_hex(receipt["effectiveGasPrice"]))


def _show(found: dict[str, Any]) -> None:
    status, wanted = found["status"], found["hash"]
    if status == "final":
        outcome = "" if found["succeeded"] else ", but the contract refused it (it was reverted)"
        say(f"Final in block {found['block']}{outcome}: {wanted}")
    elif status == "pending":
        say(
            f"Pending, the gateway has it: {wanted}"
            if found["accepted_at"]
            else f"Pending: {wanted}"
        )
    elif status == "dropped":
        say(f"Dropped: {wanted}")
        say(f"  {found['reason']}")
    else:
        say(f"Nobody knows it: {wanted}")
        say("  It was never sent here, or the last node that had it lost it before it was kept.")
    for name, value in _facts(found):
        say(f"  {name:<9} {value}")


def _facts(found: dict[str, Any]) -> list[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    if found["from"]:
        facts.append(
            ("from", f"{checksum_address(Address(found['from']))}, nonce {found['nonce']}")
        )
    if found["to"]:
        facts.append(("to", checksum_address(Address(found["to"]))))
    if found["value_wei"] is not None:
        facts.append(("value", format_ether(Wei(int(found["value_wei"])))))
    if found["fee_wei"] is not None:
        facts.append(("fee", format_ether(Wei(int(found["fee_wei"])))))
    if found["accepted_at"]:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found["accepted_at"]))
        times = "once" if found["sent"] == 1 else f"{found['sent']} times"
        facts.append(("accepted", f"{when}, given to nodes {times}"))
    if found["last_refusal"] and found["status"] == "pending":
        facts.append(("node says", found["last_refusal"]))
    return facts
