"""A steady stream of transfers through a gateway, each handed in until it is accepted, then left.

What the gateway has accepted is its own responsibility: nothing is sent a second time after that,
whoever is killed meanwhile, and afterwards every accepted one must be in the chain exactly once.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from tests.support.rpc import Rpc, RpcError
from tests.support.transfers import Sender, Signed
from tests.support.wait import until

SINK = "0x00000000000000000000000000000000000000aa"
LOGGER = "0x0000000000000000000000000000000000001099"
LOGGER_CODE = "0x60016000a000"
"""PUSH1 1, PUSH1 0, LOG0, STOP: a contract that logs a byte for each transfer that it gets."""
LOGGER_GAS = 30_000

THERE = ("already known", "nonce too low")
"""What is said of a transaction whose first acceptance was not heard, since its gateway died."""
NOT_NOW = (-32002, -32005)
"""No node, or a full journal (EIP-1474): nothing was accepted, and it may be tried again."""


class Load:
    """Sends `per_s` transfers a second in a thread until `stop`; `settle` waits for the last."""

    def __init__(self, url: str, accounts: list[Sender], per_s: float) -> None:
        self._rpc = Rpc(url, timeout_s=5)
        self._url = url
        self._accounts = accounts
        self._pause_s = 1 / per_s
        self._waiting: dict[str, deque[Signed]] = {one.address: deque() for one in accounts}
        self._accepted: list[str] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def hashes(self) -> list[str]:
        """Every transaction that was accepted."""
        return list(self._accepted)

    def stop(self) -> None:
        """Sends no new ones; those that nobody has accepted yet are handed in first."""
        self._stopping.set()
        self._thread.join(timeout=60)
        if self._failure:
            raise self._failure

    def settle(self, timeout_s: float) -> None:
        """Waits until the chain has all of it; sends nothing."""
        rpc = Rpc(self._url)
        for account in self._accounts:
            until(
                lambda one=account: (  # type: ignore[misc]
                    int(rpc("eth_getTransactionCount", one.address, "latest"), 16)
                    == len(one.signed)
                ),
                f"every transfer of {account.address} in a block",
                timeout_s=timeout_s,
                poll_s=0.5,
            )

    def _run(self) -> None:
        sent_at = time.monotonic()
        number = 0
        try:
            while not self._stopping.wait(max(0.0, sent_at + self._pause_s - time.monotonic())):
                sent_at = time.monotonic()
                account = self._accounts[number % len(self._accounts)]
                number += 1
                waiting = self._waiting[account.address]
                waiting.append(account.transfer(LOGGER, gas=LOGGER_GAS))
                self._hand_in(waiting)
            until(self._all_handed_in, "all transfers accepted", timeout_s=60)
        except BaseException as error:
            self._failure = error
            raise

    def _all_handed_in(self) -> bool:
        for waiting in self._waiting.values():
            self._hand_in(waiting)
        return not any(self._waiting.values())

    def _hand_in(self, waiting: deque[Signed]) -> None:
        """In the order of their nonces, up to the first that is not accepted now."""
        while waiting:
            try:
                answer = self._rpc("eth_sendRawTransaction", waiting[0].raw)
                assert answer == waiting[0].hash
            except RpcError as error:
                if error.code in NOT_NOW:
                    return
                if not any(words in error.message for words in THERE):
                    raise
            except (OSError, ValueError):
                return  # the gateway is down, or was killed in mid-answer: nobody accepted it
            self._accepted.append(waiting.popleft().hash)
