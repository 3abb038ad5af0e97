"""Whether there is room for the networks, asked before anything is written.

A chain client whose disk fills up loses blocks or stops, so a start that is bound to end that way
is refused. Where the spec says what a role needs, that counts, less what its data occupy already.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from windlass.runtimes.local.errors import NotEnoughDisk

FREE_BYTES_MIN = 512 << 20
"""Room for a day of an idle default network and its logs; geth itself stops below 32 MiB."""

FREE_INODES_MIN = 10_000
"""A workload needs about a hundred files; a database under load makes some thousands more."""


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
    needed = max(FREE_BYTES_MIN, asked)
    if free < needed:
        reason = (
            "the spec's resources ask for that" if asked > FREE_BYTES_MIN else "the least there is"
        )
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
