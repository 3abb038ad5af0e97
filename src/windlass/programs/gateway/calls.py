"""Asking nodes: one that has our head, another if it dies, and an end to waiting.

Everything asked here may be asked twice, so a call whose node died goes to another one. A node may
also turn out to lack our head after all (it was fed again after a crash, say): it is doubted, and
another is asked.
"""

from __future__ import annotations

import time
from typing import Any, TypeVar

import msgspec

from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.programs.gateway.errors import INTERNAL, NodeLost, RpcRefusal, no_node, timed_out
from windlass.programs.gateway.fleet import Fleet
from windlass.programs.gateway.node import Node
from windlass.programs.gateway.upstream import Answer

CALL_S = 30.0
"""geth's own limit over HTTP."""
WAIT_S = 5.0
"""How long a call waits for a node that has our head, if there is none now."""
ATTEMPTS_MAX = 5

LACKS = (
    "header not found",
    "unknown block",
    "missing trie node",
    "block range extends beyond current head block",
)
"""How a node begins to say that it does not have a block. What a contract says stands further back
in a message, so that no contract can bring a node into doubt."""

T = TypeVar("T")


class Caller:
    """Asks for clients and for the gateway itself."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

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
        """A node's answer, and whose it is. Raises RpcRefusal.

        `has_block`: the call is about a block that our head has reached, so that an answer that
        there is none is a node's mistake; with `null_lacks` null says so, too. `tried` is given the
        nodes that ended while they were asked.
        """
        deadline_s = time.monotonic() + CALL_S
        tried = [] if tried is None else tried
        last: tuple[Answer, Node] | None = None
        while len(tried) < ATTEMPTS_MAX:
            node = self.fleet.choose(tried, spread) or await self._wait(tried, deadline_s, last)
            if node is None:
                break
            try:
                answer = await node.call(method, params, deadline_s - time.monotonic())
            except NodeLost:
                tried.append(node)
                continue
            except TimeoutError:
                raise timed_out() from None
            if not (has_block and _lacks(answer, null_lacks)):
                return answer, node
            node.doubt()
            tried.append(node)
            last = (answer, node)
        if last is not None:
            return last
        raise no_node(
            self.fleet.problem(for_clients=True)
            or "those that were asked ended before they answered"
        )

    async def first_node(self, spread: int | None = None) -> None:
        """Returns once a node can be asked. Raises RpcRefusal."""
        if self.fleet.choose((), spread) is not None:
            return
        if await self._wait([], time.monotonic() + CALL_S, None) is None:
            raise no_node(self.fleet.problem(for_clients=True) or "none was heard yet")

    async def value(self, method: str, *params: Any, kind: type[T], has_block: bool = False) -> T:
        """For the gateway's own use: a result as a value. Raises RpcRefusal."""
        answer, _ = await self.ask(
            method.encode(), msgspec.json.encode(params), has_block=has_block, null_lacks=has_block
        )
        return value_of(answer, kind)

    async def _wait(
        self, tried: list[Node], deadline_s: float, last: tuple[Answer, Node] | None
    ) -> Node | None:
        """A node that has our head, as soon as there is one; None if there is none in time."""
        until_s = min(time.monotonic() + WAIT_S, deadline_s)
        if last is not None:
            until_s = time.monotonic()
        while True:
            # One that ended while it was asked may be back; it is as good as any then.
            node = self.fleet.choose(tried) or self.fleet.choose()
            left_s = until_s - time.monotonic()
            if node is not None or left_s <= 0:
                return node if last is None else None
            await self.fleet.changed(left_s)


def value_of(answer: Answer, kind: type[T]) -> T:
    """The result as that type. Raises RpcRefusal if there is none."""
    if answer.error:
        raise RpcRefusal(
            INTERNAL, f"a node refused: {bytes(answer.error)[:200].decode(errors='replace')}"
        )
    try:
        return json.decode(answer.result, kind)
    except JsonError as error:
        raise RpcRefusal(INTERNAL, f"a node answered what it should not: {error}") from error


class _Error(msgspec.Struct, gc=False):
    message: str = ""


def _lacks(answer: Answer, null_lacks: bool) -> bool:
    if not answer.error:
        return null_lacks and bytes(answer.result) == b"null"
    try:
        return json.decode(answer.error, _Error).message.startswith(LACKS)
    except JsonError:
        return False
