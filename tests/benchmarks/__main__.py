"""Measures what the project promises: `python -m tests.benchmarks [SECTION …]`.

Every section makes its own network in a folder that is deleted afterwards. Named sections alone are
measured again, the others stay on the page as they were.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import (
    command,
    dashboard,
    faults,
    gateway,
    latency,
    report,
    start,
    steady,
    throughput,
)

SECTIONS: dict[str, tuple[str, Callable[[report.Section, Path], None]]] = {
    "start": ("From nothing on disk to blocks", start.measure),
    "steady": ("The default network at 1 s blocks", steady.measure),
    "latency": ("From submission to a final receipt", latency.measure),
    "throughput": ("Sustained transfers, beside a bare geth", throughput.measure),
    "gateway": ("The gateway, beside a geth asked directly", gateway.measure),
    "dashboard": ("The dashboard, with 500 nodes that report", dashboard.measure),
    "faults": ("Back after a fault", faults.measure),
    "command": ("The command line", command.measure),
}


def main(names: list[str]) -> int:
    """Runs the named sections, or all."""
    unknown = set(names) - set(SECTIONS)
    if unknown:
        print(f"No section {', '.join(sorted(unknown))}; there are: {', '.join(SECTIONS)}")
        return 2
    for name in names or SECTIONS:
        title, measure = SECTIONS[name]
        print(f"{title}:", flush=True)
        section = report.Section(title, date=report.now(), load_before=report.load_average())
        with tempfile.TemporaryDirectory(prefix=f"windlass-bench-{name}-") as folder:
            measure(section, Path(folder))
        section.load_after = report.load_average()
        report.keep(name, section)
        report.write_page()
    print(f"Written to {report.PAGE.relative_to(report.REPOSITORY)}")
    return 0


if __name__ == "__main__":
    # Asked to end, it stops its networks first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
