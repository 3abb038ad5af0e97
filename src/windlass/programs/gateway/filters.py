"""eth_newFilter and its kin: the gateway's own, so that they outlive the nodes.

A filter is a wish and a position in the chain. What is new since then is fetched when it is asked
for, from any node. One that nobody asks for five minutes is forgotten, as at geth.
"""

from __future__ import annotations

import asyncio
import time

import msgspec

from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.programs.gateway import criteria, messages
from windlass.programs.gateway.calls import Caller
from windlass.programs.gateway.criteria import Criteria
from windlass.programs.gateway.dispatch import Handler, Outcome
from windlass.programs.gateway.errors import DEFAULT, LIMIT, RpcRefusal, invalid_params
from windlass.programs.gateway.head import Head, HeaderFields
from windlass.programs.gateway.pending_feed import PendingFeed
from windlass.programs.gateway.relay import Relay
from windlass.programs.gateway.session import Session
from windlass.programs.gateway.subscriptions import new_id

FILTERS_MAX = 10_000
IDLE_S = 300.0
SWEEP_S = 30.0
BLOCKS_AT_ONCE = 1000
"""Of a block filter, in one answer; the rest comes with the next."""
TRANSACTIONS_AT_ONCE = 1000
"""The same of a filter that wants whole transactions: a node is asked for each."""


class Filter(msgspec.Struct, eq=False, kw_only=True):
    """`position` is the last block (or place in the feed) that was told."""

    id: str
    kind: str
    position: int
    asked_s: float
    criteria: Criteria = msgspec.field(default_factory=Criteria)
    full: bool = False
    lock: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)


class Filters:
    """All of them. `run` forgets those that nobody asks."""

    def __init__(self, head: Head, caller: Caller, relay: Relay, feed: PendingFeed) -> None:
        self._head = head
        self._caller = caller
        self._relay = relay
        self._feed = feed
        self._all: dict[str, Filter] = {}

    def __len__(self) -> int:
        return len(self._all)

    def methods(self) -> dict[str, Handler]:
        """By name."""
        return {
            "eth_newFilter": self._new_logs,
            "eth_newBlockFilter": self._new_blocks,
            "eth_newPendingTransactionFilter": self._new_pending,
            "eth_getFilterChanges": self._changes,
            "eth_getFilterLogs": self._logs,
            "eth_uninstallFilter": self._uninstall,
        }

    async def run(self) -> None:
        """Goes on for ever."""
        while True:
            await asyncio.sleep(SWEEP_S)
            oldest_s = time.monotonic() - IDLE_S
            for one in [one for one in self._all.values() if one.asked_s < oldest_s]:
                self._forget(one.id)

    async def _new_logs(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method, session
        items = messages.positional(params)
        if not items:
            raise invalid_params("missing value for required argument 0")
        wanted = criteria.parse(items[0], 0)
        criteria.require_live(wanted)
        return await self._add("logs", criteria=wanted)

    async def _new_blocks(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method, params, session
        return await self._add("blocks")

    async def _new_pending(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method, session
        items = messages.positional(params)
        try:
            full = bool(items) and json.decode(items[0], bool | None) is True if items else False
        except JsonError as error:
            raise invalid_params(f"invalid argument 0: {error}") from error
        return await self._add("pending", full=full)

    async def _add(
        self, kind: str, *, criteria: Criteria | None = None, full: bool = False
    ) -> Outcome:
        if len(self._all) >= FILTERS_MAX:
            raise RpcRefusal(LIMIT, "too many filters; uninstall some that are not needed")
        if self._head.number < 0:
            await self._caller.first_node()
        one = Filter(
            id=new_id(),
            kind=kind,
            position=self._feed.position if kind == "pending" else self._head.number,
            asked_s=time.monotonic(),
            criteria=criteria or Criteria(),
            full=full,
        )
        self._all[one.id] = one
        if kind == "pending":
            self._feed.want(one.id, True)
        return Outcome(b'"' + one.id.encode() + b'"')

    async def _changes(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method
        one = self._named(params)
        one.asked_s = time.monotonic()
        async with one.lock:
            if one.kind == "blocks":
                return await self._new_hashes(one)
            if one.kind == "pending":
                return await self._new_transactions(one, session)
            return await self._new_matches(one, session)

    async def _new_hashes(self, one: Filter) -> Outcome:
        last = min(self._head.number, one.position + BLOCKS_AT_ONCE)
        hashes: list[str] = []
        for number in range(one.position + 1, last + 1):
            known = self._head.hash_of(number)
            if known is None:
                header = await self._caller.value(
                    "eth_getHeaderByNumber", hex(number), kind=HeaderFields, has_block=True
                )
                known = header.hash
            hashes.append(known)
        one.position = last
        return Outcome(msgspec.json.encode(hashes))

    async def _new_transactions(self, one: Filter, session: Session) -> Outcome:
        position = self._feed.position
        hashes = self._feed.since(one.position)
        if not one.full:
            one.position = position
            return Outcome(msgspec.json.encode(hashes))
        position -= len(hashes[TRANSACTIONS_AT_ONCE:])
        hashes = hashes[:TRANSACTIONS_AT_ONCE]
        found: list[bytes] = []
        for known in hashes:
            params = msgspec.Raw(msgspec.json.encode([known]))
            outcome = await self._relay.call("eth_getTransactionByHash", params, session)
            if not outcome.error and bytes(outcome.result) != messages.NULL:
                found.append(bytes(outcome.result))
        one.position = position  # only now: what could not be had is told the next time
        return Outcome(messages.joined(found))

    async def _new_matches(self, one: Filter, session: Session) -> Outcome:
        head = self._head.number
        first = max(one.position + 1, one.criteria.first or 0)
        last = head if one.criteria.last is None else min(head, one.criteria.last)
        if first > last:
            one.position = max(one.position, head)
            return Outcome(b"[]")
        params = msgspec.json.encode([one.criteria.query(first, last)])
        outcome = await self._relay.call("eth_getLogs", params, session)
        if not outcome.error:
            one.position = head
        return outcome

    async def _logs(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method
        one = self._named(params)
        if one.kind != "logs":
            raise RpcRefusal(DEFAULT, "filter not found")
        one.asked_s = time.monotonic()
        wanted = one.criteria
        head = self._head.number
        query = wanted.query(
            head if wanted.first is None else wanted.first,
            head if wanted.last is None else wanted.last,
        )
        if wanted.block_hash is not None:
            del query["fromBlock"], query["toBlock"]
            query["blockHash"] = wanted.block_hash
        return await self._relay.call("eth_getLogs", msgspec.json.encode([query]), session)

    async def _uninstall(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method, session
        return Outcome(b"true" if self._forget(_id(params)) else b"false")

    def _forget(self, known: str) -> bool:
        one = self._all.pop(known, None)
        if one is not None and one.kind == "pending":
            self._feed.want(known, False)
        return one is not None

    def _named(self, params: msgspec.Raw) -> Filter:
        one = self._all.get(_id(params))
        if one is None:
            raise RpcRefusal(DEFAULT, "filter not found")
        return one


def _id(params: msgspec.Raw) -> str:
    items = messages.positional(params)
    if not items:
        raise invalid_params("missing value for required argument 0")
    try:
        return json.decode(items[0], str)
    except JsonError as error:
        raise invalid_params(f"invalid argument 0: {error}") from error
