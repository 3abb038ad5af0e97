"""Listens to a bridge or sealer that asks for its geth to be restarted.

A geth that has switched itself to snap sync refuses blocks until a clean restart; only the program
that feeds it can tell. It says so at `/state`, which is looked at every second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

import msgspec

from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.kit.http import HttpClient
from windlass.runtimes.local.supervisor.runner import Runner

POLL_S = 1.0
RESTART_GAP_S = 8.0
"""The least time between two restarts: a geth needs some seconds to show that it was of use."""

REQUEST = "restart_geth"
GETH = "geth"
log = logging.getLogger(__name__)


class _Follower(msgspec.Struct):
    """What a sealer says of a geth that follows it and has no program of its own to speak."""

    name: str
    request: str | None = None
    geth_detail: str = ""


class _State(msgspec.Struct):
    """What counts here of a program's state."""

    request: str | None = None
    geth_detail: str = ""
    followers: list[_Follower] = []


class GethRestarts:
    """Asks every workload that has both a program of ours and a geth."""

    def __init__(self, runners: Callable[[], Iterable[Runner]]) -> None:
        self._runners = runners
        self._clients: dict[str, HttpClient] = {}
        self._restarted: dict[str, float] = {}

    async def run(self) -> None:
        """Asks all of them each second, for ever."""
        while True:
            await asyncio.sleep(POLL_S)
            asked = {
                runner.target.workload.health_url: runner
                for runner in self._runners()
                if runner.target.process.name == GETH and runner.is_up
            }
            for url in self._clients.keys() - asked.keys():  # stopped, or gone for ever
                await self._clients.pop(url).close()
            await asyncio.gather(*(self._ask(url, geth) for url, geth in asked.items() if url))

    async def _ask(self, url: str, geth: Runner) -> None:
        client = self._clients.setdefault(url, HttpClient(url, timeout_s=POLL_S))
        try:
            answer = await client.request("GET", "/state")
            state = json.decode(answer.body, _State)
        except (WindlassError, json.JsonError):
            return  # it is just starting, or its own runner sees to it
        if state.request == REQUEST:
            self._restart(geth, state.geth_detail)
        asking = {one.name: one for one in state.followers if one.request == REQUEST}
        for runner in self._runners() if asking else ():
            workload = runner.target.workload
            is_follower = workload.network == geth.target.workload.network
            if is_follower and workload.name in asking and runner.target.process.name == GETH:
                self._restart(runner, asking[workload.name].geth_detail)

    def _restart(self, geth: Runner, detail: str) -> None:
        now = time.monotonic()
        known = {runner.target.key for runner in self._runners()}
        self._restarted = {key: at for key, at in self._restarted.items() if key in known}
        if now - self._restarted.get(geth.target.key, -RESTART_GAP_S) < RESTART_GAP_S:
            return
        self._restarted[geth.target.key] = now
        detail = detail or "it is stuck"
        log.warning("restarts geth", extra={"child": geth.target.key, "reason": detail})
        geth.restart(f"its feeder asked for it: {detail}")
