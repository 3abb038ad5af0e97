"""Whether there is room on the disk, now and at the rate at which the data grow.

How fast an idle network grows is known from the start; how fast this one does, only after hours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from windlass.doctor.evidence import Disk, Evidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import excerpt, facts, size
from windlass.runtimes.local.disk import DAY_S, Growth, growth
from windlass.runtimes.local.disk import FREE_BYTES_MIN as UP_BYTES_MIN

FREE_BYTES_MIN = 64 << 20
"""geth warns below that and stops by itself at half of it (twice its dirty cache of 16 MiB)."""

FREE_INODES_MIN = 1_000

SPAN_S_MIN = 6 * 3600.0
"""Growth over less time says nothing: in its first minutes a network took 120 MiB, which told of
16 GiB a day, because databases take their first room in steps of megabytes."""

DAYS_WARN = 14
"""Time enough to get a larger disk."""

DAYS_WARN_UNMEASURED = 2
"""For what is only known of idle networks in general: told where the room is plainly short."""

_NO_SPACE = re.compile(r"no space left|disk (?:is )?full|low disk space|disk quota", re.IGNORECASE)


def find(evidence: Evidence) -> Iterator[Finding]:
    """disk-full, else disk-full-soon."""
    disk = evidence.disk
    if disk is None:
        return
    inodes_short = disk.free_inodes is not None and disk.free_inodes < FREE_INODES_MIN
    if disk.free_bytes < FREE_BYTES_MIN or inodes_short:
        yield _full(evidence, disk, inodes_short=inodes_short)
    else:
        yield from _soon(evidence, disk)


def _full(evidence: Evidence, disk: Disk, *, inodes_short: bool) -> Finding:
    room = f"{size(disk.free_bytes)} of {size(disk.total_bytes)} free"
    if inodes_short:
        room += f" and room for {disk.free_inodes} more files"
    said = [
        f"{node.workload.key}'s {name} says: {excerpt(line)}"
        for network in evidence.networks
        for node in network.nodes
        for name, line in _lines(node.log_tails)
    ]
    return Finding(
        code="disk-full",
        severity="error",
        sentence=f"The disk under {disk.path} is full: it has {room}.",
        evidence=facts([f"statvfs of {disk.path}", f"Data here: {size(disk.used_bytes)}", *said]),
        next_step=f"Free at least {size(UP_BYTES_MIN)}; what stopped then starts by itself.",
    )


def _lines(tails: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, tail in tails.items():
        for line in reversed(tail.splitlines()):
            if _NO_SPACE.search(line):
                yield name, line
                break


def _soon(evidence: Evidence, disk: Disk) -> Iterator[Finding]:
    known = _known(evidence)
    points = [*disk.history, (evidence.now, disk.used_bytes)]
    (began, before), (ended, after) = points[0], points[-1]
    span_s = ended - began
    grown = after - before
    measured = span_s >= SPAN_S_MIN
    # What is kept once was written first of all: that part of the growth does not go on.
    lasting = grown - max(0, known.once_bytes - before)
    per_day = lasting / span_s * DAY_S if measured else 0.0
    if not measured or before < known.once_bytes:
        per_day = max(per_day, known.daily_bytes)
    if per_day <= 0:
        return
    left = disk.free_bytes - max(0, known.once_bytes - after)
    days = max(0.0, left / per_day)
    if days >= (DAYS_WARN if measured else DAYS_WARN_UNMEASURED):
        return
    when = f"about {days:.0f} days" if days >= 2 else f"about {days * 24:.0f} hours"
    if days * 24 < 1:
        when = "a few hours"
    yield Finding(
        code="disk-full-soon",
        severity="warning",
        sentence=f"The disk under {disk.path} is full in {when}.",
        evidence=facts(
            [
                f"Data here grew by {size(grown)} in {_span(span_s)}, {size(per_day)} a day go on"
                if measured
                else f"What runs here writes {size(per_day)} a day even if nobody uses it",
                f"besides it has yet to write {size(known.once_bytes - after)}, once"
                if after < known.once_bytes
                else "",
                f"{size(disk.free_bytes)} are free",
            ]
        ),
        next_step="Get more room: a larger disk, or another one named in WINDLASS_STATE.",
    )


def _known(evidence: Evidence) -> Growth:
    """How everything that should run grows if it is idle."""
    total = Growth()
    for network in evidence.networks:
        count = sum(node.wanted and node.has("geth") for node in network.nodes)
        total += growth(network.row.consensus, count, network.row.block_time_s)
    return total


def _span(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 2 * DAY_S else f"{seconds / DAY_S:.0f} days"
