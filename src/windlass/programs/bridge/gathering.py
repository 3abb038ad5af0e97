"""Fetches, just before a block is built, the transactions that our geth has only heard of.

geth sends a new transaction whole to the square root of its peers, chosen by the sender's address,
and announces its hash to the rest, who wait 500 ms before they ask for it. So for every sender some
proposers would learn of each transaction half a second late, and with blocks of one second that is
half a block. Whoever is about to propose therefore asks the other validators' geths what has come
in since it asked last, and takes what its own geth does not have yet: one small call to each, once
in as many blocks as there are validators.

It is only ever a gain of time. Another geth that is down, slow or lying costs nothing: everything
is bounded, what it gives is judged by our geth like any transaction, and gossip goes on as before.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

from windlass.kit.errors import WindlassError
from windlass.kit.http import HttpClient
from windlass.kit.json_rpc import JsonRpc, JsonRpcError
from windlass.kit.metrics import Counter
from windlass.kit.transport import TransportError

GATHERING_S = 0.06
"""The time for all of it. Usually 5 to 10 ms; a geth that executes a full block needs more, and is
then not waited for."""
NEWEST = 100
"""Of each geth's news so many are looked at. What is older than half a second our geth has fetched
by itself, and with more than these in half a second no block is short of transactions."""
ANSWER_BYTES_MAX = 4 << 20
_HASH = re.compile(r"0x[0-9a-f]{64}")
_HEX = re.compile(r"0x[0-9a-f]+")

log = logging.getLogger(__name__)


class Gatherer:
    """Brings what the geths at `others` (URLs of their RPC) have into the one at `own_url`.

    Each transaction that our geth took is counted in `gathered`.
    """

    def __init__(self, own_url: str, others: Iterable[str], gathered: Counter) -> None:
        self._own = JsonRpc(HttpClient(own_url))
        self._others = [
            _Source(JsonRpc(HttpClient(url, body_bytes_max=ANSWER_BYTES_MAX))) for url in others
        ]
        self._gathered = gathered

    async def gather(self) -> None:
        """Takes in what came to the others since the last call. Never fails, never takes long.

        When the time is over, the others' work is usually done: all are asked at once. What is
        broken off then is not asked for again, since a filter names each hash only once. Gossip
        brings those transactions before this validator proposes next.
        """
        try:
            async with asyncio.timeout(GATHERING_S):
                await asyncio.gather(*(self._from(source) for source in self._others))
        except TimeoutError:
            log.debug("another geth is too slow to be asked for transactions")

    async def close(self) -> None:
        """Closes the connections."""
        await asyncio.gather(self._own.close(), *(one.rpc.close() for one in self._others))

    async def _from(self, source: _Source) -> None:
        try:
            hashes = await source.news()
            known = await self._own.batch([("eth_getTransactionByHash", [one]) for one in hashes])
            # A geth that has not indexed its blocks yet answers with an error instead of null.
            missing = [
                one for one, found in zip(hashes, known, strict=True) if not _is_known(found)
            ]
            raw = await source.raw(missing)
            sent = await self._own.batch([("eth_sendRawTransaction", [one]) for one in raw])
        except (TransportError, JsonRpcError) as error:
            log.debug("no transactions from another geth", extra={"reason": error.sentence})
        else:
            # A refusal is usual: meanwhile another source or gossip may have brought it.
            taken = sum(not isinstance(one, WindlassError) for one in sent)
            self._gathered.increment(by=taken)


class _Source:
    """Another geth, and the filter in it that remembers what came in since we last asked."""

    def __init__(self, rpc: JsonRpc) -> None:
        self.rpc = rpc
        self._filter: str | None = None

    async def news(self) -> list[str]:
        """The newest transactions' hashes. The first call only begins to watch."""
        if self._filter is None:
            made = await self.rpc.call("eth_newPendingTransactionFilter")
            self._filter = made if _is_hex(made) else None
            return []
        try:
            found = await self.rpc.call("eth_getFilterChanges", self._filter)
        except JsonRpcError:
            # It was restarted, or forgot the filter because we did not ask for five minutes.
            self._filter = None
            return await self.news()
        return _only_hashes(found)

    async def raw(self, hashes: Sequence[str]) -> list[str]:
        """The transactions in their signed form; one that it no longer has is left out."""
        found = await self.rpc.batch([("eth_getRawTransactionByHash", [one]) for one in hashes])
        return [one for one in found if _is_hex(one)]


def _is_known(transaction: Any) -> bool:
    return isinstance(transaction, dict)


def _is_hex(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _only_hashes(found: Any) -> list[str]:
    if not isinstance(found, list):
        return []
    return [one for one in found[-NEWEST:] if isinstance(one, str) and _HASH.fullmatch(one)]
