"""Finds the logs that a test's programs wrote and copies them to where a person will look."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest

LOG_BYTES_MAX = 8 << 20  # the tail is what explains a failure; a storm's geth writes far more
LOG_FILES_MAX = 200
LOG_PLACES: pytest.StashKey[set[Path]] = pytest.StashKey()


def register(config: pytest.Config, place: Path) -> None:
    """Names a folder, shared by several tests, whose logs are kept if one of them fails."""
    config.stash.setdefault(LOG_PLACES, set()).add(place)


def keep_logs(item: pytest.Item, to: Path) -> int:
    """Copies `*.log` below the test's own and the registered folders; returns how many."""
    places = item.config.stash.setdefault(LOG_PLACES, set()).copy()
    arguments = getattr(item, "funcargs", {})
    places |= {value for name, value in arguments.items() if name == "tmp_path"}
    logs = [
        (place, log) for place in sorted(places) if place.is_dir() for log in place.rglob("*.log")
    ]
    for place, log in logs[:LOG_FILES_MAX]:
        target = to / place.name / log.relative_to(place)
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy_tail(log, target)
    return min(len(logs), LOG_FILES_MAX)


def _copy_tail(source: Path, target: Path) -> None:
    # A database's own log may be gone meanwhile: what failed may still run.
    with contextlib.suppress(FileNotFoundError), source.open("rb") as reader:
        reader.seek(max(0, os.fstat(reader.fileno()).st_size - LOG_BYTES_MAX))
        with target.open("wb") as writer:
            shutil.copyfileobj(reader, writer)
