"""The life of one supervised process as pure transitions: no clock, no process, no waiting.

    stopped ─wait→ waiting ─launch→ starting ─ready→ running
       ↑              ↑                 │               │ unready: still running, degraded
       │              └── backing off ←─┴──── death ────┘
       └───────────────── stopping ← asked to stop or to restart

Every function takes the life so far and the time, and returns the life from then on.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from windlass.runtimes.local.state import Running

BACK_OFF_FIRST_S = 0.2
BACK_OFF_MAX_S = 10.0
HEALTHY_AFTER_S = 30.0
"""A process that was ready for that long has recovered: its next death counts as the first."""

FAILED_AFTER_DEATHS = 5
"""So many deaths in a row are called a failure (after some 6 s); it is still tried again."""

DAMAGED_AFTER_DEATHS = 3
"""So many deaths before being ready are needed to suspect the program's data."""

REASON_CHARACTERS_MAX = 500


class Phase(StrEnum):
    """Where in its life a process is."""

    STOPPED = "stopped"
    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    BACKING_OFF = "backing_off"


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One process's past, as far as it decides its future. Times are Unix seconds.

    `deaths` are those in a row without a healthy half minute between them, `unready_deaths` those
    in a row that came before it was ready.
    """

    phase: Phase = Phase.STOPPED
    since: float = 0.0
    ready_since: float | None = None
    ready: bool = False
    retry_at: float = 0.0
    restarts: int = 0
    wipes: int = 0
    deaths: int = 0
    unready_deaths: int = 0
    last_exit: int | None = None
    last_reason: str = ""


def waits(life: Life, now: float) -> Life:
    """It is wanted, but its turn has not come."""
    return _enter(life, Phase.WAITING, now)


def launched(life: Life, now: float) -> Life:
    """It runs, ready or not."""
    return _enter(life, Phase.STARTING, now, ready_since=None, ready=False)


def became_ready(life: Life, now: float) -> Life:
    """Its probe answers."""
    ready_since = life.ready_since or now
    if life.phase is Phase.RUNNING:
        return msgspec.structs.replace(life, ready=True, ready_since=ready_since, last_reason="")
    return _enter(
        life, Phase.RUNNING, now, ready=True, ready_since=ready_since, unready_deaths=0,
        last_reason="",
    )  # fmt: skip


def became_unready(life: Life, reason: str) -> Life:
    """It runs, but its probe does not answer any more: that is degraded, and no reason to kill."""
    return msgspec.structs.replace(life, ready=False, last_reason=_cut(reason))


def missed_death(life: Life) -> Life:
    """It died while no supervisor was there to see it, and is started again."""
    return msgspec.structs.replace(life, restarts=life.restarts + 1)


def could_not_start(life: Life, reason: str, now: float) -> Life:
    """The system refused to start it at all."""
    return _died(life, None, reason, now)


def stops(life: Life, now: float) -> Life:
    """It was asked to end."""
    return _enter(life, Phase.STOPPING, now, ready=False)


def stopped(life: Life, exit_code: int | None, now: float) -> Life:
    """It ended because that is wanted; a fresh start has nothing to atone for."""
    return _enter(
        life, Phase.STOPPED, now, ready=False, ready_since=None, deaths=0, unready_deaths=0,
        retry_at=0.0, last_exit=exit_code, last_reason="",
    )  # fmt: skip


def ended_for_restart(
    life: Life, exit_code: int | None, reason: str, now: float, *, counted: bool
) -> Life:
    """It ended because it was asked to start anew: at once, without back-off."""
    return _enter(
        life, Phase.WAITING, now, ready=False, ready_since=None, retry_at=0.0,
        restarts=life.restarts + counted, last_exit=exit_code, last_reason=_cut(reason),
    )  # fmt: skip


def died(life: Life, exit_code: int | None, reason: str, now: float) -> Life:
    """It ended by itself: it is started again, later each time."""
    recovered = life.ready_since is not None and now - life.ready_since >= HEALTHY_AFTER_S
    if recovered:
        life = msgspec.structs.replace(life, deaths=0)
    return _died(life, exit_code, reason, now)


def looks_damaged(life: Life) -> bool:
    """Whether it died often enough before being ready for its data to be suspected."""
    return life.unready_deaths >= DAMAGED_AFTER_DEATHS


def wiped(life: Life, reason: str, now: float) -> Life:
    """Its disposable data were deleted: it gets a new chance at once."""
    return msgspec.structs.replace(
        life, deaths=0, unready_deaths=0, retry_at=now, wipes=life.wipes + 1,
        last_reason=_cut(reason),
    )  # fmt: skip


def back_off_s(deaths: int) -> float:
    """How long to wait after so many deaths in a row: 0.2 s, doubling, at most 10 s."""
    if deaths < 1:
        return 0.0
    return float(min(BACK_OFF_MAX_S, BACK_OFF_FIRST_S * 2 ** min(deaths - 1, 16)))


def reported(life: Life) -> Running:
    """The phase in the words of the state's database."""
    if life.deaths >= FAILED_AFTER_DEATHS and not life.ready:
        return "failed"
    if life.phase in (Phase.WAITING, Phase.STARTING):
        return "starting"
    if life.phase is Phase.BACKING_OFF:
        return "backing_off"
    if life.phase is Phase.STOPPED:
        return "stopped"
    return "running"


def _died(life: Life, exit_code: int | None, reason: str, now: float) -> Life:
    deaths = life.deaths + 1
    unready_deaths = life.unready_deaths + 1 if life.ready_since is None else 0
    return _enter(
        life, Phase.BACKING_OFF, now, ready=False, ready_since=None, deaths=deaths,
        unready_deaths=unready_deaths, restarts=life.restarts + 1, last_exit=exit_code,
        last_reason=_cut(reason), retry_at=now + back_off_s(deaths),
    )  # fmt: skip


def _enter(life: Life, phase: Phase, now: float, **changes: object) -> Life:
    return msgspec.structs.replace(life, phase=phase, since=now, **changes)


def _cut(reason: str) -> str:
    if len(reason) <= REASON_CHARACTERS_MAX:
        return reason
    return reason[: REASON_CHARACTERS_MAX - 1] + "…"
