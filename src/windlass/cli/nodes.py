"""`windlass start|stop|restart|scale`: single nodes of what runs."""

from __future__ import annotations

import re

import click

from windlass.cli.options import (
    complete_networks,
    file_option,
    network_option,
    node_argument,
    place_of,
)
from windlass.cli.output import console, say
from windlass.cli.telling import Teller
from windlass.kit.errors import UsageError
from windlass.runtimes.local import operations


@click.command("start")
@node_argument
@file_option
@network_option
def start_command(node: str, spec_file: str | None, network: str | None) -> None:
    """Start a node that was stopped, and wait until it is ready.

    \b
    Example:
      windlass start validator-2
    """
    with Teller(f"Starting {node}") as teller:
        operations.start(place_of(spec_file), network, node, on_event=teller)
    say(f"{node} runs.")


@click.command("stop")
@node_argument
@file_option
@network_option
def stop_command(node: str, spec_file: str | None, network: str | None) -> None:
    """Stop a node; it stays stopped until `start` or `up`.

    Its programs end in order and its data stays.

    \b
    Example:
      windlass stop node-0 --network trade
    """
    with Teller(f"Stopping {node}") as teller:
        operations.stop(place_of(spec_file), network, node, on_event=teller)
    say(f"{node} is stopped.")


@click.command("restart")
@node_argument
@file_option
@network_option
def restart_command(node: str, spec_file: str | None, network: str | None) -> None:
    """Stop a node in order and start it again.

    \b
    Example:
      windlass restart validator-0
    """
    with Teller(f"Restarting {node}") as teller:
        operations.restart(place_of(spec_file), network, node, on_event=teller)
    say(f"{node} runs again.")


@click.command("scale")
@click.argument("network", shell_complete=complete_networks)
@click.argument("nodes", metavar="nodes=N")
@file_option
@click.option("--purge", is_flag=True, help="Delete the data of nodes that go.")
def scale_command(network: str, nodes: str, spec_file: str | None, purge: bool) -> None:
    """Run more or fewer nodes in a network.

    The number holds until the spec's own number changes. Data of nodes that go stays for when they
    come back, unless --purge.

    Like `up` it makes the whole spec true: what else was edited in the file since the last `up` is
    applied, too, and networks that are down are started. While anything runs, nodes that were
    stopped with `stop` stay so.

    \b
    Examples:
      windlass scale trade nodes=5
      windlass scale trade nodes=1 --purge
    """
    match = re.fullmatch(r"nodes=([0-9]{1,4})", nodes)
    if match is None:
        raise UsageError(
            f"{nodes!r} does not say what to scale.",
            "Write it like nodes=3; validators come and go with `windlass validator`.",
        )
    with Teller(f"Scaling {network}") as teller:
        status = operations.scale(
            place_of(spec_file),
            network,
            int(match.group(1)),
            purge,
            on_event=teller,
            progress=teller.built,
        )
    from windlass.cli.table import status_table

    out = console()
    out.print(status_table(status, out.width))
