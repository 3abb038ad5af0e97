"""Finds a CometBFT whose consensus has ended while its process goes on, and starts it anew.

When it can't write, because a disk is full, CometBFT gives up deciding, and lives on: its RPC
answers, its peers stay, and it never takes part again, though the disk has long been emptied. It
tells nobody. But one that works does not rest just anywhere: without enough others it rests after
its own vote, in the step of prevotes or of precommits, and it is never far behind the others. One
that is asking its bridge, which may feed a geth for minutes, has a bridge that is not ready.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from windlass.chains.cometbft.rpc import CometbftClient, CometbftError, Round
from windlass.kit.errors import WindlassError
from windlass.kit.http import HttpClient
from windlass.runtimes.local.supervisor.runner import Runner

POLL_S = 5.0
ANSWER_S = 2.0
PATIENCE_S = 20.0
"""How long it may stand where nobody rests. A proposal is waited for longer in each further round,
and a new height for as long as a block takes."""

BEHIND_BLOCKS = 10
RESTART_GAP_S = 60.0
COMETBFT = "cometbft"
RESTING = {4: "prevotes", 6: "precommits"}
"""CometBFT's numbers of the steps in which it may wait for others for ever (consensus/types)."""
COMMIT = 8

log = logging.getLogger(__name__)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Where one stands, since how long, and what else counts. `own` is its place among the
    validators, None if it is none of them; `highest` is the height of the one farthest ahead."""

    round: Round
    still_s: float
    block_time_s: int
    own: int | None
    highest: int


def verdict(seen: Seen) -> str:
    """Why its consensus has ended; '' if it may well be at work."""
    at = seen.round
    if seen.still_s < PATIENCE_S + 2 * seen.block_time_s + at.round:
        return ""
    if seen.highest - at.height >= BEHIND_BLOCKS:
        return f"it stands at height {at.height} and others are at {seen.highest}"
    if at.step not in RESTING:
        return "" if at.step == COMMIT else f"it stands in step {at.step} of height {at.height}"
    votes = at.prevotes if at.step == 4 else at.precommits
    if seen.own is not None and seen.own < len(votes) and not votes[seen.own]:
        return f"it waits for {RESTING[at.step]} of height {at.height} and gave none itself"
    return ""


class _Watched:
    """One CometBFT and what was seen of it last."""

    def __init__(self, runner: Runner, url: str) -> None:
        self.runner = runner
        self.client = CometbftClient(url, timeout_s=ANSWER_S)
        self.round: Round | None = None
        self.since_s = time.monotonic()
        self.restarted_s = -RESTART_GAP_S

    def note(self, found: Round) -> None:
        """It stands there now."""
        known = self.round
        position = (found.height, found.round, found.step)
        if known is None or (known.height, known.round, known.step) != position:
            self.since_s = time.monotonic()
        self.round = found


class ConsensusRestarts:
    """Watches every CometBFT; `block_times_s` is by network."""

    def __init__(
        self,
        runners: Callable[[], Iterable[Runner]],
        block_times_s: Callable[[], Mapping[str, int]],
    ) -> None:
        self._runners = runners
        self._block_times_s = block_times_s
        self._watched: dict[str, _Watched] = {}

    async def run(self) -> None:
        """Looks at all of them every few seconds, for ever."""
        while True:
            await asyncio.sleep(POLL_S)
            await self.look()

    async def look(self) -> None:
        """Once."""
        found = {
            runner.target.key: runner
            for runner in self._runners()
            if runner.target.process.name == COMETBFT and runner.is_up
        }
        for key in self._watched.keys() - found.keys():
            await self._watched.pop(key).client.close()
        for key, runner in found.items():
            url = runner.target.workload.cometbft_url
            if url and key not in self._watched:
                self._watched[key] = _Watched(runner, url)
        await asyncio.gather(*(self._ask(one) for one in self._watched.values()))
        for one in list(self._watched.values()):
            await self._judge(one)

    async def _ask(self, one: _Watched) -> None:
        try:
            one.note(await one.client.round())
        except CometbftError:
            one.round = None  # it is starting, or frozen: its own runner sees to it

    async def _judge(self, one: _Watched) -> None:
        workload = one.runner.target.workload
        now = time.monotonic()
        if one.round is None or now - max(one.since_s, one.restarted_s) < PATIENCE_S:
            return
        heights = [
            other.round.height
            for other in self._watched.values()
            if other.round and other.runner.target.workload.network == workload.network
        ]
        try:
            status = await one.client.status()
            members = list(await one.client.validators())
        except CometbftError:
            return
        own = members.index(status.address) if status.address in members else None
        seen = Seen(
            round=one.round,
            still_s=now - one.since_s,
            block_time_s=self._block_times_s().get(workload.network, 1),
            own=own,
            highest=max(heights),
        )
        reason = verdict(seen)
        if not reason or status.catching_up or now - one.restarted_s < RESTART_GAP_S:
            return
        if workload.health_url and await _is_ready(workload.health_url):
            one.restarted_s = now
            log.warning("restarts CometBFT", extra={"child": one.runner.target.key, "why": reason})
            one.runner.restart(f"its consensus had ended: {reason}")


async def _is_ready(url: str) -> bool:
    client = HttpClient(url, timeout_s=ANSWER_S)
    try:
        return (await client.request("GET", "/readyz")).status == 200
    except WindlassError:
        return False
    finally:
        await client.close()
