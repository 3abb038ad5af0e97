"""The live table of `windlass up` in the foreground; Ctrl-C stops the networks in order.

While it draws, the signals are blocked and asked for between two pictures: so none can arrive in
the middle of something that must not be torn. Before and after, `Ending` holds them.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from windlass.cli.ending import Ending
from windlass.cli.output import complain, console, moves, note, say, silence
from windlass.cli.table import number, reasons, status_table
from windlass.cli.telling import Teller
from windlass.kit.errors import WindlassError
from windlass.runtimes.local import operations
from windlass.runtimes.local.errors import NoState
from windlass.runtimes.local.events import Event
from windlass.runtimes.local.observe import observe
from windlass.runtimes.local.place import Place
from windlass.runtimes.local.state import FILE_NAME, State
from windlass.runtimes.local.status import NetworkStatus, Status

if TYPE_CHECKING:
    from rich.console import Group

REFRESH_S = 1.0
PLAIN_REFRESH_S = 30.0
"""Where nobody looks, a line this often says that it still runs."""


def watch(place: Place, ending: Ending, *, before: Callable[[], None], down: str) -> int:
    """Shows how everything is until Ctrl-C, SIGTERM or the terminal's end, then stops it.

    `before` says what is to be said first, `down` is the command line that would stop it. `ending`
    must hold the signals. Ends by itself when another command has stopped everything. Returns the
    exit code.
    """
    try:
        before()
        say()
        with _blocked(ending), State.open(place.state) as state:
            ended = ending.forget()  # a signal that came before they were blocked
            if ended is None:
                show = _live if moves(sys.stdout) else _plain
                ended = show(place, state, ending)
    except BrokenPipeError:  # whoever read it has gone: nobody is in the foreground any more
        ended = signal.SIGHUP
    except Exception as error:  # noqa: BLE001 - whatever it is, what runs is not left to itself
        return _stop_after(error, place, ending, down)
    if ended == signal.SIGHUP:
        silence(sys.stdout)
        silence(sys.stderr)
    if ended is None:
        say("Stopped by another command.")
        return 0
    _stop(place, ending)
    return 0


def _stop(place: Place, ending: Ending) -> None:
    """Stops it in order. A further signal counts once the supervisor has begun: it needs us no
    more, while before that nothing would be stopped at all."""
    note("Stopping in order; Ctrl-C again leaves the rest to the supervisor.")
    with suppress(NoState), Teller("Stopping") as teller:

        def tell(event: Event) -> None:
            teller(event)
            ending.release()

        operations.down(place, purge=False, on_event=tell)
    say("Stopped. The data stays.")


def _stop_after(error: Exception, place: Place, ending: Ending, down: str) -> int:
    """Stops it in order because it can't be shown any more, or says that it runs on.

    Returns the exit code for what a person can act on, and raises everything else again.
    """
    refusal = error if isinstance(error, WindlassError) else None
    if isinstance(error, OSError) and error.filename is None:
        silence(sys.stdout)  # nothing can be written there, and that must not end the stopping
    try:
        if refusal is not None:
            complain(refusal.sentence, refusal.next_step)
        note("It can't be watched any more.")
    except OSError:
        silence(sys.stderr)
    try:
        _stop(place, ending)
    except WindlassError as second:
        complain(
            f"{second.sentence} So what was started runs on.",
            f"{second.next_step} Then `{down}` stops it.".strip(),
        )
        return 1
    if refusal is None:
        raise error
    return 1


@contextmanager
def _blocked(ending: Ending) -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ending.taken)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _live(place: Place, state: State, ending: Ending) -> int | None:
    """Draws until a signal comes, which is returned, or until all is stopped (None)."""
    from rich.live import Live

    status = now(state)
    with Live(_drawn(status), console=console(), auto_refresh=False) as live:
        while _runs(place, status):
            if (ended := _signal_within(ending, REFRESH_S)) is not None:
                return ended
            status = now(state)
            live.update(_drawn(status), refresh=True)
    return None


def _drawn(status: Status) -> Group:
    from rich.console import Group
    from rich.text import Text

    unwell = [Text(line, style="yellow") for line in reasons(status)]
    return Group(status_table(status, console().width), *unwell, Text("\nCtrl-C stops it.", "dim"))


def _plain(place: Place, state: State, ending: Ending) -> int | None:
    """The same where nothing can be drawn: a line per network and one per reason."""
    told = 0.0
    while _runs(place, status := now(state)):
        if time.monotonic() - told >= PLAIN_REFRESH_S:
            told = time.monotonic()
            for network in status.networks:
                say(heights(network))
            for line in reasons(status):
                say(line)
        if (ended := _signal_within(ending, REFRESH_S)) is not None:
            return ended
    return None


def heights(network: NetworkStatus) -> str:
    """How far a network is; where nobody can tell, why."""
    told = f"{network.name}: height {number(network.height)}, finalized {number(network.finalized)}"
    if network.height is not None:
        return told
    makers = "the sealer is not" if network.consensus == "solo" else "no validator is"
    return f"{told}: {makers} healthy"


def _runs(place: Place, status: Status) -> bool:
    """Whether another command has neither stopped nor purged everything."""
    states = {node.state for network in status.networks for node in network.nodes}
    return states != {"stopped"} and (place.state / FILE_NAME).exists()


def _signal_within(ending: Ending, seconds: float) -> int | None:
    found = signal.sigtimedwait(ending.taken, seconds)
    return None if found is None else found.si_signo


def now(state: State) -> Status:
    """How everything is at this moment."""
    return asyncio.run(observe(state))
