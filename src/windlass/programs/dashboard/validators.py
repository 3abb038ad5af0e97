"""Who signed which block, asked of one node's CometBFT after the other until one answers.

Once per block, and always of the height before the newest: the signatures that count for a height
stand in the next one. CometBFT's heights are not Ethereum's block numbers, since a height may bring
no block. They are joined by the app hash: it is a digest over each block in turn, so the block that
turns one header's app hash into the next one's is the block of that height.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Any

import msgspec

from windlass.chains.cometbft.app_hash import after_block
from windlass.chains.cometbft.rpc import CometbftClient, CometbftError, Commit
from windlass.programs.dashboard.blocks import Block
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.network import Network

RECORDS = 100
MARKS = 60
LOOK_S = 0.25
ASK_EVERY_S = 5.0
"""Without a new block: the rounds that fail are seen nevertheless once one succeeds."""
HEIGHTS_AT_ONCE = 20
TRIES = 3
"""Nodes that are asked in a row; the others have their turn the next time."""
PAUSE_S = 2.0
URL_CHANGES_MAX = 1000

log = logging.getLogger(__name__)


class Record(msgspec.Struct, frozen=True):
    """A height with the powers of those who could have signed it."""

    commit: Commit
    powers: dict[str, int]


class Validators:
    """The last hundred heights, and what follows from them."""

    def __init__(self, network: Network, metrics: Metrics) -> None:
        self._network = network
        self._metrics = metrics
        self._records: deque[Record] = deque(maxlen=RECORDS)
        self._unmatched: deque[tuple[Record, bytes]] = deque(maxlen=RECORDS)
        self._powers: dict[str, dict[str, int]] = {}
        self._clients: dict[str, CometbftClient] = {}
        self._turn = 0
        self._first_height: int | None = None
        self._documents: list[dict[str, Any]] = []
        self._summary: dict[str, Any] | None = None

    def documents(self) -> list[dict[str, Any]]:
        """The validators, those with most power first."""
        return self._documents

    def summary(self) -> dict[str, Any] | None:
        """The newest height's round and votes; null where nobody votes."""
        return self._summary

    async def run(self) -> None:
        """Asks after each new block; runs for ever."""
        seen, asked_s = None, 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            best = self._network.best
            if best is seen and time.monotonic() - asked_s < ASK_EVERY_S:
                self._join()
                self._describe()
                continue
            seen, asked_s = best, time.monotonic()
            if not await self._ask():
                await asyncio.sleep(PAUSE_S)

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.close()

    async def _ask(self) -> bool:
        urls = [one.cometbft_url for one in self._network.expected_nodes if one.cometbft_url]
        for _ in range(min(TRIES, len(urls))):
            url = urls[self._turn % len(urls)]
            client = self._clients.get(url)
            if client is None:
                if len(self._clients) >= URL_CHANGES_MAX:
                    await self.close()
                    self._clients.clear()
                client = self._clients[url] = CometbftClient(url)
            try:
                await self._follow(client)
            except CometbftError as error:
                self._metrics.questions_failed.increment()
                log.debug("CometBFT was no help", extra={"reason": error.sentence})
                self._turn += 1
            else:
                self._join()
                self._describe()
                return True
        return not urls

    async def _follow(self, client: CometbftClient) -> None:
        """Reads all heights that are decided and not known yet, at most so many."""
        newest = await client.commit()
        if self._first_height is None:
            self._first_height = newest.height
        known = self._records[-1].commit.height if self._records else 0
        if newest.height <= known:
            if newest.height < known:
                self._turn += 1  # it is behind: the next one may know more
            return
        first = max(known + 1, newest.height - RECORDS)
        for height in range(first, min(newest.height, first + HEIGHTS_AT_ONCE)):
            commit = await client.commit(height)
            if commit.height != height:
                raise CometbftError(f"{client.url} told another height than was asked for.")
            self._add(Record(commit, await self._powers_at(client, commit)))
        if self._records and self._records[-1].commit.height == newest.height - 1:
            self._matched_later(self._records[-1], newest.app_hash)

    async def _powers_at(self, client: CometbftClient, commit: Commit) -> dict[str, int]:
        powers = self._powers.get(commit.validators_hash)
        if powers is None:
            powers = await client.validators(commit.height)
            if len(self._powers) >= RECORDS:
                self._powers.clear()
            self._powers[commit.validators_hash] = powers
        return powers

    def _add(self, record: Record) -> None:
        last = self._records[-1] if self._records else None
        if last is not None and last.commit.height == record.commit.height - 1:
            self._matched_later(last, record.commit.app_hash)
        self._records.append(record)
        if self._first_height is not None and record.commit.height >= self._first_height:
            self._metrics.missed_rounds.increment(by=record.commit.round)

    def _matched_later(self, record: Record, app_hash_after: bytes) -> None:
        if record.commit.app_hash == app_hash_after:
            return  # a height without a block
        if self._unmatched and self._unmatched[-1][0] is record:
            return
        self._unmatched.append((record, app_hash_after))

    def _join(self) -> None:
        """Finds the blocks of heights; one that no node has reported yet is looked for again."""
        if not self._unmatched:
            return
        waiting = [block for block in self._network.blocks.newest() if block.round is None]
        left: list[tuple[Record, bytes]] = []
        for record, after in self._unmatched:
            before = record.commit.app_hash
            block = next((one for one in waiting if _leads(before, one, after)), None)
            if block is None:
                left.append((record, after))
            else:
                waiting.remove(block)
                self._tell(block, record)
        if len(left) != len(self._unmatched):
            self._unmatched = deque(left, maxlen=RECORDS)

    def _tell(self, block: Block, record: Record) -> None:
        names = self._names()
        block.round = record.commit.round
        block.proposer = names.get(record.commit.proposer)
        missed = [names.get(one, one) for one in record.powers if one not in record.commit.signers]
        block.missed = tuple(sorted(missed))
        self._network.blocks.mark(block.number)

    def _describe(self) -> None:
        """Makes the documents of what is known now."""
        if not self._records:
            return
        newest = self._records[-1]
        names = self._names()
        powers = newest.powers
        ordered = sorted(powers, key=lambda one: (-powers[one], names.get(one, one)))
        self._documents = [self._document(one, names.get(one), powers[one]) for one in ordered]
        total = sum(powers.values())
        self._summary = {
            "height": newest.commit.height,
            "round": newest.commit.round,
            "missed_rounds_100": sum(one.commit.round for one in self._records),
            "power_total": total,
            "power_signed": sum(powers.get(one, 0) for one in newest.commit.signers),
            "quorum_power": total * 2 // 3 + 1,
        }

    def _document(self, address: str, name: str | None, power: int) -> dict[str, Any]:
        marks, last_signed, proposed = [], None, 0
        for record in self._records:
            if address not in record.powers:
                marks.append("?")
                continue
            signed = address in record.commit.signers
            marks.append("1" if signed else "0")
            proposed += record.commit.proposer == address
            if signed:
                last_signed = record.commit.height
        node = self._network.nodes.get(name) if name else None
        return {
            "name": name or address,
            "address": address,
            "power": power,
            "signed_100": marks.count("1"),
            "missed_100": marks.count("0"),
            "proposed_100": proposed,
            "last_signed": last_signed,
            "marks": "".join(marks[-MARKS:]),
            "online": node.online if node else marks[-1] == "1",
        }

    def _names(self) -> dict[str, str]:
        return {
            one.validator.upper(): one.name for one in self._network.expected_nodes if one.validator
        }


def _leads(before: bytes, block: Block, after: bytes) -> bool:
    """Whether this block turns the one app hash into the other."""
    timestamp = block.timestamp_ms // 1000
    return after_block(before, block.hash, block.number, timestamp) == after
