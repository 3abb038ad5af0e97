"""Notes every block that any node ever called final, to prove that none is taken back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping

from tests.support.rpc import Rpc, RpcError

EVERY_S = 0.3


class FinalBlocks:
    """Asks all nodes all the time; `changed` lists each height whose final block was two things."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = dict(urls)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch, args=item, name=f"watch-{item[0]}", daemon=True)
            for item in self._urls.items()
        ]
        self._lock = threading.Lock()
        self.seen: dict[int, str] = {}
        self._seen_at: dict[int, float] = {}
        self.changed: list[str] = []

    def start(self) -> None:
        """Begins to watch."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Watches no more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def highest(self) -> int:
        """The highest final block that any node has shown; -1 before the first."""
        with self._lock:
            return max(self.seen, default=-1)

    def reached_at(self, height: int) -> float:
        """When a final block at or above that height was first seen (monotonic); 0 if none was."""
        with self._lock:
            return min((at for one, at in self._seen_at.items() if one >= height), default=0.0)

    def _watch(self, name: str, url: str) -> None:
        rpc = Rpc(url, timeout_s=2)
        while not self._stopping.wait(EVERY_S):
            # A node that is down, starting or stopped in mid-answer shows nothing.
            with contextlib.suppress(OSError, ValueError, LookupError, RpcError):
                block = rpc.block("finalized")
                self._note(name, int(block["number"], 16), block["hash"])
        rpc.close()

    def _note(self, name: str, number: int, digest: str) -> None:
        with self._lock:
            before = self.seen.setdefault(number, digest)
            self._seen_at.setdefault(number, time.monotonic())
            if before != digest:
                self.changed.append(f"final block {number} was {before}, {name} says {digest}")
