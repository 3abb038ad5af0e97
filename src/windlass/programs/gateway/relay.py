"""Calls that a node answers, with the gateway's head in place of `latest`.

What an answer shows of a later block than the head, the head follows before the client sees it: a
receipt must not be of a block that `eth_blockNumber` does not know yet.
"""

from __future__ import annotations

import asyncio

import msgspec

from windlass.chains.ethereum.quantities import from_hex
from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.programs.gateway.calls import Caller, value_of
from windlass.programs.gateway.dispatch import Outcome
from windlass.programs.gateway.errors import NodeLost, RpcRefusal
from windlass.programs.gateway.head import Head, HeaderFields
from windlass.programs.gateway.node import Node
from windlass.programs.gateway.rewriting import quantity, rewrite
from windlass.programs.gateway.session import Session
from windlass.programs.gateway.upstream import Answer

TELLS_BLOCK = (
    "eth_getTransactionReceipt",
    "eth_getTransactionByHash",
    "eth_getBlockByHash",
    "eth_getHeaderByHash",
    "eth_getTransactionByBlockHashAndIndex",
)
NULL_LACKS = (
    "eth_getBlockByNumber",
    "eth_getHeaderByNumber",
    "eth_getBlockReceipts",
    "eth_getBlockTransactionCountByNumber",
)
"""Null says that there is no such block."""
HEADER_S = 5.0
INDEXING = b'"message":"failed to retrieve log value pointer'
"""geth's index of logs is a moment behind its head; some hundredths of a second later it answers.
So begins the message of an error, in which no quote can stand unescaped."""
INDEXING_TRIES = 5
INDEXING_WAIT_S = 0.1


class _Place(msgspec.Struct, rename="camel", gc=False):
    """Where in the chain something lies: transactions name it so, blocks by number and hash."""

    block_number: str | None = None
    block_hash: str | None = None
    number: str | None = None
    hash: str | None = None

    def block(self) -> tuple[int, str] | None:
        if self.block_hash is not None and self.block_number is not None:
            return from_hex(self.block_number), self.block_hash
        if self.number is not None and self.hash is not None:
            return from_hex(self.number), self.hash
        return None


class Relay:
    """Passes calls on."""

    def __init__(self, caller: Caller, head: Head) -> None:
        self._caller = caller
        self._head = head

    async def call(self, method: str, params: msgspec.Raw | bytes, session: Session) -> Outcome:
        """A node's answer. Raises RpcRefusal."""
        del session
        if self._head.number < 0:
            await self._caller.first_node()
        wanted = rewrite(method, params, self._head.number)
        reached = wanted.block is not None and wanted.block <= self._head.number
        for tries in range(INDEXING_TRIES):
            if tries:
                await asyncio.sleep(INDEXING_WAIT_S)
            answer, node = await self._caller.ask(
                method.encode(),
                wanted.params,
                has_block=reached,
                null_lacks=reached and method in NULL_LACKS,
            )
            if not (answer.error and INDEXING in bytes(answer.error)):
                break
        if not answer.error:
            await self._follow(method, wanted.block, answer, node)
        return Outcome(answer.result, answer.error)

    async def _follow(self, method: str, block: int | None, answer: Answer, node: Node) -> None:
        """Raises the head to what the answer shows."""
        if block is not None and block > self._head.number:
            await self._follow_number(block, node)
        elif method in TELLS_BLOCK:
            try:
                place = json.decode(answer.result, _Place | None)
                found = place.block() if place is not None else None
            except (JsonError, ValueError):
                return
            if found is not None and found[0] > self._head.number:
                node.has(found[0])
                await self._head.raise_to(*found)

    async def _follow_number(self, number: int, node: Node) -> None:
        params = b"[" + quantity(number) + b"]"
        try:
            header = await node.call(b"eth_getHeaderByNumber", params, HEADER_S)
            block = value_of(header, HeaderFields).block()
        except (RpcRefusal, NodeLost, TimeoutError, ValueError):
            return  # it answered without having the block, or is no more
        node.has(block.number)
        await self._head.raise_to(block.number, block.hash)
