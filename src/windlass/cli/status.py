"""`windlass status`: what runs, asked from the nodes themselves."""

from __future__ import annotations

import asyncio

import click

from windlass.cli.options import file_option, json_option, network_option, one_network, place_of
from windlass.cli.output import as_json, console, note
from windlass.runtimes.local import control
from windlass.runtimes.local.observe import observe
from windlass.runtimes.local.state import State


@click.command("status")
@file_option
@network_option
@json_option
def status_command(spec_file: str | None, network: str | None, json_wanted: bool) -> int:
    """Show what runs and how it is. Exit code 0 if everything is healthy, else 1.

    \b
    Examples:
      windlass status
      windlass status --json | jq .networks[0].height
    """
    with State.open(place_of(spec_file).state) as state:
        name = one_network(state, network).name if network else None
        status = asyncio.run(observe(state, name))
        if control.ping(state) is None and any(row.pid for row in state.processes()):
            note("warning: the supervisor is not running: nothing that dies is brought back.")
            note("  `windlass up` starts it again; it adopts what runs.")
    if json_wanted:
        as_json(status)
        return 0 if status.healthy else 1
    from windlass.cli.table import reasons, status_table

    out = console()
    out.print(status_table(status))
    for line in reasons(status):
        out.print(line, style="yellow", markup=False)
    for one in status.networks:
        out.print(
            f"{one.name}: RPC {one.endpoints.rpc}  WebSocket {one.endpoints.ws}", markup=False
        )
    return 0 if status.healthy else 1
