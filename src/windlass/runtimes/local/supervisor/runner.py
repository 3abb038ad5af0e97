"""Keeps one process in the state that is wanted of it.

`machine` decides, this module does: it launches, probes, signals and waits. All wishes (start,
stop, restart, a new definition) only set fields and wake the one loop in `run`, so that whatever
happens at once, a process is never started twice nor signalled after its end.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from windlass.kit.errors import WindlassError
from windlass.plan.workload import Process, Workload
from windlass.runtimes.local import launcher, logs
from windlass.runtimes.local.deleting import delete
from windlass.runtimes.local.launcher import Started
from windlass.runtimes.local.process_table import Identity, Living
from windlass.runtimes.local.state import ProcessRow
from windlass.runtimes.local.supervisor import damage, machine
from windlass.runtimes.local.supervisor.bootnodes import bootnodes
from windlass.runtimes.local.supervisor.machine import Life, Phase
from windlass.runtimes.local.supervisor.probing import Prober

STARTING_POLL_S = 0.05
STARTING_QUICK_S = 20.0  # after that long a start is asked only each second
RUNNING_POLL_S = 5.0
DEGRADED_POLL_S = 1.0
UNREADY_AFTER = 2  # one probe that was too slow on a busy machine means nothing
RESTART_GRACE_S = 5.0  # for what is restarted because its partner is gone: nobody to say goodbye to
KILL_WAIT_S = 10.0
DEFECT_PAUSE_S = 1.0

log = logging.getLogger(__name__)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What is to run: a process of a workload, the programs it may name, and the digest of both."""

    workload: Workload
    process: Process
    programs: Mapping[str, str]
    digest: str

    @property
    def key(self) -> str:
        """network/workload/process."""
        return f"{self.workload.key}/{self.process.name}"


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner may ask of the supervisor.

    `may_start` says whether it is the process's turn, `record` keeps what is known of it, `changed`
    is called whenever others may want to look again, `before_launch` frees the ports that are held
    for it, `ended` is told of each end.
    """

    state: Path
    may_start: Callable[[Runner], bool]
    record: Callable[[ProcessRow], None]
    changed: Callable[[], None]
    before_launch: Callable[[Runner], None]
    ended: Callable[[Runner], None]


class Runner:
    """One process and what is wanted of it."""

    def __init__(self, target: Target, surroundings: Surroundings, life: Life) -> None:
        self.target = target
        self.life = life
        self.wanted = False
        self.in_line = False
        """Whether it still waits for the turn of its rank; only at a first start."""
        self.running_digest = ""
        self._surroundings = surroundings
        self._restart: tuple[str, float | None, bool] | None = None
        self._started: Started | None = None
        self._exited = False
        self._log_start = 0
        self._unanswered = 0
        self._prober = Prober(target.process.ready)
        self._wake = asyncio.Event()

    # -- wishes -----------------------------------------------------------------------------

    def start(self, *, in_line: bool) -> None:
        """It should run; `in_line` makes it wait for the turn of its rank."""
        if not self.wanted:
            self.wanted, self.in_line = True, in_line and self._started is None
            self.wake()

    def stop(self) -> None:
        """It should not run."""
        self.wanted = False
        self.wake()

    def restart(self, reason: str, *, grace_s: float | None = None, counted: bool = True) -> None:
        """It should end and start anew; nothing happens if it does not run."""
        if self._started is not None and self._restart is None:
            self._restart = (reason, grace_s, counted)
            self.wake()

    def retarget(self, target: Target) -> None:
        """It should be this from now on; what runs by another digest is restarted."""
        if target.process.ready != self.target.process.ready:
            self._prober.aim(target.process.ready)
        self.target = target
        if self._started is not None and self.running_digest != target.digest:
            self.restart("its definition changed", counted=False)

    def adopt(self, living: Living, digest: str) -> None:
        """That process is already it: a former supervisor started it."""
        self.wanted = True  # until told otherwise, so that an end keeps its order
        self.running_digest = digest
        self._hold(Started(living))
        self._become(machine.launched(self.life, time.time()))

    def wake(self) -> None:
        """Something changed that it may wait for."""
        self._wake.set()

    # -- answers ----------------------------------------------------------------------------

    @property
    def is_alive(self) -> bool:
        """Whether a process of it exists, ready or not."""
        return self._started is not None

    @property
    def is_up(self) -> bool:
        """Whether it runs and was ready since it started."""
        return self._started is not None and self.life.ready_since is not None

    @property
    def is_settled(self) -> bool:
        """Whether nobody needs to wait for its start any more: it is up, or it does not work."""
        return not self.wanted or self.is_up or self.life.deaths > 0

    @property
    def is_gone(self) -> bool:
        """Whether it has ended as wanted."""
        return not self.wanted and self._started is None

    @property
    def log_path(self) -> Path:
        """Its log."""
        workload = self.target.workload
        return logs.log_path(
            self._surroundings.state, workload.network, workload.name, self.target.process.name
        )

    # -- the loop ---------------------------------------------------------------------------

    async def run(self) -> None:
        """Makes the wishes true, for ever; ends only by being cancelled, leaving the process."""
        try:
            while True:
                try:
                    await self._step()
                except Exception:  # a defect here must not leave its process unattended for ever
                    log.exception("a defect of the supervisor", extra={"child": self.target.key})
                    await asyncio.sleep(DEFECT_PAUSE_S)
        finally:
            if self._started is not None:
                self._let_go(self._started)
            await self._prober.close()

    async def _step(self) -> None:
        if self._started is not None:
            if self._exited:
                await self._note_death()
            elif not self.wanted or self._restart is not None:
                await self._end()
            else:
                await self._attend()
        elif not self.wanted:
            if self.life.phase is not Phase.STOPPED:
                self._become(machine.stopped(self.life, self.life.last_exit, time.time()))
            await self._pause(None)
        elif not self._may_launch():
            if self.life.phase is Phase.STOPPED:
                self._become(machine.waits(self.life, time.time()))
            await self._pause(min(0.25, max(0.005, self.life.retry_at - time.time())))
        else:
            await self._launch()

    async def _pause(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _may_launch(self) -> bool:
        return time.time() >= self.life.retry_at and self._surroundings.may_start(self)

    async def _launch(self) -> None:
        target = self.target
        process = target.process
        try:
            words = launcher.arguments(process.command, target.programs)
            if process.bootnodes_from is not None:
                found = await bootnodes(process.bootnodes_from, Path(target.workload.directory))
                words += ["--bootnodes", found] if found else []
                if not self.wanted or target is not self.target:
                    return
            self._log_start = logs.size_of(self.log_path)
            self._surroundings.before_launch(self)
            started = launcher.launch(
                words,
                process.command.environment,
                state=self._surroundings.state,
                process=target.key,
                directory=Path(target.workload.directory),
                log_file=self.log_path,
            )
        except (WindlassError, OSError) as error:
            log.error("cannot start", extra={"child": target.key, "reason": str(error)})  # noqa: TRY400
            self._become(machine.could_not_start(self.life, str(error), time.time()))
            return
        self.in_line = False
        self._restart = None
        self.running_digest = target.digest
        self._hold(started)
        self._become(machine.launched(self.life, time.time()))
        log.info("started", extra={"child": target.key, "pid": started.identity.pid})

    async def _attend(self) -> None:
        """Waits a while and asks whether it is ready."""
        starting = self.life.phase is Phase.STARTING
        quick = time.time() - self.life.since < STARTING_QUICK_S
        degraded = not starting and not self.life.ready
        pause_s = STARTING_POLL_S if starting and quick else RUNNING_POLL_S
        await self._pause(DEGRADED_POLL_S if degraded or (starting and not quick) else pause_s)
        if self._exited or not self.wanted or self._restart is not None:
            return
        self._judge(await self._asked())

    async def _asked(self) -> str | None:
        """The probe's answer; an end or a wish that comes meanwhile does not wait for it."""
        asking = asyncio.ensure_future(self._prober.ask())
        waking = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((asking, waking), return_when=asyncio.FIRST_COMPLETED)
            while not asking.done() and not self._exited and self._restart is None and self.wanted:
                self._wake.clear()
                waking = asyncio.ensure_future(self._wake.wait())
                await asyncio.wait((asking, waking), return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else "it was not asked to the end"
        finally:
            asking.cancel()
            waking.cancel()

    def _judge(self, reason: str | None) -> None:
        now = time.time()
        if self._exited:
            return
        if reason is None:
            self._unanswered = 0
            if not self.life.ready:
                self._become(machine.became_ready(self.life, now))
                log.info("ready", extra={"child": self.target.key})
            return
        self._unanswered += 1
        if self.life.phase is Phase.STARTING:
            return
        if self.life.ready and self._unanswered >= UNREADY_AFTER:
            self._become(machine.became_unready(self.life, reason))
            log.warning("degraded", extra={"child": self.target.key, "reason": reason})

    # -- ends -------------------------------------------------------------------------------

    async def _end(self) -> None:
        """Asks it to end, and makes it if it does not."""
        started = self._started
        assert started is not None
        restart = self._restart
        self._become(machine.stops(self.life, time.time()))
        grace_s = restart[1] if restart is not None and restart[1] is not None else None
        started.living.signal(signal.SIGTERM)
        started.living.signal(signal.SIGCONT)  # one that is frozen could not act on it
        if not await self._gone_within(
            self.target.process.stop_grace_s if grace_s is None else grace_s
        ):
            log.warning("does not stop, is killed", extra={"child": self.target.key})
            started.living.signal(signal.SIGKILL)
            while not await self._gone_within(KILL_WAIT_S):
                log.error("cannot be killed", extra={"child": self.target.key})
        code = self._take_away(started)
        now = time.time()
        if self.wanted and restart is not None:
            reason, _, counted = restart
            self._become(machine.ended_for_restart(self.life, code, reason, now, counted=counted))
            log.info("ended to be restarted", extra={"child": self.target.key, "reason": reason})
        else:
            self._become(machine.stopped(self.life, code, now))
            log.info("stopped", extra={"child": self.target.key})
        self._surroundings.ended(self)

    async def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self._exited and time.monotonic() < deadline:
            await self._pause(deadline - time.monotonic())
        return self._exited

    async def _note_death(self) -> None:
        """It ended by itself."""
        started = self._started
        assert started is not None
        code = self._take_away(started)
        if not self.wanted:
            self._become(machine.stopped(self.life, code, time.time()))
            return
        last = logs.tail(self.log_path, bytes_max=damage.LOG_BYTES_MAX, since_byte=self._log_start)
        reason = (
            f"it {damage.how_it_ended(code)}: {damage.last_words(last) or 'its log says nothing'}"
        )
        self.life = machine.died(self.life, code, reason, time.time())
        log.warning("died", extra={"child": self.target.key, "reason": reason})
        sentence = damage.damage_in(last) if machine.looks_damaged(self.life) else None
        if sentence is not None and self.target.process.disposable:
            await self._wipe(sentence)
        self._become(self.life)
        self._surroundings.ended(self)

    async def _wipe(self, sentence: str) -> None:
        """Deletes the data that it cannot start from; it makes them again and is fed by others."""
        inside = Path(self.target.workload.directory)
        paths = [Path(name) for name in self.target.process.disposable]
        if any(inside not in path.parents or ".." in path.parts for path in paths):
            log.error("will not delete what lies elsewhere", extra={"child": self.target.key})
            return
        try:
            for path in paths:
                await asyncio.to_thread(delete, path)  # gigabytes, and the others need the loop
        except WindlassError as error:
            log.error("cannot wipe", extra={"child": self.target.key, "reason": str(error)})  # noqa: TRY400
            return
        reason = f"its data were damaged ({sentence}) and were deleted"
        self.life = machine.wiped(self.life, reason, time.time())
        log.error("wiped", extra={"child": self.target.key, "reason": reason})

    # -- plumbing ---------------------------------------------------------------------------

    def _hold(self, started: Started) -> None:
        self._started, self._exited, self._unanswered = started, False, 0
        # A pidfd becomes readable when its process ends, whoever started it: pidfd_open(2).
        asyncio.get_running_loop().add_reader(started.living.descriptor, self._on_exit, started)

    def _on_exit(self, started: Started) -> None:
        asyncio.get_running_loop().remove_reader(started.living.descriptor)
        if started is self._started:
            self._exited = True
            self.wake()

    def _take_away(self, started: Started) -> int | None:
        code = started.exit_code()
        self._let_go(started)
        self._started, self._exited = None, False
        self._restart = None
        return code

    def _let_go(self, started: Started) -> None:
        if started.living.descriptor >= 0:
            asyncio.get_running_loop().remove_reader(started.living.descriptor)
            started.living.release()

    def _become(self, life: Life) -> None:
        self.life = life
        self._surroundings.record(self.row())
        self._surroundings.changed()

    def row(self) -> ProcessRow:
        """What is known of it, for the state's database."""
        who = self._started.identity if self._started is not None else Identity(0, 0, "")
        return ProcessRow(
            network=self.target.workload.network,
            node=self.target.workload.name,
            process=self.target.process.name,
            pid=who.pid or None,
            started=who.started,
            boot=who.boot,
            digest=self.running_digest if who.pid else "",
            state=machine.reported(self.life),
            ready=self.life.ready,
            restarts=self.life.restarts,
            wipes=self.life.wipes,
            last_exit=self.life.last_exit,
            last_reason=self.life.last_reason,
            since=self.life.since,
        )
