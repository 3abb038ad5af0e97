"""Options that several verbs share, and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from windlass.kit.errors import UsageError
from windlass.runtimes.local.place import Place, locate
from windlass.runtimes.local.state import NetworkRow, State

F = TypeVar("F", bound=Callable[..., Any])


def file_option(function: F) -> F:
    """`--file`: which spec is meant."""
    return click.option(
        "-f",
        "--file",
        "spec_file",
        metavar="FILE",
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
        "--network", metavar="NAME", help="The network; needed where the spec has several."
    )(function)


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
        raise UsageError("There is no network yet.", "Start one with `windlass up`.")
    raise UsageError(f"There are several networks: {known}.", "Name one with --network.")
