"""Whether there is room on the disk, now and at the rate at which the data grow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from windlass.doctor.evidence import Disk, Evidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import excerpt, facts, size

FREE_BYTES_MIN = 64 << 20
"""geth warns below that and stops by itself at half of it (twice its dirty cache of 16 MiB)."""

FREE_INODES_MIN = 1_000

SPAN_S_MIN = 6 * 3600.0
"""Growth over less time says nothing: in its first minutes a network took 120 MiB, which told of
16 GiB a day, because databases take their first room in steps of megabytes."""

DAYS_WARN = 14
"""Time enough to get a larger disk."""

DAY_S = 86_400.0

_NO_SPACE = re.compile(r"no space left|disk (?:is )?full|low disk space|disk quota", re.IGNORECASE)


def find(evidence: Evidence, *, span_s_min: float = SPAN_S_MIN) -> Iterator[Finding]:
    """disk-full, else disk-full-soon. Growth is looked at from `span_s_min` seconds on."""
    disk = evidence.disk
    if disk is None:
        return
    inodes_short = disk.free_inodes is not None and disk.free_inodes < FREE_INODES_MIN
    if disk.free_bytes < FREE_BYTES_MIN or inodes_short:
        yield _full(evidence, disk, inodes_short=inodes_short)
    else:
        yield from _soon(evidence, disk, span_s_min)


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
        next_step=f"Free at least {size(FREE_BYTES_MIN * 8)}; what stopped then starts by itself.",
    )


def _lines(tails: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, tail in tails.items():
        for line in reversed(tail.splitlines()):
            if _NO_SPACE.search(line):
                yield name, line
                break


def _soon(evidence: Evidence, disk: Disk, span_s_min: float) -> Iterator[Finding]:
    points = [*disk.history, (evidence.now, disk.used_bytes)]
    (began, before), (ended, after) = points[0], points[-1]
    span_s = ended - began
    grown = after - before
    if span_s < span_s_min or grown <= 0:
        return
    per_day = grown / span_s * DAY_S
    days = disk.free_bytes / per_day
    if days >= DAYS_WARN:
        return
    when = f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
    yield Finding(
        code="disk-full-soon",
        severity="warning",
        sentence=f"The disk under {disk.path} is full in about {when}.",
        evidence=facts(
            [
                f"Data here grew by {size(grown)} in {_span(span_s)}, {size(per_day)} a day",
                f"{size(disk.free_bytes)} are free",
            ]
        ),
        next_step="Get more room: a larger disk, or another one named in WINDLASS_STATE.",
    )


def _span(seconds: float) -> str:
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 2 * DAY_S else f"{seconds / DAY_S:.0f} days"
