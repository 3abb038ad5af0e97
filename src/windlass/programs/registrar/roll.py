"""The list of bootnodes: who is alive, and what is to be told to nodes.

The rule that all of this serves: a node that boots must never get a list that is shorter than what
is alive, and never an empty one once there was a good one. So one late answer does not take a
bootnode off the list, nor does a name server's answer that leaves it out while it lives; and when
none is alive any more the list stays as it was last.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from windlass.chains.ethereum.enode import Enode

DEAD_AFTER_FAILURES = 3
NODES_MAX = 512
"""Live nodes that are passed on, over all bootnodes."""
UNNAMED_MAX = 64
"""Bootnodes that are asked on although they are no longer named, or a name server with ever new
answers would make us ask ever more."""


class Bootnode(msgspec.Struct):
    """What is known of the bootnode at one URL. `last_seen` is in Unix seconds, 0 for never.

    `failures` counts the questions without a good answer since the last one; `failure` says why.
    `named` is False once the source of URLs leaves it out.
    """

    url: str
    enode: Enode | None = None
    last_seen: float = 0.0
    nodes: tuple[Enode, ...] = ()
    failures: int = 0
    failure: str = ""
    named: bool = True

    @property
    def is_alive(self) -> bool:
        """It has answered, and not failed several times in a row since."""
        return self.enode is not None and self.failures < DEAD_AFTER_FAILURES


class Roll:
    """All bootnodes that are asked now; `keep_s` is how long the last good list outlives them."""

    def __init__(self, keep_s: float) -> None:
        self._keep_s = keep_s
        self._bootnodes: dict[str, Bootnode] = {}
        self._last_good: tuple[Enode, ...] = ()
        self._last_good_at = 0.0

    def expect(self, urls: Iterable[str]) -> None:
        """These bootnodes are named now.

        Others are asked on as long as they are alive: an answer may lack some of them. Those known
        longest go first, so that new ones can't crowd them out.
        """
        named = dict.fromkeys(urls)
        unnamed = [
            url for url, known in self._bootnodes.items() if url not in named and known.is_alive
        ]
        stay = {*named, *unnamed[:UNNAMED_MAX]}
        known = {url: one for url, one in self._bootnodes.items() if url in stay}
        self._bootnodes = known | {url: Bootnode(url) for url in named if url not in known}
        for url, one in self._bootnodes.items():
            one.named = url in named

    def answered(self, url: str, enode: Enode, nodes: Sequence[Enode], now_s: float) -> bool:
        """Notes a good answer; True if this bootnode was not alive or is another one now.

        An address that is no longer named and answers as another one was given to somebody else,
        of another network perhaps: it is forgotten.
        """
        known = self._bootnodes.get(url)
        if known is None:
            return False
        changed = not known.is_alive or known.enode != enode
        if known.enode != enode and not known.named:
            del self._bootnodes[url]
            return False
        self._bootnodes[url] = Bootnode(url, enode, now_s, tuple(nodes), named=known.named)
        self._last_good, self._last_good_at = self._living(), now_s
        return changed

    def failed(self, url: str, reason: str) -> bool:
        """Notes that there was no good answer; True if that makes it dead."""
        known = self._bootnodes.get(url)
        if known is None:
            return False
        was_alive = known.is_alive
        known.failures, known.failure = known.failures + 1, reason
        if not known.is_alive:
            known.nodes = ()
        return was_alive and not known.is_alive

    def listed(self, now_s: float) -> tuple[Enode, ...]:
        """What nodes are told: the living; if there are none, the last good list."""
        living = self._living()
        if living or now_s - self._last_good_at > self._keep_s:
            return living
        return self._last_good

    def nodes(self) -> list[Enode]:
        """The live nodes that live bootnodes report: sorted, one per key."""
        by_key: dict[bytes, Enode] = {}
        for known in self._bootnodes.values():
            for node in known.nodes:
                by_key.setdefault(node.public_key, node)
        return sorted(by_key.values())[:NODES_MAX]

    def bootnodes(self) -> list[Bootnode]:
        """All that are asked, by URL."""
        return sorted(self._bootnodes.values(), key=lambda known: known.url)

    def urls(self) -> list[str]:
        """The URLs that are asked."""
        return sorted(self._bootnodes)

    @property
    def alive(self) -> int:
        """How many bootnodes are alive."""
        return sum(known.is_alive for known in self._bootnodes.values())

    def _living(self) -> tuple[Enode, ...]:
        """Sorted and without doubles: one bootnode may be found under several URLs."""
        living = {known.enode for known in self._bootnodes.values() if known.is_alive}
        return tuple(sorted(enode for enode in living if enode is not None))
