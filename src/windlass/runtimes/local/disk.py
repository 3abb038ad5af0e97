"""Whether there is room for the networks, asked before anything is written.

A chain client whose disk fills up loses blocks or stops. A start that has no room at all is
refused; one that has room for less than a day is told so, because who only wants to look may well
begin. How fast an idle network grows is known; what its users add is not. Where the spec says what
a role needs, that counts, less what its data occupy already.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from windlass.runtimes.local.errors import NotEnoughDisk

FREE_BYTES_MIN = 512 << 20
"""Whatever the networks are: a sealer alone goes on for a day in it, a validator for hours only.
geth itself stops below 32 MiB."""

BLOCK_BYTES = {"bft": 9_200, "solo": 4_500}
"""What an idle node keeps of each block: at one a second 0.8 GB a day, as docs/benchmarks.md has
it, half of which is CometBFT's; a sealer and its followers keep 0.4 GB, as 320 blocks showed."""

CONSENSUS_LOG_BYTES = {"bft": 1 << 30, "solo": 0}
"""CometBFT keeps that much of what it has said and heard; an idle one gets there in 12 hours."""

DAY_S = 86_400

FREE_INODES_MIN = 10_000
"""A workload needs about a hundred files; a database under load makes some thousands more."""


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """How an idle network grows: by so much every day, and once by so much that it then keeps."""

    daily_bytes: int = 0
    once_bytes: int = 0

    def __add__(self, other: Growth) -> Growth:
        return Growth(
            daily_bytes=self.daily_bytes + other.daily_bytes,
            once_bytes=self.once_bytes + other.once_bytes,
        )


def growth(consensus: str, nodes: int, block_time_s: int) -> Growth:
    """Of a network of so many validators, sealers and nodes."""
    return Growth(
        daily_bytes=nodes * BLOCK_BYTES[consensus] * DAY_S // block_time_s,
        once_bytes=nodes * CONSENSUS_LOG_BYTES[consensus],
    )


def short_of_a_day(state: Path, known: Growth) -> str:
    """A sentence if that growth leaves no room within a day, else ''."""
    place = _existing(state)
    try:
        status = os.statvfs(place)
    except OSError:
        return ""  # `refuse_if_short` has looked at it just before
    free = status.f_bavail * status.f_frsize
    daily = known.daily_bytes + max(0, known.once_bytes - used_bytes(state))
    if free >= daily:
        return ""
    return (
        f"{place} has {_size(free)} free; these networks write {_size(daily)} in their next day, "
        "even if nobody uses them"
    )


def refuse_if_short(state: Path, asked_for: Iterable[tuple[Path, int]]) -> None:
    """Raises NotEnoughDisk, naming what is free and what is needed.

    `asked_for` are directories and the bytes that each of them may grow to.
    """
    place = _existing(state)
    try:
        status = os.statvfs(place)
    except OSError as error:
        raise NotEnoughDisk(f"The disk under {place} cannot be looked at: {error.strerror}.") from (
            error
        )
    free = status.f_bavail * status.f_frsize
    asked = sum(max(0, size - used_bytes(directory)) for directory, size in asked_for)
    needed, reason = max(
        (FREE_BYTES_MIN, "the least there is"),
        (asked, "the spec's resources ask for that"),
    )
    if free < needed:
        raise NotEnoughDisk(
            f"{place} has {_size(free)} free, the networks need {_size(needed)} ({reason}).",
            "Free some space, ask for less under `resources`, or name another disk in "
            "WINDLASS_STATE.",
        )
    if status.f_files and status.f_favail < FREE_INODES_MIN:
        raise NotEnoughDisk(
            f"{place} has room for {status.f_favail} more files, the networks need "
            f"{FREE_INODES_MIN}.",
            "Delete files that are no longer needed, or name another disk in WINDLASS_STATE.",
        )


def used_bytes(directory: Path) -> int:
    """What the files below occupy; files that vanish meanwhile count as nothing."""
    total = 0
    pending = [directory]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                else:
                    # Sparse and preallocated files: what counts is the blocks, 512 bytes each.
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
            except OSError:
                continue
    return total


def _existing(path: Path) -> Path:
    """The path, or the nearest directory above it that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 30 else f"{count >> 20} MiB"
