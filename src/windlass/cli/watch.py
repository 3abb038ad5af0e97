"""The live table of `windlass up` in the foreground; Ctrl-C stops the networks in order."""

from __future__ import annotations

import asyncio
import signal
import threading

from windlass.cli.output import console, is_terminal, note, say
from windlass.cli.table import reasons, status_table
from windlass.runtimes.local import operations
from windlass.runtimes.local.events import Event
from windlass.runtimes.local.observe import observe
from windlass.runtimes.local.place import Place
from windlass.runtimes.local.state import State
from windlass.runtimes.local.status import Status

REFRESH_S = 1.0
PLAIN_REFRESH_S = 30.0
"""Where nobody looks, a line this often says that it still runs."""


def watch(place: Place) -> int:
    """Shows how everything is until Ctrl-C or SIGTERM, then stops it. Returns the exit code."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with State.open(place.state) as state:
        if is_terminal():
            _live(state, ended)
        else:
            _plain(state, ended)
    # A second Ctrl-C ends the command at once; the supervisor goes on stopping.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    note("Stopping in order; Ctrl-C again to leave that to the supervisor.")
    operations.down(place, purge=False, on_event=_stopped)
    say("Stopped. The data stays.")
    return 0


def _live(state: State, ended: threading.Event) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    def drawn(status: Status) -> Group:
        unwell = [Text(line, style="yellow") for line in reasons(status)]
        return Group(status_table(status), *unwell, Text("Ctrl-C stops it.", style="dim"))

    with Live(drawn(_now(state)), console=console(), auto_refresh=False) as live:
        while not ended.wait(REFRESH_S):
            live.update(drawn(_now(state)), refresh=True)


def _plain(state: State, ended: threading.Event) -> None:
    while not ended.wait(PLAIN_REFRESH_S):
        status = _now(state)
        for network in status.networks:
            say(f"{network.name}: height {network.height}, finalized {network.finalized}")
        for line in reasons(status):
            say(line)


def _now(state: State) -> Status:
    return asyncio.run(observe(state))


def _stopped(event: Event) -> None:
    if event.kind == "stopped" and event.node:
        note(f"stopped {event.network}/{event.node} {event.process}")
