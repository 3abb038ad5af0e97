"""Wires a supervisor up: its lock, its state, its control socket, its housekeeping, its end."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import windlass
from windlass.kit.errors import WindlassError
from windlass.kit.files import FileError
from windlass.kit.logging import setup
from windlass.runtimes.local import disk_history, logs
from windlass.runtimes.local.control import socket_path
from windlass.runtimes.local.lock import SUPERVISOR_FILE_NAME
from windlass.runtimes.local.state import State
from windlass.runtimes.local.supervisor.consensus_restarts import ConsensusRestarts
from windlass.runtimes.local.supervisor.daemon import Supervisor
from windlass.runtimes.local.supervisor.geth_restarts import GethRestarts
from windlass.runtimes.local.supervisor.messages import Answer, Request
from windlass.runtimes.local.supervisor.server import ControlServer

LOCK_WAIT_S = 10.0
HOUSEKEEPING_S = 5.0
DEFECT_PAUSE_S = 1.0
DEFECT_PAUSE_S_MAX = 60.0
log = logging.getLogger(__name__)


def main(words: Sequence[str]) -> int:
    """`--state DIR`; returns the exit code. 0 also if another supervisor is already at work."""
    parser = argparse.ArgumentParser(prog="windlass run supervisor")
    parser.add_argument("--state", required=True, type=Path, help="the state's directory")
    directory = parser.parse_args(words).state.resolve()
    setup("supervisor")
    try:
        lock = _locked(directory)
    except OSError as error:
        log.error("cannot be locked", extra={"path": error.filename, "reason": error.strerror})  # noqa: TRY400 - for people
        return 1
    if lock is None:
        log.error("another supervisor is at work", extra={"state": str(directory)})
        return 0
    try:
        with State.open(directory, durable=False) as state:
            asyncio.run(_Main(state).run())
    except WindlassError as error:
        log.error(str(error))  # noqa: TRY400 - an expected refusal needs no traceback
        return 1
    finally:
        os.close(lock)
    return 0


def _locked(directory: Path) -> int | None:
    """The lock that makes it the only one; one that is just leaving is waited for."""
    path = directory / SUPERVISOR_FILE_NAME
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.02)
        else:
            return descriptor


async def _kept_going(work: Callable[[], Awaitable[None]], name: str) -> None:
    """Does it until it returns; if a defect ends it, again after a pause that grows."""
    pause_s = DEFECT_PAUSE_S
    while True:
        try:
            await work()
        except Exception:  # a defect in a helper must not end silently what the network relies on
            log.exception("a defect of the supervisor", extra={"helper": name})
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, DEFECT_PAUSE_S_MAX)
        else:
            return


class _Main:
    def __init__(self, state: State) -> None:
        self._state = state
        self._supervisor = Supervisor(state)
        self._server = ControlServer(socket_path(state), self._answer)
        self._adopted = asyncio.Event()
        self._end = asyncio.Event()
        self._must_stop = False

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        log.info("supervises", extra={"state": str(self._state.directory), "pid": os.getpid()})
        # First, because ending what nobody knows may take longer than a command waits for us.
        await self._server.start()
        try:
            await self._supervisor.adopt()
            self._adopted.set()
            await self._supervise()
        finally:
            await self._supervisor.leave()
            await self._server.stop()
        log.info("ends", extra={"stopped": self._must_stop})

    async def _supervise(self) -> None:
        restarts = GethRestarts(lambda: self._supervisor.runners)
        consensus = ConsensusRestarts(
            lambda: self._supervisor.runners,
            lambda: {row.name: row.block_time_s for row in self._state.networks()},
        )
        helpers = [
            asyncio.create_task(_kept_going(restarts.run, "restarts of geth")),
            asyncio.create_task(_kept_going(consensus.run, "restarts of CometBFT")),
            asyncio.create_task(_kept_going(self._keep_house, "housekeeping")),
        ]
        await self._end.wait()
        if self._must_stop:
            try:
                await self._supervisor.stop_all()
            except WindlassError as error:
                log.error(str(error))  # noqa: TRY400 - there is nobody left to tell
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)

    async def _answer(self, request: Request) -> Answer:
        if request.op not in ("ping", "leave"):
            await self._adopted.wait()
        if request.op == "apply":
            await self._supervisor.apply()
        elif request.op == "restart":
            if not await self._supervisor.restart(request.network, request.node):
                return Answer(ok=False, error=f"There is no {request.network}/{request.node}.")
        elif request.op == "shutdown":
            await self._supervisor.stop_all()
            self._end.set()
        elif request.op == "leave":
            self._end.set()
        elif request.op != "ping":
            return Answer(ok=False, error=f"{request.op!r} is no operation.")
        return Answer(ok=True, pid=os.getpid(), version=windlass.__version__)

    async def _keep_house(self) -> None:
        measured = float("-inf")
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            if not self._state.path.exists():
                log.error("the state was deleted: stops everything")
                self._must_stop = True
                self._end.set()
                return
            self._supervisor.flush()
            await self._server.keep()
            if time.monotonic() - measured >= disk_history.SAMPLE_S:
                measured = time.monotonic()
                await self._measure_disk()
            paths = [runner.log_path for runner in self._supervisor.runners]
            for path in (*paths, logs.supervisor_log_path(self._state.directory)):
                try:
                    await asyncio.to_thread(logs.rotate, path)
                except OSError as error:
                    log.warning("cannot rotate", extra={"path": str(path), "reason": str(error)})

    async def _measure_disk(self) -> None:
        """For the doctor, who tells from it when the disk will be full."""
        try:
            await asyncio.to_thread(disk_history.record, self._state.directory, time.time())
        except FileError as error:
            log.warning("cannot note the disk's use", extra={"reason": str(error)})
