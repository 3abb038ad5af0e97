"""What can go wrong while a chain client is looked for, built or checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from windlass.kit.errors import WindlassError


class BinaryError(WindlassError):
    """A chain client can't be had."""

    code = "binary"


class UnknownProgramError(BinaryError):
    """There is no such program, or Windlass does not know how to run that version of it."""

    code = "unknown_program"
    exit_code = 2


class BuildError(BinaryError):
    """A step of a build failed; nothing was added to the cache or taken from it.

    `step` says what was being done, `tail` holds the last lines that the tool said.
    """

    code = "build_failed"

    def __init__(
        self, title: str, step: str, reason: str, tail: Sequence[str], next_step: str
    ) -> None:
        said = "".join(f"\n    {line}" for line in tail)
        shown = f" The last it said:{said}" if said else ""
        super().__init__(f"{title} could not be built: {step} failed: {reason}.{shown}", next_step)
        self.title, self.step, self.tail = title, step, tuple(tail)


class ToolchainError(BinaryError):
    """There is no Go that is new enough, and none could be installed."""

    code = "no_toolchain"


class DiskSpaceError(BinaryError):
    """The disk has no room for a build."""

    code = "disk_full"

    def __init__(self, place: Path, free_bytes: int, needed_bytes: int) -> None:
        super().__init__(
            f"A build needs {needed_bytes >> 20} MiB in {place}, which has {free_bytes >> 20} MiB "
            "free; most of it is freed again afterwards.",
            "Free some space, or name a cache on another disk in XDG_CACHE_HOME.",
        )
        self.place, self.free_bytes, self.needed_bytes = place, free_bytes, needed_bytes


class CacheError(BinaryError):
    """The cache directory can't be used."""

    code = "cache"
