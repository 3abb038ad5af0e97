"""A JSON-RPC client over WebSocket that keeps everything in the order in which it came."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any, Self

from websockets.sync.client import connect

from tests.support.rpc import RpcError

TIMEOUT_S = 20.0


class Wire:
    """One connection. `events` are the notifications that came so far."""

    def __init__(self, url: str, **options: Any) -> None:
        self._ending = contextlib.ExitStack()
        self.socket = self._ending.enter_context(
            connect(url, max_size=None, compression=None, proxy=None, **options)
        )
        self.events: list[dict[str, Any]] = []
        self.order: list[str] = []  # subscription ids, in the order of being heard of
        self._number = 0

    def __call__(self, method: str, *params: object) -> Any:
        """The result of a call; events that come before it are kept."""
        self._number += 1
        question = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self.socket.send(json.dumps(question))
        while True:
            message = self.receive()
            if message.get("id") == self._number:
                break
        if "error" in message:
            raise RpcError(message["error"]["code"], message["error"]["message"])
        if method == "eth_subscribe":
            self.order.append(f"id {message['result']}")
        return message["result"]

    def receive(self, timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
        """The next message; an event is also kept."""
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=timeout_s))
        if message.get("method") == "eth_subscription":
            self.events.append(message["params"])
            self.order.append(f"event {message['params']['subscription']}")
        return message

    def of(self, subscription: str) -> list[Any]:
        """What this subscription has brought so far."""
        return [one["result"] for one in self.events if one["subscription"] == subscription]

    def until_events(
        self, subscription: str, count: int, timeout_s: float = TIMEOUT_S
    ) -> list[Any]:
        """Waits for so many events of a subscription; returns all of them."""
        deadline = time.monotonic() + timeout_s
        while len(self.of(subscription)) < count:
            self.receive(max(0.01, deadline - time.monotonic()))
        return self.of(subscription)

    def close(self) -> None:
        """Ends it."""
        self._ending.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
