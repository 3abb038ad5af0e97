"""A scratch state with a supervisor, cleaned up whatever a test does to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtimes.local.harness import Bench


@pytest.fixture(autouse=True)
def _own_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the ports of the person's own networks."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg-state"))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A supervisor over hand-made workloads."""
    one = Bench(tmp_path / "state")
    yield one
    one.close()
