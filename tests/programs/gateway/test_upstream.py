"""Calls to a node over a connection that ends under them."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, cast

import pytest

from windlass.kit.websocket import WebSocket, WebSocketError
from windlass.programs.gateway.errors import NodeLost
from windlass.programs.gateway.upstream import Upstream


class _Dead:
    """Takes nothing any more."""

    url = "ws://127.0.0.1:1"

    async def send(self, message: bytes) -> None:
        raise WebSocketError("refused", "It has ended.")


class _Full(_Dead):
    """Its reader is stuck."""

    async def send(self, message: bytes) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize("many", [False, True])
async def test_a_call_that_can_not_be_sent_is_lost_and_leaves_nothing(many: bool) -> None:
    """NodeLost for its caller, no call in flight, and no error of which nobody takes note."""
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
    upstream = Upstream(cast("WebSocket", _Dead()))
    calling = (
        upstream.batch(b"eth_chainId", [b"[]", b"[]"], 1.0)
        if many
        else upstream.call(b"eth_chainId", b"[]", 1.0)
    )
    with pytest.raises(NodeLost):
        await calling
    assert upstream.in_flight == 0
    gc.collect()
    await asyncio.sleep(0)
    assert unheard == []


async def test_a_caller_that_gives_up_while_sending_leaves_nothing() -> None:
    """A node that does not read keeps no call of a client that has left."""
    upstream = Upstream(cast("WebSocket", _Full()))
    calling = asyncio.create_task(upstream.call(b"eth_chainId", b"[]", 30.0))
    await asyncio.wait([calling], timeout=0.05)
    assert upstream.in_flight == 1
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert upstream.in_flight == 0
