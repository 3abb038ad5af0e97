"""A client that follows a chain through a gateway: by subscriptions, by a filter, by asking.

As long as its gateway lives, whatever happens to the nodes behind it, every block must come exactly
once and in order. A connection that breaks is its own to make again, and what came meanwhile to
ask for; both are done here as any client would.
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from tests.support.rpc import Rpc, RpcError

POLL_S = 0.2
RECEIVE_S = 1.0


class Follower:
    """Follows in threads until `stop`. `problems` says everything that must not be."""

    def __init__(self, rpc_url: str, ws_url: str, address: str) -> None:
        self.problems: list[str] = []
        self.heads: list[int] = []
        self.logs: list[str] = []
        """The transactions of the logs of `address`."""
        self.longest_gap_s = 0.0
        self.connections = 0
        self.filters = 0
        self._rpc_url, self._ws_url, self._address = rpc_url, ws_url, address
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=work.__name__, daemon=True)
            for work in (self._subscribe, self._filter, self._ask)
        ]

    def start(self) -> None:
        """Begins to follow."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Follows no more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=15)

    def _guarded(self, work: Any) -> None:
        while not self._stopping.is_set():
            try:
                work()
            except (OSError, ValueError, RpcError, WebSocketException, TimeoutError):
                self._stopping.wait(POLL_S)  # the gateway is away: it is supervised
            except BaseException as error:
                self.problems.append(f"{work.__name__} failed: {error!r}")
                raise

    # -- subscriptions ----------------------------------------------------------------------

    def _subscribe(self) -> None:
        with connect(self._ws_url, open_timeout=5, close_timeout=1, max_size=1 << 24) as socket:
            self.connections += 1
            early: list[dict[str, Any]] = []
            # Logs before heads: then no log of the first head's block can be missed.
            logs = _call(socket, early, "eth_subscribe", "logs", {"address": self._address})
            heads = _call(socket, early, "eth_subscribe", "newHeads")
            first: int | None = None
            waiting: list[dict[str, Any]] = []
            while not self._stopping.is_set():
                if early:
                    message = early.pop(0)
                else:
                    try:
                        message = json.loads(socket.recv(timeout=RECEIVE_S))
                    except TimeoutError:
                        continue
                result = message["params"]["result"]
                if message["params"]["subscription"] == heads:
                    number = int(result["number"], 16)
                    if first is None:
                        first = number
                        self._fill(number)
                        self._take([one for one in waiting if _height(one) >= number])
                    elif number != self.heads[-1] + 1:
                        self.problems.append(f"head {number} came after {self.heads[-1]}")
                    self.heads.append(number)
                    self._note_gap(time.monotonic())
                elif message["params"]["subscription"] == logs:
                    if first is None:
                        waiting.append(result)
                    elif _height(result) >= first:
                        self._take([result])

    def _note_gap(self, now_s: float) -> None:
        """Over the ends of connections, too: what a user waits for the next head."""
        if self._last_head_s is not None:
            self.longest_gap_s = max(self.longest_gap_s, now_s - self._last_head_s)
        self._last_head_s = now_s

    def _fill(self, number: int) -> None:
        """What came between the last connection and this one's first head."""
        if not self.heads:
            return
        if number <= self.heads[-1]:
            self.problems.append(f"head {number} came again, after {self.heads[-1]}")
            return
        missed = range(self.heads[-1] + 1, number)
        if missed:
            rpc = Rpc(self._rpc_url)
            span = {"fromBlock": hex(missed[0]), "toBlock": hex(missed[-1])}
            self._take(rpc("eth_getLogs", {"address": self._address, **span}))
            self.heads.extend(missed)

    def _take(self, logs: list[dict[str, Any]]) -> None:
        self.logs.extend(log["transactionHash"] for log in logs)

    # -- a filter, and the height -----------------------------------------------------------

    def _filter(self) -> None:
        """Every block's hash comes once, in the chain's order, for as long as the filter lives."""
        rpc = Rpc(self._rpc_url, timeout_s=10)
        mine = rpc("eth_newBlockFilter")
        self.filters += 1
        last: int | None = None
        while not self._stopping.wait(1.0):
            for digest in rpc("eth_getFilterChanges", mine):
                number = int(rpc("eth_getBlockByHash", digest, False)["number"], 16)
                if last is not None and number != last + 1:
                    self.problems.append(f"the filter gave block {number} after {last}")
                last = number

    def _ask(self) -> None:
        """The height that a client is told never goes back, whoever dies, the gateway included."""
        rpc = Rpc(self._rpc_url, timeout_s=10)
        while not self._stopping.wait(POLL_S):
            height = rpc.height()
            if height < self._highest:
                self.problems.append(f"the height went from {self._highest} back to {height}")
            self._highest = max(self._highest, height)
            if rpc("eth_getBlockByNumber", hex(height), False) is None:
                self.problems.append(f"block {height} was announced and is not there")

    _highest = 0
    _last_head_s: float | None = None


def _call(
    socket: ClientConnection, early: list[dict[str, Any]], method: str, *params: object
) -> str:
    """The result; notifications that come before it are kept in `early`."""
    socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}))
    while True:
        message = json.loads(socket.recv(timeout=10))
        if "id" in message:
            return str(message["result"])
        early.append(message)


def _height(log: dict[str, Any]) -> int:
    return int(log["blockNumber"], 16)
