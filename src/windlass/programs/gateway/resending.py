"""Every accepted transaction is offered to nodes again until it is final.

A node that is killed forgets its pool, and a full pool drops what pays least. So what is pending
for longer than two blocks is sent again, ordered by sender and nonce, each time to another node and
less and less often; at once when a node was lost or came back. Before that, the state at our head
tells what has become of it: the sender's nonce is beyond it and there is a receipt, so it is final;
or there is none, so another transaction has taken its place, and it is kept as dropped.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator

import msgspec

from windlass.chains.ethereum.quantities import from_hex
from windlass.kit import json
from windlass.kit.faults import fault_point
from windlass.kit.json import JsonError
from windlass.programs.gateway.database import JournalError
from windlass.programs.gateway.errors import NodeLost, RpcRefusal
from windlass.programs.gateway.fleet import Fleet
from windlass.programs.gateway.journal import REFUSAL_CHARACTERS_MAX, Entry, Journal
from windlass.programs.gateway.metrics import Metrics
from windlass.programs.gateway.node import Node
from windlass.programs.gateway.rewriting import quantity
from windlass.programs.gateway.upstream import Answer

BATCH_TRANSACTIONS = 100
BATCH_BYTES = 1 << 20
SCANNED_AT_ONCE = 5000
"""Entries looked at before others have their turn."""
CALL_S = 10.0
DELAY_S_MAX = 30.0
INCLUDED_MAX = 10_000

KNOWN = "already known"
HOPELESS = (
    "intrinsic gas too low",
    "insufficient gas for floor data gas cost",
    "exceeds block gas limit",
    "transaction gas limit too high",
    "invalid sender",
    "invalid chain id",
    "transaction type not supported",
    "oversized data",
    "max initcode size exceeded",
    "max priority fee per gas higher than max fee per gas",
    "nonce has max value",
    "tx fee (",
)
"""What no node will ever say otherwise."""

log = logging.getLogger(__name__)


class _Error(msgspec.Struct):
    message: str = ""


class Resender:
    """`run` never ends by itself. `urge` makes everything due at once."""

    def __init__(
        self, journal: Journal, fleet: Fleet, metrics: Metrics, *, block_time_s: int
    ) -> None:
        self._journal = journal
        self._fleet = fleet
        self._metrics = metrics
        self._block_time_s = block_time_s
        self._turn = 0
        self._all_due = False
        self._urged = asyncio.Event()
        self._included: dict[tuple[str, int], str] = {}

    def urge(self) -> None:
        """A node was lost or came back: what its pool had may be nowhere now."""
        self._all_due = True
        self._urged.set()

    def included(self, entries: list[Entry]) -> None:
        """These are in a block. Remembered, to name what took another one's place."""
        for entry in entries:
            self._included[entry.sender, entry.nonce] = entry.hash
        while len(self._included) > INCLUDED_MAX:
            del self._included[next(iter(self._included))]

    async def run(self) -> None:
        """Offers what is due, for ever."""
        while True:
            self._urged.clear()
            try:
                await self._round()
            except (RpcRefusal, NodeLost, JournalError, TimeoutError) as error:
                log.info(
                    "resending was cut short", extra={"reason": str(error) or type(error).__name__}
                )
            try:
                async with asyncio.timeout(max(0.25, self._block_time_s / 2)):
                    await self._urged.wait()
            except TimeoutError:
                continue

    async def _round(self) -> None:
        if not len(self._journal):
            self._all_due = False  # what comes later goes to nodes as they are then
            return
        if not self._fleet.usable():
            return
        if self._all_due:
            self._all_due = False
            for entry in self._journal.entries():
                entry.due_s, entry.tries = 0.0, 0
        async for batch in self._due():
            left = await self._settle(batch)
            if left:
                await self._offer(left)

    async def _due(self) -> AsyncIterator[list[Entry]]:
        """What is due, by sender and nonce, in batches."""
        by_sender: dict[str, list[Entry]] = {}
        for place, entry in enumerate(self._journal.entries()):
            if place % SCANNED_AT_ONCE == SCANNED_AT_ONCE - 1:
                await asyncio.sleep(0)
            if entry.due_s <= time.monotonic() and not entry.sending:
                by_sender.setdefault(entry.sender, []).append(entry)
        batch: list[Entry] = []
        size = 0
        for entries in by_sender.values():
            for entry in sorted(entries, key=lambda one: one.nonce):
                if batch and (len(batch) >= BATCH_TRANSACTIONS or size + entry.size > BATCH_BYTES):
                    yield batch
                    batch, size = [], 0
                batch.append(entry)
                size += entry.size
        if batch:
            yield batch

    async def _settle(self, batch: list[Entry]) -> list[Entry]:
        """Takes out what can't enter a block any more; returns the rest."""
        node = self._fleet.choose()
        if node is None:
            return [one for one in batch if self._is_here(one)]
        nonces = await self._nonces(node, {entry.sender for entry in batch})
        for entry in batch:
            entry.sender_nonce = nonces.get(entry.sender, entry.sender_nonce)
        passed = [one for one in batch if nonces.get(one.sender, 0) > one.nonce]
        if passed:
            await self._judge(node, passed)
        return [
            one for one in batch if self._is_here(one) and nonces.get(one.sender, 0) <= one.nonce
        ]

    async def _nonces(self, node: Node, senders: set[str]) -> dict[str, int]:
        """The senders' nonces at our head."""
        ordered = sorted(senders)
        head = quantity(self._fleet.head.number)
        answers = await node.batch(
            b"eth_getTransactionCount",
            [b'["' + sender.encode() + b'",' + head + b"]" for sender in ordered],
            CALL_S,
        )
        found: dict[str, int] = {}
        for sender, answer in zip(ordered, answers, strict=True):
            try:
                found[sender] = from_hex(json.decode(answer.result, str))
            except (JsonError, ValueError):
                continue  # the node could not say: later
        return found

    async def _judge(self, node: Node, passed: list[Entry]) -> None:
        """Their nonces are used, by themselves or by others."""
        answers = await node.batch(
            b"eth_getTransactionReceipt",
            [b'["' + entry.hash.encode() + b'"]' for entry in passed],
            CALL_S,
        )
        for entry, answer in zip(passed, answers, strict=True):
            if answer.error or not answer.result:
                self._delay(entry)
            elif bytes(answer.result) != b"null":
                self.included(self._journal.remove([entry.hash]))
            elif self._is_here(entry):
                other = self._included.get((entry.sender, entry.nonce))
                named = f": {other}" if other else ""
                self._drop(
                    entry, f"another transaction with nonce {entry.nonce} was included{named}"
                )

    async def _offer(self, batch: list[Entry]) -> None:
        """Sends them to the node whose turn it is."""
        usable = self._fleet.usable()
        if not usable:
            return
        self._turn += 1
        node = usable[self._turn % len(usable)]
        raws = await self._journal.raw(entry.hash for entry in batch)
        batch = [entry for entry in batch if entry.hash in raws and self._is_here(entry)]
        if not batch:
            return
        fault_point("before-resend")
        answers = await node.batch(
            b"eth_sendRawTransaction",
            [b'["0x' + raws[entry.hash].hex().encode() + b'"]' for entry in batch],
            CALL_S,
        )
        fault_point("after-resend")
        for entry, answer in zip(batch, answers, strict=True):
            self._noted(entry, _refusal(answer))
        self._journal.note(entry for entry in batch if self._is_here(entry))
        self._metrics.resent.increment(by=len(batch))

    def _noted(self, entry: Entry, refusal: str) -> None:
        if refusal == KNOWN:
            refusal = ""
        elif not refusal:
            entry.sent += 1
        entry.last_refusal = refusal[:REFUSAL_CHARACTERS_MAX]
        if any(words in refusal for words in HOPELESS) and self._is_here(entry):
            self._drop(entry, f"no node takes it: {entry.last_refusal}")
            return
        self._delay(entry)

    def _delay(self, entry: Entry) -> None:
        delay_s = min(DELAY_S_MAX, 2 * self._block_time_s * 2 ** min(entry.tries, 10))
        entry.tries += 1
        entry.due_s = time.monotonic() + delay_s * random.uniform(0.8, 1.0)

    def _drop(self, entry: Entry, reason: str) -> None:
        log.warning(
            "an accepted transaction can't become final",
            extra={"hash": entry.hash, "sender": entry.sender, "reason": reason},
        )
        self._journal.drop(entry, reason)
        self._metrics.dropped.increment()

    def _is_here(self, entry: Entry) -> bool:
        return self._journal.get(entry.hash) is entry


def _refusal(answer: Answer) -> str:
    if not answer.error:
        return ""
    try:
        return json.decode(answer.error, _Error).message or "refused"
    except JsonError:
        return "refused"
