"""The table of everything that runs, and the addresses below it: on a terminal and in a pipe."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from windlass.cli.output import STATE_COLOURS, plain
from windlass.runtimes.local.status import NodeStatus, Status

COLUMNS = (
    "network",
    "node",
    "role",
    "state",
    "height",
    "finalized",
    "peers",
    "memory",
    "uptime",
)
RIGHT = {"height", "finalized", "peers", "memory", "uptime"}


COMFORTABLE_COLUMNS = 96
"""On a terminal as narrow as the classic 80 columns the gaps shrink rather than the words."""


def status_table(status: Status, width: int) -> Table:
    """One line per node; why one is not healthy stands below the table (`reasons`)."""
    table = plain_table(gap=2 if width >= COMFORTABLE_COLUMNS else 1)
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in RIGHT else "left", no_wrap=True)
    for network in status.networks:
        for node in network.nodes:
            table.add_row(
                network.name,
                node.name,
                node.role,
                Text(node.state, style=STATE_COLOURS[node.state]),
                _number(node.height),
                _number(node.finalized),
                _number(node.peers),
                _memory(node),
                duration(node.uptime_s),
            )
    return table


def plain_table(gap: int = 2) -> Table:
    """A table without lines, as all of ours are."""
    return Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))


def reasons(status: Status) -> list[str]:
    """A line for each node that is not healthy, and why."""
    return [
        plain(
            f"{network.name}/{node.name} is {node.state}{': ' if node.reason else ''}{node.reason}"
        )
        for network in status.networks
        for node in network.nodes
        if node.state != "healthy"
    ]


def duration(seconds: int | None) -> str:
    """90061 → '1d 1h'; the two largest units are enough."""
    if seconds is None:
        return "–"
    parts = [
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "m"),
        (seconds % 60, "s"),
    ]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return " ".join(f"{number}{unit}" for number, unit in parts[:2])


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _memory(node: NodeStatus) -> str:
    return "–" if node.rss_bytes is None else f"{node.rss_bytes / 2**20:,.0f} MiB"
