"""Options that several verbs share, what they mean, and what a shell may complete them with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from windlass.kit.errors import UsageError, WindlassError
from windlass.runtimes.local.place import Place, locate
from windlass.runtimes.local.state import NetworkRow, State

F = TypeVar("F", bound=Callable[..., Any])
DAY_S = 86_400


class Seconds(click.FloatRange):
    """A time to wait, of at most a day: beyond that nobody waits, and a sum may overflow."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=1, max=DAY_S)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number. "nan" is less and more than nothing, so no range refuses it."""
        seconds = float(super().convert(value, param, ctx))
        if math.isnan(seconds):
            self.fail(f"{value!r} is not in the range 1<=x<={DAY_S}.", param, ctx)
        return seconds


def file_option(function: F) -> F:
    """`--file`: which spec is meant."""
    return click.option(
        "-f",
        "--file",
        "spec_file",
        metavar="FILE",
        type=click.Path(),
        help="The spec; by default windlass.yaml in this directory.",
    )(function)


def json_option(function: F) -> F:
    """`--json`: for machines."""
    return click.option("--json", "json_wanted", is_flag=True, help="Print JSON for machines.")(
        function
    )


def network_option(function: F) -> F:
    """`--network`: which of the spec's networks is meant."""
    return click.option(
        "--network",
        metavar="NAME",
        shell_complete=complete_networks,
        help="The network; needed where the spec has several.",
    )(function)


def network_filter_option(function: F) -> F:
    """`--network` for verbs that speak of all networks if none is named."""
    return click.option(
        "--network",
        metavar="NAME",
        shell_complete=complete_networks,
        help="Only this network.",
    )(function)


def node_argument(function: F) -> F:
    """`NODE`: a node's name, as `windlass status` shows it."""
    return click.argument("node", shell_complete=complete_nodes)(function)


def place_of(spec_file: str | None) -> Place:
    """Where the spec and its state lie."""
    return locate(spec_file)


def one_network(state: State, name: str | None) -> NetworkRow:
    """The network that is meant. Raises UsageError if several fit or none does."""
    networks = {row.name: row for row in state.networks()}
    known = ", ".join(networks)
    if name is not None:
        if name in networks:
            return networks[name]
        raise UsageError(f"There is no network {name!r}.", f"There is: {known}.")
    if len(networks) == 1:
        return next(iter(networks.values()))
    if not networks:
        raise WindlassError("There is no network yet.", "Start one with `windlass up`.")
    raise UsageError(f"There are several networks: {known}.", "Name one with --network.")


def complete_networks(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[Any]:
    """The networks of the state."""
    return _items(ctx, incomplete, lambda state: [row.name for row in state.networks()])


def complete_nodes(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[Any]:
    """The nodes of the state, of the network that was named already if one was."""
    network = ctx.params.get("network")
    return _items(
        ctx,
        incomplete,
        lambda state: [one.name for one in state.workloads() if network in (None, one.network)],
    )


def _items(
    ctx: click.Context, incomplete: str, names: Callable[[State], list[str]]
) -> list[CompletionItem]:
    try:
        with State.open(locate(ctx.params.get("spec_file")).state) as state:
            found = dict.fromkeys(names(state))
    except WindlassError:  # nothing runs, or nothing readable: then there is nothing to complete
        return []
    return [CompletionItem(name) for name in found if name.startswith(incomplete)]
