"""eth_subscribe: events made here, from the chain as the gateway follows it.

A subscription at a node ends with the node. These are fed by the follower, which goes through every
block once, whichever node it comes from: no gap, no repeat. What a block's events need is fetched
once for all who want it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import msgspec

from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.programs.gateway import criteria, messages
from windlass.programs.gateway.calls import Caller
from windlass.programs.gateway.criteria import Criteria, LogFields
from windlass.programs.gateway.dispatch import Handler, Outcome
from windlass.programs.gateway.errors import (
    DEFAULT,
    LIMIT,
    METHOD_NOT_FOUND,
    RpcRefusal,
    invalid_params,
)
from windlass.programs.gateway.following import FollowedBlock
from windlass.programs.gateway.pending_feed import PendingFeed
from windlass.programs.gateway.session import Session

KINDS = ("newHeads", "logs", "newPendingTransactions", "syncing", "transactionReceipts")
SUBSCRIPTIONS_MAX = 10_000
CONNECTION_SUBSCRIPTIONS_MAX = 500
RECEIPT_HASHES_MAX = 200
"""geth's limit."""
MATCHES_AT_ONCE = 20_000
"""Logs held against subscriptions before others have their turn."""
NOT_IN_HEADER = ("size", "transactions", "uncles", "withdrawals", "totalDifficulty")
ALWAYS_IN_HEADER = dict.fromkeys(
    (
        "baseFeePerGas",
        "withdrawalsRoot",
        "blobGasUsed",
        "excessBlobGas",
        "parentBeaconBlockRoot",
        "requestsHash",
        "blockAccessListHash",
        "slotNumber",
    ),
    msgspec.Raw(messages.NULL),
)
"""What a block leaves out if it has none, while a header of a subscription says null."""


class Subscription(msgspec.Struct, eq=False, kw_only=True):
    """Somebody's wish; `full` and `criteria` and `hashes` belong to their kinds."""

    id: str
    kind: str
    session: Session
    criteria: Criteria = msgspec.field(default_factory=Criteria)
    full: bool = False
    hashes: frozenset[str] = frozenset()

    def tell(self, event: bytes | msgspec.Raw) -> None:
        """Queues an event for its client."""
        self.session.tell(messages.notification(self.id, event))


class _Receipt(msgspec.Struct, rename="camel", gc=False):
    transaction_hash: str


class Subscriptions:
    """All of them; the follower's listener."""

    def __init__(self, caller: Caller, feed: PendingFeed) -> None:
        self._caller = caller
        self._feed = feed
        self._all: dict[str, Subscription] = {}
        self._by_kind: dict[str, dict[str, Subscription]] = {kind: {} for kind in KINDS}
        self.on_block: Callable[[], None] = lambda: None
        feed.on_transaction = self._entered_pool

    def __len__(self) -> int:
        return len(self._all)

    def methods(self) -> dict[str, Handler]:
        """By name."""
        return {"eth_subscribe": self._subscribe, "eth_unsubscribe": self._unsubscribe}

    def is_listening(self) -> bool:
        """Whether a block that is left out would be missed."""
        return bool(self._all)

    def close(self, session: Session) -> None:
        """Its connection has ended."""
        for known in list(session.subscriptions):
            self._remove(session, known)

    async def happened(self, block: FollowedBlock) -> None:
        """Tells all who want to know of this block. Raises RpcRefusal or JsonError, and then nobody
        was told."""
        heads = list(self._by_kind["newHeads"].values())
        logs = list(self._by_kind["logs"].values())
        receipts = list(self._by_kind["transactionReceipts"].values())
        found_logs: list[msgspec.Raw] = []
        found_receipts: list[msgspec.Raw] = []
        if logs and block.transactions:
            found_logs = await self._caller.value(
                "eth_getLogs", {"blockHash": block.hash}, kind=list[msgspec.Raw], has_block=True
            )
        if receipts and block.transactions:
            found_receipts = await self._caller.value(
                "eth_getBlockReceipts", block.number, kind=list[msgspec.Raw], has_block=True
            )
        # All is read before anybody is told, so that what makes no sense is not told in part.
        read_logs = [(raw, json.decode(raw, LogFields)) for raw in found_logs]
        read_receipts = [(raw, json.decode(raw, _Receipt)) for raw in found_receipts]
        header = _header(block)
        for one in heads:
            one.tell(header)
        _tell_receipts(receipts, read_receipts)
        await _tell_logs(logs, read_logs)

    async def _subscribe(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method
        if not session.takes_events:
            raise RpcRefusal(METHOD_NOT_FOUND, "notifications not supported")
        items = messages.positional(params)
        try:
            kind = json.decode(items[0], str) if items else ""
        except JsonError:
            raise invalid_params("non-string subscription name") from None
        if not items:
            raise invalid_params("missing subscription name")
        if kind not in KINDS:
            raise RpcRefusal(METHOD_NOT_FOUND, f'no "{kind[:100]}" subscription in eth namespace')
        wanted = _read(kind, items, session)
        if (
            len(self._all) >= SUBSCRIPTIONS_MAX
            or len(session.subscriptions) >= CONNECTION_SUBSCRIPTIONS_MAX
        ):
            raise RpcRefusal(LIMIT, "too many subscriptions; end some that are not needed")
        session.subscriptions.add(wanted.id)
        session.later.append(lambda: self._begin(wanted))
        return Outcome(b'"' + wanted.id.encode() + b'"')

    def _begin(self, wanted: Subscription) -> None:
        if wanted.id not in wanted.session.subscriptions:
            return  # it was ended in the same batch, or with its connection
        self._all[wanted.id] = wanted
        self._by_kind[wanted.kind][wanted.id] = wanted
        if wanted.kind == "newPendingTransactions":
            self._feed.want(wanted.id, True)

    async def _unsubscribe(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method
        if not session.takes_events:
            raise RpcRefusal(METHOD_NOT_FOUND, "notifications not supported")
        items = messages.positional(params)
        if not items:
            raise invalid_params("missing value for required argument 0")
        try:
            known = json.decode(items[0], str)
        except JsonError as error:
            raise invalid_params(f"invalid argument 0: {error}") from error
        if not self._remove(session, known):
            raise RpcRefusal(DEFAULT, "subscription not found")
        return Outcome(b"true")

    def _remove(self, session: Session, known: str) -> bool:
        if known not in session.subscriptions:
            return False
        session.subscriptions.discard(known)
        one = self._all.pop(known, None)
        if one is not None:
            del self._by_kind[one.kind][known]
            if one.kind == "newPendingTransactions":
                self._feed.want(known, False)
        return True

    def _entered_pool(self, known: str, transaction: msgspec.Raw) -> None:
        short = b'"' + known.encode() + b'"'
        for one in list(self._by_kind["newPendingTransactions"].values()):
            one.tell(transaction if one.full else short)


def _read(kind: str, items: list[bytes], session: Session) -> Subscription:
    """What is wished. Raises RpcRefusal."""
    one = Subscription(id=new_id(), kind=kind, session=session)
    option = items[1] if len(items) > 1 and items[1] != messages.NULL else None
    if kind == "logs":
        if option is None:
            raise invalid_params("missing value for required argument 1")
        one.criteria = criteria.parse(option, 1)
        criteria.require_live(one.criteria)
    elif option is not None and kind in ("newPendingTransactions", "transactionReceipts"):
        try:
            if kind == "newPendingTransactions":
                one.full = json.decode(option, bool)
            else:
                one.hashes = _hashes(option)
        except JsonError as error:
            raise invalid_params(f"invalid argument 1: {error}") from error
    return one


class _Hashes(msgspec.Struct, rename="camel"):
    transaction_hashes: list[str] | None = None


def _hashes(option: bytes) -> frozenset[str]:
    found = json.decode(option, _Hashes).transaction_hashes or []
    if len(found) > RECEIPT_HASHES_MAX:
        raise RpcRefusal(
            DEFAULT,
            "exceed max number of transaction hashes allowed per transactionReceipts subscription",
        )
    return frozenset(one.lower() for one in found)


def new_id() -> str:
    """As geth makes them: 16 random bytes without leading zeros."""
    return "0x" + (secrets.token_hex(16).lstrip("0") or "0")


def _header(block: FollowedBlock) -> bytes:
    """What geth sends of a new head: the block's header."""
    fields = json.decode(block.raw, dict[str, msgspec.Raw])
    shown = {name: value for name, value in fields.items() if name not in NOT_IN_HEADER}
    return msgspec.json.encode({**ALWAYS_IN_HEADER, **shown})


async def _tell_logs(wishes: list[Subscription], logs: list[tuple[msgspec.Raw, LogFields]]) -> None:
    matched = 0
    for one in wishes:
        wanted = one.criteria
        for raw, log in logs:
            if wanted.matches(log):
                one.tell(raw)
        matched += len(logs)
        if matched > MATCHES_AT_ONCE:
            matched = 0
            await asyncio.sleep(0)


def _tell_receipts(
    wishes: list[Subscription], receipts: list[tuple[msgspec.Raw, _Receipt]]
) -> None:
    for one in wishes:
        found = [
            bytes(raw)
            for raw, receipt in receipts
            if not one.hashes or receipt.transaction_hash in one.hashes
        ]
        if found:
            one.tell(messages.joined(found))
