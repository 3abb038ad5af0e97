"""Dashboards that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.dashboard import Dashboard

MakeDashboard = Callable[..., Dashboard]


@pytest.fixture
def make_dashboard(tmp_path: Path) -> Iterator[MakeDashboard]:
    """Starts dashboards that expect the named nodes."""
    made: list[Dashboard] = []

    def make(nodes: Sequence[str | dict[str, Any]] = ("a", "b", "c"), **settings: Any) -> Dashboard:
        made.append(Dashboard(tmp_path / f"dashboard-{len(made)}", nodes, **settings))
        return made[-1].start()

    yield make
    for one in made:
        one.close()
