"""Calls that are passed on, with a node that says what the test wants."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from windlass.programs.gateway import relay
from windlass.programs.gateway.calls import Caller
from windlass.programs.gateway.head import Head
from windlass.programs.gateway.node import Node
from windlass.programs.gateway.relay import Relay
from windlass.programs.gateway.session import Session
from windlass.programs.gateway.upstream import Answer

BEHIND = b'{"code":-32000,"message":"failed to retrieve log value pointer after last block 7: x"}'
QUOTED = b'{"code":3,"message":"reverted: \\"message\\":\\"failed to retrieve log value pointer"}'


class _Caller(Caller):
    """A node that refuses some times before it answers."""

    def __init__(self, refusals: int, error: bytes) -> None:
        self.left = refusals
        self._error = error

    async def ask(
        self,
        method: bytes,
        params: bytes,
        *,
        spread: int | None = None,
        has_block: bool = False,
        null_lacks: bool = False,
        tried: list[Node] | None = None,
    ) -> tuple[Answer, Node]:
        del method, params, spread, has_block, null_lacks, tried
        self.left -= 1
        if self.left >= 0:
            return Answer(error=msgspec.Raw(self._error)), None  # type: ignore[return-value]
        return Answer(result=msgspec.Raw(b"[]")), None  # type: ignore[return-value]


async def _stored(number: int, block_hash: str) -> None:
    del number, block_hash


@pytest.mark.parametrize(
    ("refusals", "error", "answered"),
    [
        (relay.INDEXING_TRIES - 1, BEHIND, True),
        (relay.INDEXING_TRIES, BEHIND, False),
        (1, QUOTED, False),
    ],
)
async def test_an_index_that_is_behind_is_waited_for(
    refusals: int, error: bytes, answered: bool
) -> None:
    """For a moment; and what a contract says is not taken for it."""
    caller = _Caller(refusals, error)
    async with asyncio.timeout(10):
        outcome = await Relay(caller, Head(7, "0x7", _stored)).call("eth_getLogs", b"[]", Session())
    assert (bytes(outcome.result) == b"[]") is answered
    assert caller.left == (-1 if answered else 0)
