"""The table of everything that runs, and the addresses below it: on a terminal and in a pipe."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from windlass.cli.output import STATE_COLOURS, plain
from windlass.runtimes.local.status import NetworkStatus, NodeStatus, Status

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

GIVEN_UP = ("memory", "uptime", "role", "peers", "finalized")
"""What a narrow terminal goes without, first to last; which node it is, its state and its height
are always there."""

COMFORTABLE_COLUMNS = 96
"""On a terminal as narrow as the classic 80 columns the gaps shrink rather than the words."""


def status_table(status: Status, width: int) -> Table:
    """One line per node; why one is not healthy stands below the table (`reasons`)."""
    gap = 2 if width >= COMFORTABLE_COLUMNS else 1
    rows = [_cells(network, node) for network in status.networks for node in network.nodes]
    columns = _fitting(rows, width, gap, one_network=len(status.networks) == 1)
    table = plain_table(gap)
    for column in columns:
        table.add_column(column, justify="right" if column in RIGHT else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(row[column] for column in columns))
    return table


def _cells(network: NetworkStatus, node: NodeStatus) -> dict[str, str | Text]:
    return {
        "network": network.name,
        "node": node.name,
        "role": node.role,
        "state": Text(node.state, style=STATE_COLOURS[node.state]),
        "height": number(node.height),
        "finalized": number(node.finalized),
        "peers": number(node.peers),
        "memory": _memory(node),
        "uptime": duration(node.uptime_s),
    }


def _fitting(
    rows: list[dict[str, str | Text]], width: int, gap: int, *, one_network: bool
) -> list[str]:
    """The columns that there is room for: half a number would be read as another one."""
    columns = list(COLUMNS)
    needed = {
        column: max(len(column), *(len(row[column]) for row in rows), 0) for column in COLUMNS
    }
    # Which network it is can be told from the node's name only where there is one.
    order = ["network", *GIVEN_UP] if one_network else [*GIVEN_UP, "network"]
    for column in order:
        if sum(needed[one] + gap for one in columns) - gap <= width:
            break
        columns.remove(column)
    return columns


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


def number(value: int | None) -> str:
    """1234 → '1,234'; a dash for what is not known."""
    return "–" if value is None else f"{value:,}"


def _memory(node: NodeStatus) -> str:
    return "–" if node.rss_bytes is None else f"{node.rss_bytes / 2**20:,.0f} MiB"
