"""What makes a client see its own transactions, whichever node it happens to be answered by.

A node that did not get a transaction yet, or was killed and forgot it, would answer that there is
none and offer its nonce again. The journal knows better.
"""

from __future__ import annotations

import asyncio
import time

import msgspec

from windlass.chains.ethereum.quantities import from_hex
from windlass.chains.ethereum.raw_transaction import decode
from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.programs.gateway import messages
from windlass.programs.gateway.database import JournalError
from windlass.programs.gateway.dispatch import Handler, Outcome
from windlass.programs.gateway.errors import RpcRefusal, invalid_params
from windlass.programs.gateway.head import Head
from windlass.programs.gateway.journal import Journal
from windlass.programs.gateway.relay import Relay
from windlass.programs.gateway.rewriting import PENDING, quantity
from windlass.programs.gateway.sending import Sender
from windlass.programs.gateway.session import Session
from windlass.programs.gateway.transaction_view import pending_view

SYNC_S = 20.0
SYNC_S_MAX = 60.0
"""How long eth_sendRawTransactionSync waits for the block: geth's default and maximum."""
TX_SYNC_TIMEOUT = 4
"""geth's error code for a transaction that is accepted but was in no block in that time."""


class OwnWrites:
    """Methods that look into the journal and at a node."""

    def __init__(self, journal: Journal, relay: Relay, sender: Sender, head: Head) -> None:
        self._journal = journal
        self._relay = relay
        self._sender = sender
        self._head = head

    def methods(self) -> dict[str, Handler]:
        """By name."""
        return {
            "eth_sendRawTransaction": self._sender.send,
            "eth_sendRawTransactionSync": self._send_and_wait,
            "eth_getTransactionCount": self._count,
            "eth_getTransactionByHash": self._by_hash,
            "eth_getRawTransactionByHash": self._by_hash,
        }

    async def _count(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        outcome = await self._relay.call(method, params, session)
        items = messages.positional(params)
        if outcome.error or not items or items[1:2] != [PENDING]:
            return outcome
        try:
            sender = json.decode(items[0], str).lower()
            nonce = from_hex(json.decode(outcome.result, str))
        except (JsonError, ValueError):
            return outcome
        return Outcome(quantity(self._journal.next_nonce(sender, nonce)))

    async def _by_hash(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        outcome = await self._relay.call(method, params, session)
        if outcome.error or bytes(outcome.result) not in (messages.NULL, b'"0x"'):
            return outcome
        items = messages.positional(params)
        try:
            known = json.decode(items[0], str).lower() if items else ""
        except JsonError:
            return outcome
        if self._journal.get(known) is None:
            return outcome
        try:
            raw = (await self._journal.raw([known])).get(known)
        except JournalError:
            return outcome
        if raw is None:  # it has become final just now, so a node has it
            return await self._relay.call(method, params, session)
        if method == "eth_getRawTransactionByHash":
            return Outcome(b'"0x' + raw.hex().encode() + b'"')
        try:
            return Outcome(msgspec.json.encode(pending_view(decode(raw))))
        except ValueError:
            return outcome

    async def _send_and_wait(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method
        items = messages.positional(params) or []
        wait_s = _wait_s(items[1]) if len(items) > 1 else SYNC_S
        sent = await self._sender.send(
            "eth_sendRawTransaction", msgspec.Raw(messages.joined(items[:1])), session
        )
        if sent.error:
            return sent
        known = msgspec.Raw(messages.joined([bytes(sent.result)]))
        deadline_s = time.monotonic() + wait_s
        while True:
            head = self._head.number
            outcome = await self._relay.call("eth_getTransactionReceipt", known, session)
            if not outcome.error and bytes(outcome.result) != messages.NULL:
                return outcome
            try:
                async with asyncio.timeout_at(_loop_time(deadline_s)):
                    while self._head.number == head:
                        await self._head.changed()
            except TimeoutError:
                return Outcome(error=_not_in_time(bytes(sent.result), wait_s))


def _loop_time(deadline_s: float) -> float:
    return asyncio.get_running_loop().time() + deadline_s - time.monotonic()


def _wait_s(parameter: bytes) -> float:
    try:
        milliseconds = json.decode(parameter, int | None)
    except JsonError as error:
        raise invalid_params(f"invalid argument 1: {error}") from error
    if not milliseconds or milliseconds < 0:
        return SYNC_S
    return min(milliseconds / 1000, SYNC_S_MAX)


def _not_in_time(known: bytes, wait_s: float) -> bytes:
    message = (
        f"The transaction was added to the transaction pool but wasn't processed in {wait_s:g}s"
    )
    return RpcRefusal(TX_SYNC_TIMEOUT, message).encoded()[:-1] + b',"data":' + known + b"}"
