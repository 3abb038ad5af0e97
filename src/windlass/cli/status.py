"""`windlass status`: what runs, asked from the nodes themselves."""

from __future__ import annotations

import asyncio

import click

from windlass.cli.options import (
    file_option,
    json_option,
    network_filter_option,
    one_network,
    place_of,
)
from windlass.cli.output import as_json, console, leaving_reader, warn
from windlass.runtimes.local import control
from windlass.runtimes.local.observe import observe
from windlass.runtimes.local.place import opened
from windlass.runtimes.local.status import NetworkStatus, Status, to_json_value


@click.command("status")
@file_option
@network_filter_option
@json_option
def status_command(spec_file: str | None, network: str | None, json_wanted: bool) -> int:
    """Show what runs and how it is.

    Every node is asked itself. Exit code 0 if everything is healthy, else 1.

    \b
    Examples:
      windlass status
      windlass status --json | jq .networks[0].height
    """
    with opened(place_of(spec_file)) as state:
        name = one_network(state, network).name if network else None
        status = asyncio.run(observe(state, name))
        watched = control.ping(state) is not None
        wanted = any(row.desired == "running" for row in state.processes())
    with leaving_reader():
        if json_wanted:
            as_json(to_json_value(status))
        else:
            _show(status)
    if not status.networks and not json_wanted:
        warn("No network was started here yet.", "Start the spec's with `windlass up`.")
    if not watched and (frozen := control.frozen(state)) is not None:
        warn(frozen.sentence, frozen.next_step)
    elif wanted and not watched:
        warn(
            "The supervisor is not running: nothing that dies is started again.",
            "`windlass up` starts it; it takes over what runs.",
        )
    return 0 if status.healthy else 1


def _show(status: Status) -> None:
    from windlass.cli.table import reasons, status_table

    out = console()
    out.print(status_table(status, out.width))
    out.print()
    for line in reasons(status):
        out.print(line, style="yellow", markup=False, soft_wrap=True)
    for network in status.networks:
        out.print(_where(network), markup=False, soft_wrap=True)


def _where(network: NetworkStatus) -> str:
    urls = network.endpoints
    named = (("RPC", urls.rpc), ("WebSocket", urls.ws), ("dashboard", urls.dashboard))
    found = [f"{name} {url}" for name, url in named if url]
    return f"{network.name}: chain id {network.chain_id}, {', '.join(found) or 'no RPC'}"
