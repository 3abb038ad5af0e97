"""How networks grow by themselves, and what that asks of a disk."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from windlass.runtimes.local import disk
from windlass.runtimes.local.disk import Growth, growth

BENCHMARKS = Path(__file__).parents[3] / "docs/benchmarks.md"


def test_growth_is_that_of_the_benchmarks() -> None:
    """A node of an idle default network keeps as much a day as was measured, give or take what two
    measurements differ by."""
    found = re.search(r"disk per day, idle, per node \| +\| ([\d.]+) GB", BENCHMARKS.read_text())
    assert found is not None

    daily = growth("bft", 1, 1).daily_bytes

    assert daily == pytest.approx(float(found.group(1)) * 1e9, rel=0.3)


def test_growth_goes_with_blocks_and_nodes() -> None:
    """Twice the nodes keep twice as much, blocks that are half as frequent half of it, and a
    network without CometBFT less."""
    one = growth("bft", 1, 1)

    assert growth("bft", 2, 1) == one + one
    assert growth("bft", 1, 2).daily_bytes == one.daily_bytes // 2
    assert growth("solo", 1, 1).daily_bytes < one.daily_bytes
    assert growth("solo", 1, 1).once_bytes == 0


def test_less_than_a_day_of_growth_is_told(tmp_path: Path) -> None:
    """A network that would fill the disk within a day is told so with both sizes, no other."""
    status = os.statvfs(tmp_path)
    free = status.f_bavail * status.f_frsize

    assert not disk.short_of_a_day(tmp_path, Growth(daily_bytes=free // 2, once_bytes=free // 4))
    told = disk.short_of_a_day(tmp_path, Growth(daily_bytes=free // 2, once_bytes=free))
    assert re.search(r"has [\d.]+ GiB free; .* write [\d.]+ GiB in their next day", told)


def test_what_was_written_once_is_not_counted_again(tmp_path: Path) -> None:
    """A network whose logs have their size already needs room for what is new alone."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    with (old / "log").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, 512 << 20)
    status = os.statvfs(tmp_path)
    more_than_free = Growth(once_bytes=status.f_bavail * status.f_frsize + (256 << 20))

    assert not disk.short_of_a_day(old, more_than_free)
    assert disk.short_of_a_day(new, more_than_free)
