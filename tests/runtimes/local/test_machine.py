"""The life of a process as a pure machine."""

from __future__ import annotations

import pytest

from windlass.runtimes.local.supervisor import machine
from windlass.runtimes.local.supervisor.machine import Life, Phase


def deaths(count: int, life: Life | None = None) -> Life:
    """A process that died so often in a row before it was ready."""
    life = life or Life()
    for number in range(count):
        life = machine.died(machine.launched(life, number), 1, "x", number)
    return life


def test_life_of_a_good_process() -> None:
    """Waiting, starting, running, stopping, stopped, as the state names them."""
    life = machine.waits(Life(), 1)
    assert machine.reported(life) == "starting"
    life = machine.launched(life, 2)
    assert machine.reported(life) == "starting"
    life = machine.became_ready(life, 3)
    assert (machine.reported(life), life.ready, life.ready_since) == ("running", True, 3)
    life = machine.stopped(machine.stops(life, 4), 0, 5)
    assert (machine.reported(life), life.ready, life.restarts) == ("stopped", False, 0)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, 0), (1, 0.2), (2, 0.4), (3, 0.8), (6, 6.4), (7, 10), (8, 10), (1000, 10)],
)
def test_back_off_doubles_up_to_ten_seconds(count: int, expected: float) -> None:
    """0.2 s after the first death, twice as long after each further one, never over 10 s."""
    assert machine.back_off_s(count) == pytest.approx(expected)


def test_death_waits_for_its_back_off() -> None:
    """A dead process may be started again only after the back-off of its deaths."""
    life = deaths(3)
    assert life.phase is Phase.BACKING_OFF
    assert life.retry_at == pytest.approx(2 + 0.8)
    assert life.restarts == 3


def test_health_ends_the_row_of_deaths() -> None:
    """Half a minute of health makes the next death the first; less does not."""
    life = machine.became_ready(machine.launched(deaths(4), 100), 101)
    assert machine.died(life, 1, "x", 101 + machine.HEALTHY_AFTER_S - 1).deaths == 5
    assert machine.died(life, 1, "x", 101 + machine.HEALTHY_AFTER_S).deaths == 1


def test_failed_is_said_after_five_deaths_in_a_row() -> None:
    """A failure is called one while it is still tried again, until it is ready."""
    assert machine.reported(deaths(4)) == "backing_off"
    life = deaths(5)
    assert machine.reported(life) == "failed"
    assert machine.reported(machine.launched(life, 9)) == "failed"
    assert machine.reported(machine.became_ready(machine.launched(life, 9), 10)) == "running"


def test_only_deaths_before_ready_count_as_damage() -> None:
    """Data are suspected after three deaths before being ready; one success clears that."""
    assert not machine.looks_damaged(deaths(2))
    assert machine.looks_damaged(deaths(3))
    ready = machine.became_ready(machine.launched(deaths(3), 5), 6)
    assert not machine.looks_damaged(machine.died(ready, 1, "x", 7))


def test_wipe_gives_a_new_chance_at_once() -> None:
    """After its data were deleted a process starts without back-off, and the wipe is counted."""
    life = machine.wiped(deaths(3), "damaged", 50)
    assert (life.retry_at, life.deaths, life.wipes, life.restarts) == (50, 0, 1, 3)


def test_wanted_restart_has_no_back_off() -> None:
    """A restart that was asked for is no death, and is counted only where it heals something."""
    running = machine.became_ready(machine.launched(Life(), 1), 2)
    life = machine.ended_for_restart(running, 0, "asked", 3, counted=True)
    assert (life.retry_at, life.deaths, life.restarts) == (0, 0, 1)
    assert machine.ended_for_restart(running, 0, "asked", 3, counted=False).restarts == 0


def test_unready_process_still_runs() -> None:
    """A process that stops answering is degraded: it runs, is not ready, and says why."""
    running = machine.became_ready(machine.launched(Life(), 1), 2)
    life = machine.became_unready(running, "no answer")
    assert (machine.reported(life), life.ready, life.last_reason) == ("running", False, "no answer")
    again = machine.became_ready(life, 9)
    assert (again.ready, again.last_reason, again.ready_since) == (True, "", 2)


def test_reasons_are_bounded() -> None:
    """What a program said last never fills the state."""
    life = machine.died(Life(), 1, "x" * 100_000, 1)
    assert len(life.last_reason) == machine.REASON_CHARACTERS_MAX
