"""A client's message → its answer: single or batch, from here or from a node.

Nothing but the namespaces below is reachable, whatever a node may offer: admin, debug, personal,
miner, engine and testing have no business with users.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from windlass.programs.gateway import messages
from windlass.programs.gateway.errors import (
    INTERNAL,
    INVALID_REQUEST,
    RESPONSE_TOO_LARGE,
    RpcRefusal,
    invalid_request,
    no_such_method,
)
from windlass.programs.gateway.messages import Call
from windlass.programs.gateway.metrics import Metrics
from windlass.programs.gateway.session import Session

NAMESPACES = ("eth_", "net_", "web3_", "txpool_")
ALONE = ("rpc_modules",)
BATCH_CALLS_MAX = 1000
BATCH_BYTES_MAX = 25_000_000
"""geth's own limits for a batch and the answers to it."""
BATCH_AT_ONCE = 50
METHOD_CHARACTERS_MAX = 2048
WRITES = ("eth_sendRawTransaction", "eth_sendRawTransactionSync", "eth_sendTransaction")
"""Calls of a batch on either side of a write are answered before and after it."""

NO_METHOD = b'"code":-32601'
"""No message can contain it: the quotes in a string are escaped."""

_NAME = re.compile(r"[A-Za-z0-9_]+\Z")

log = logging.getLogger(__name__)


class Outcome(msgspec.Struct, gc=False):
    """A result or an error, as JSON."""

    result: bytes | msgspec.Raw = messages.NULL
    error: bytes | msgspec.Raw = b""


Handler = Callable[[str, msgspec.Raw, Session], Awaitable[Outcome]]


class Dispatcher:
    """`own` has the methods that are answered here; all others of the namespaces go to `relay`."""

    def __init__(self, own: dict[str, Handler], relay: Handler, metrics: Metrics) -> None:
        self._own = own
        self._relay = relay
        self._metrics = metrics

    async def answer(self, body: bytes, session: Session) -> bytes:
        """The answer to a message, b"" if it gets none."""
        try:
            message = messages.parse(body, BATCH_CALLS_MAX)
        except RpcRefusal as refusal:
            self._metrics.refused.increment("parse")
            return messages.error(messages.NULL, refusal.encoded())
        if isinstance(message, list):
            return await self._batch(message, session)
        return await self._single(message, session)

    async def _single(self, call: Call, session: Session) -> bytes:
        if not call.is_valid:
            self._metrics.refused.increment("invalid")
            return messages.error(call.answer_id, invalid_request().encoded())
        outcome = await self._outcome(call, session)
        return _encoded(call, outcome)

    async def _batch(self, calls: list[Call], session: Session) -> bytes:
        if not calls:
            self._metrics.refused.increment("invalid")
            refusal = RpcRefusal(INVALID_REQUEST, "empty batch")
            return messages.error(messages.NULL, refusal.encoded())
        if len(calls) > BATCH_CALLS_MAX:
            self._metrics.refused.increment("batch")
            first = next((one.answer_id for one in calls if one.is_valid and one.id), b"null")
            refusal = RpcRefusal(INVALID_REQUEST, "batch too large")
            return b"[" + messages.error(first, refusal.encoded()) + b"]"
        answers: list[bytes] = []
        size = 0
        for group in _groups(calls):
            if size > BATCH_BYTES_MAX:
                refusal = RpcRefusal(RESPONSE_TOO_LARGE, "response too large")
                answers += [
                    messages.error(one.answer_id, refusal.encoded()) for one in group if one.id
                ]
                continue
            for answer in await asyncio.gather(*(self._single(one, session) for one in group)):
                size += len(answer)
                if answer:
                    answers.append(answer)
        return b"[" + b",".join(answers) + b"]" if answers else b""

    async def _outcome(self, call: Call, session: Session) -> Outcome:
        started_s = time.perf_counter()
        method = call.method
        known = method in self._own or _is_offered(method)
        handler = self._own.get(method, self._relay) if known else _refuse
        try:
            outcome = await handler(method, call.params, session)
        except RpcRefusal as refusal:
            outcome = Outcome(error=refusal.encoded())
        except Exception:
            # The edge: a defect behind one call must not cost its client the answers to others.
            log.exception("a call has failed", extra={"method": method})
            failure = RpcRefusal(INTERNAL, "the gateway failed at this call; its log says why")
            outcome = Outcome(error=failure.encoded())
        if outcome.error and NO_METHOD in bytes(outcome.error):
            known = False  # a stranger's words do not become labels
        self._metrics.called(
            method if known else "other", bool(outcome.error), time.perf_counter() - started_s
        )
        return outcome


async def _refuse(method: str, params: msgspec.Raw, session: Session) -> Outcome:
    del params, session
    raise _not_offered(method)


def _is_offered(method: str) -> bool:
    return (method.startswith(NAMESPACES) or method in ALONE) and _NAME.match(method) is not None


def _not_offered(method: str) -> RpcRefusal:
    if len(method) > METHOD_CHARACTERS_MAX:
        return RpcRefusal(
            INVALID_REQUEST, f"method name too long: {len(method)} > {METHOD_CHARACTERS_MAX}"
        )
    return no_such_method(method)


def _encoded(call: Call, outcome: Outcome) -> bytes:
    if not call.id:
        return b""
    call_id = bytes(call.id)
    if outcome.error:
        return messages.error(call_id, outcome.error)
    return messages.result(call_id, outcome.result)


def _groups(calls: list[Call]) -> Iterable[list[Call]]:
    """Calls that may be answered side by side, in order."""
    group: list[Call] = []
    for call in calls:
        writes = call.method in WRITES
        if group and (len(group) >= BATCH_AT_ONCE or (group[0].method in WRITES) != writes):
            yield group
            group = []
        group.append(call)
    if group:
        yield group
