"""How much room a state took over time, so that somebody can tell when the disk will be full.

The supervisor adds a line now and then; a file and not the database, because it is no part of what
is wanted or what runs, and may be lost.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from windlass.kit.files import FileError, read_json, write_atomically
from windlass.runtimes.local.disk import used_bytes

FILE_NAME = "disk-usage.json"
SAMPLE_S = 600.0
"""Databases take room in steps of megabytes: more often says nothing more."""

SAMPLES_MAX = 1008
"""A week of them."""

BYTES_MAX = 1 << 20


class _Sample(msgspec.Struct, frozen=True, array_like=True):
    time: float
    used: int


def read(state: Path) -> tuple[tuple[float, int], ...]:
    """(Unix seconds, bytes) in the order of time; empty if nothing was recorded."""
    try:
        samples = read_json(state / FILE_NAME, list[_Sample], bytes_max=BYTES_MAX)
    except FileError:
        return ()
    return tuple((one.time, one.used) for one in samples)


def record(state: Path, now: float) -> None:
    """Adds what is used now, at most once in SAMPLE_S. Raises FileError if it can't be written.

    Samples from before a clock was set back, and those from before a purge, are dropped.
    """
    samples = [one for one in read(state) if one[0] < now]
    if samples and now - samples[-1][0] < SAMPLE_S:
        return
    kept = [*samples, (now, used_bytes(state))][-SAMPLES_MAX:]
    write_atomically(state / FILE_NAME, msgspec.json.encode(kept), secret=False)
