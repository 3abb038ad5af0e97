"""The figures of a run, and the page that is made of them.

Both lie in the repository: whoever measures one section again leaves the others as they were.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
KEPT = REPOSITORY / "docs" / "benchmarks.json"
PAGE = REPOSITORY / "docs" / "benchmarks.md"
ORDER = (
    "start",
    "steady",
    "latency",
    "throughput",
    "gateway",
    "dashboard",
    "faults",
    "storm",
    "command",
)
"""The sections as the page has them; `storm` is written by `make storm`."""


@dataclass
class Row:
    """One promise: what, the figure that is promised, the figure that was seen, how."""

    what: str
    promised: str
    seen: str
    how: str = ""


@dataclass
class Section:
    """A group of rows measured together, with the load of the machine before and after."""

    title: str
    rows: list[Row] = field(default_factory=list)
    date: str = ""
    load_before: float = 0.0
    load_after: float = 0.0

    def add(self, what: str, promised: str, seen: str, how: str = "") -> None:
        """Takes a row and prints it at once."""
        self.rows.append(Row(what, promised, seen, how))
        print(f"  {what}: {seen}  (promised: {promised or '-'}) {how}", flush=True)


def median(values: Sequence[float], unit: str = "s", digits: int = 2) -> str:
    """The median with the extremes behind it."""
    middle = f"{statistics.median(values):.{digits}f} {unit}"
    if len(values) == 1:
        return f"{middle} (once)"
    return f"{middle} ({min(values):.{digits}f}–{max(values):.{digits}f}, {len(values)} runs)"


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that this percentage of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def load_average() -> float:
    """Runnable processes over the last minute."""
    return round(os.getloadavg()[0], 2)


def now() -> str:
    """The date and minute, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def keep(name: str, section: Section) -> None:
    """Stores a section; others from earlier runs stay until they are measured again."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    kept[name] = asdict(section)
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps(kept, indent=1))


def write_page() -> None:
    """Writes docs/benchmarks.md from all kept sections."""
    kept = json.loads(KEPT.read_text())
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` and `make storm`. Medians of five runs with the",
        "extremes in brackets; what takes longer than two minutes is run once. The load average",
        "is that of the last minute before and after each group: on a busy machine read times as",
        "upper bounds, and compare ratios within one group.",
        "",
        f"Machine: {machine()}.",
        "",
    ]
    for name in ORDER:
        if name not in kept:
            continue
        section = kept[name]
        loads = f"{section['load_before']} before, {section['load_after']} after"
        lines += [
            f"## {section['title']}",
            "",
            f"{section['date']}; load average {loads}.",
            "",
            "| what | promised | measured | how |",
            "|---|---|---|---|",
        ]
        for row in section["rows"]:
            lines.append(f"| {row['what']} | {row['promised']} | {row['seen']} | {row['how']} |")
        lines.append("")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(lines).rstrip() + "\n")


def machine() -> str:
    """Processor, cores, memory, kernel, Python."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((ln.split(":")[1] for ln in info.splitlines() if ln.startswith("model name")), "?")
    total = Path("/proc/meminfo").read_text().split()[1]
    return (
        f"{os.cpu_count()} cores of {model.strip()}, {int(total) >> 20} GiB, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )
