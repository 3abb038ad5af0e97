"""The command as people call it, and one small network for all verbs that need one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.logs import register
from tests.support.network import Network, spec
from windlass.cli.main import run


class Told(NamedTuple):
    """What a command printed and the exit code it ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Told]:
    """Runs a command line in this process, in an empty folder, with nobody at the keyboard."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str) -> Told:
        code = run(list(arguments))
        return Told(code, *capsys.readouterr())

    return called


@pytest.fixture(scope="package")
def network(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    geth_binary: Path,
) -> Iterator[Network]:
    """A solo network without followers: everything that a verb can speak of, and little of it."""
    folder = tmp_path_factory.mktemp("solo")
    register(request.config, folder)
    text = spec("shore", consensus="solo", chain_id=20267, nodes=0, bootnodes=1)
    text += "        - {name: ada, balance: 5 ether}\n"
    running = Network(folder, text)
    try:
        running.up()
        yield running
    finally:
        running.close()


@pytest.fixture
def small(tmp_path: Path, geth_binary: Path) -> Iterator[Network]:
    """A network that is not started yet."""
    text = spec("brook", consensus="solo", chain_id=20269, nodes=0, bootnodes=1)
    network = Network(tmp_path, text)
    try:
        yield network
    finally:
        network.close()
