"""A steady stream of transfers at whatever nodes answer, sent again until the chain has them.

A node that is killed takes its pool with it, so accepted transactions can vanish before a block
has them; their sender's part is to send them again. That is what this does, and why afterwards
every one of them must be in the chain exactly once.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping

from tests.support.rpc import Rpc, RpcError
from tests.support.transfers import Sender
from tests.support.wait import until

RESEND_EVERY_S = 3.0
SINK = "0x00000000000000000000000000000000000000aa"


class Load:
    """Sends `per_s` transfers a second in a thread until `stop`; `settle` waits for the last."""

    def __init__(self, urls: Mapping[str, str], accounts: list[Sender], per_s: float) -> None:
        self._urls = list(urls.values())
        self._accounts = accounts
        self._pause_s = 1 / per_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def hashes(self) -> list[str]:
        """Every transaction that was ever sent."""
        return [one.hash for account in self._accounts for one in account.signed]

    def stop(self) -> None:
        """Sends no new ones."""
        self._stopping.set()
        self._thread.join(timeout=60)
        if self._failure:
            raise self._failure

    def settle(self, timeout_s: float) -> None:
        """Sends what is missing again until the chain has all of it."""
        until(
            lambda: not self._resend(), "every transfer in a block", timeout_s=timeout_s, poll_s=1
        )

    def _run(self) -> None:
        sent_at = resent_at = time.monotonic()
        number = 0
        try:
            while not self._stopping.wait(max(0.0, sent_at + self._pause_s - time.monotonic())):
                sent_at = time.monotonic()
                account = self._accounts[number % len(self._accounts)]
                number += 1
                self._send(account.transfer(SINK).raw)
                if sent_at - resent_at > RESEND_EVERY_S:
                    resent_at = sent_at
                    self._resend()
        except BaseException as error:
            self._failure = error
            raise

    def _send(self, *raws: str) -> None:
        rpc = Rpc(random.choice(self._urls), timeout_s=2)
        try:
            for result in rpc.batch([("eth_sendRawTransaction", [raw]) for raw in raws]):
                # "already known" and "nonce too low" mean that it got there before.
                assert isinstance(result, str | RpcError)
        except (OSError, ValueError):
            return  # that node is down or stopped in mid-answer: another one gets it next time
        finally:
            rpc.close()

    def _resend(self) -> int:
        """Sends again what the chain does not have: how many (1 if no node answers)."""
        rpc = Rpc(random.choice(self._urls), timeout_s=2)
        try:
            counts = rpc.batch(
                [("eth_getTransactionCount", [one.address, "latest"]) for one in self._accounts]
            )
        except (OSError, ValueError):
            return 1
        finally:
            rpc.close()
        missing = [
            signed.raw
            for account, count in zip(self._accounts, counts, strict=True)
            if isinstance(count, str)
            for signed in account.signed[int(count, 16) :]
        ]
        for start in range(0, len(missing), 100):
            self._send(*missing[start : start + 100])
        return len(missing)
