"""eth_sendRawTransaction: on disk and in a node's pool, both, before the client is told.

The write and the node's check run side by side. Killed in between, the journal may have one whose
client got no answer: it is sent again, which is as good as any outcome of a call without an answer.
What a node refuses is answered in its words and forgotten. What we can't read, or what is for
another chain, is not journalled: the node says what is wrong with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import msgspec

from windlass.chains.ethereum.quantities import Address
from windlass.chains.ethereum.raw_transaction import MalformedTransaction, RawTransaction, decode
from windlass.kit import json
from windlass.kit.faults import fault_point
from windlass.kit.json import JsonError
from windlass.programs.gateway import messages
from windlass.programs.gateway.calls import Caller
from windlass.programs.gateway.database import JournalError
from windlass.programs.gateway.dispatch import Outcome
from windlass.programs.gateway.errors import DEFAULT, INTERNAL, RpcRefusal
from windlass.programs.gateway.journal import Entry, Journal
from windlass.programs.gateway.node import Node
from windlass.programs.gateway.session import Session
from windlass.programs.gateway.upstream import Answer

RAW_BYTES_MAX = 128 << 10
"""geth refuses more than that, except for blobs, which these networks have no room for."""
FIRST_RESEND_BLOCKS = 2
SEND = b"eth_sendRawTransaction"
KNOWN = b'"already known"'


class Sender:
    """Takes transactions from clients."""

    def __init__(
        self, journal: Journal, caller: Caller, *, chain_id: int, block_time_s: int
    ) -> None:
        self._journal = journal
        self._caller = caller
        self._chain_id = chain_id
        self._first_resend_s = FIRST_RESEND_BLOCKS * block_time_s
        self._sending: dict[str, asyncio.Task[Outcome]] = {}

    async def send(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        """The hash, or the refusal. Raises RpcRefusal."""
        del method, session
        raw = _raw(params)
        transaction = _decoded(raw)
        if transaction is None or transaction.chain_id != self._chain_id:
            return await self._pass_on(params)
        known = transaction.hash
        task = self._sending.get(known)
        if task is not None:
            outcome = await asyncio.shield(task)
            return outcome if outcome.error else _already_known()
        if self._journal.get(known) is not None:
            return _already_known()
        task = asyncio.create_task(self._accept(transaction, raw, bytes(params)))
        self._sending[known] = task
        task.add_done_callback(lambda _: self._sending.pop(known, None))
        # A client that hangs up must not leave it half done.
        return await asyncio.shield(task)

    async def drain(self) -> None:
        """Waits for what is being sent; for the end of the program."""
        await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _pass_on(self, params: msgspec.Raw) -> Outcome:
        answer, _ = await self._caller.ask(SEND, bytes(params) or b"[]")
        return Outcome(answer.result, answer.error)

    async def _accept(self, transaction: RawTransaction, raw: bytes, params: bytes) -> Outcome:
        await self._caller.first_node()
        journal, size, accepted_at = self._journal, len(raw), time.time()
        tried: list[Node] = []
        asking: asyncio.Task[tuple[Answer, Node]] | None = None
        writing: asyncio.Future[int] | None = None
        kept = False
        reserved = journal.reserve(size)
        try:
            if reserved:
                # There is room whoever the sender is: the disk works while we recover it, and the
                # node, too, if it is known which one.
                writing = journal.write(transaction, raw, accepted_at)
                if self._caller.fleet.has_no_choice():
                    asking = asyncio.create_task(self._caller.ask(SEND, params, tried=tried))
                    await asyncio.sleep(0)  # sends it
            try:
                sender = transaction.sender()
            except MalformedTransaction:
                # The node says what is wrong with it.
                answer, _ = await (asking or self._caller.ask(SEND, params))
                return Outcome(answer.result, answer.error)
            finally:
                if reserved:
                    journal.release(size)
            entry = _entry(transaction, sender, size, accepted_at)
            journal.admit(entry)
            writing = writing or journal.write(transaction, raw, accepted_at)
            asking = asking or asyncio.create_task(
                self._caller.ask(SEND, params, spread=int(sender[-8:], 16), tried=tried)
            )
            answer, _ = await asking
            fault_point("node-answered")
            if answer.error and not await self._is_in(answer, entry, bool(tried)):
                return Outcome(error=answer.error)
            await writing
            kept = True
            self._sent(entry)
        except JournalError as error:
            raise RpcRefusal(
                INTERNAL,
                f"{error.sentence} The transaction is not kept; a node may have it all the same.",
            ) from error
        finally:
            if asking is not None:
                asking.cancel()
            if writing is not None and not kept:
                await self._withdraw(transaction.hash, writing)
        fault_point("before-answer")
        return Outcome(b'"' + entry.hash.encode() + b'"')

    def _sent(self, entry: Entry) -> None:
        entry.sent = 1
        entry.sending = False
        entry.due_s = time.monotonic() + self._first_resend_s

    async def _withdraw(self, transaction: str, writing: asyncio.Future[int]) -> None:
        writing.cancel()
        if not writing.cancelled():
            writing.exception()  # it was looked at, or does not matter any more
        with contextlib.suppress(JournalError):
            await self._journal.withdraw(transaction)

    async def _is_in(self, answer: Answer, entry: Entry, tried_before: bool) -> bool:
        """Whether a refusal means that it is in all the same: a node that died under the call may
        have passed it on."""
        if KNOWN in bytes(answer.error):
            return True
        if not tried_before:
            return False
        params = b'["' + entry.hash.encode() + b'"]'
        found, _ = await self._caller.ask(b"eth_getTransactionByHash", params)
        return not found.error and bytes(found.result) != messages.NULL


def _entry(transaction: RawTransaction, sender: Address, size: int, accepted_at: float) -> Entry:
    return Entry(
        hash=transaction.hash,
        sender=sender,
        nonce=transaction.nonce,
        max_fee_wei=transaction.max_fee_wei,
        size=size,
        accepted_at=accepted_at,
        sending=True,
    )


def _raw(params: msgspec.Raw) -> bytes:
    """The bytes that are to be sent, b"" if there are none that make sense."""
    items = messages.positional(params)
    if not items or len(items) > 1:
        return b""
    try:
        text = json.decode(items[0], str)
        return bytes.fromhex(text[2:]) if text[:2] in ("0x", "0X") else b""
    except (JsonError, ValueError):
        return b""


def _decoded(raw: bytes) -> RawTransaction | None:
    if len(raw) > RAW_BYTES_MAX:
        return None
    try:
        return decode(raw)
    except MalformedTransaction:
        return None


def _already_known() -> Outcome:
    return Outcome(error=RpcRefusal(DEFAULT, "already known").encoded())
