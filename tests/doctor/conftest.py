"""Networks to make ill: one for each module, since every test leaves it well again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor.clocks import windlass_with_clocks
from tests.doctor.patient import Patient
from tests.support.logs import register
from tests.support.network import WINDLASS, spec


@pytest.fixture(scope="module")
def patient(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Patient]:
    """A running network of 4 validators, a node and 2 bootnodes."""
    yield from _running(request, tmp_path_factory.mktemp("patient"), spec("ward"))


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of `NODE OFFSET` lines: the clocks that bridges and sealers live by from their next
    start on."""
    path = tmp_path_factory.mktemp("clocks") / "clocks.txt"
    path.write_text("")
    return path


@pytest.fixture(scope="module")
def solo_patient(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, clocks: Path
) -> Iterator[Patient]:
    """A running network of a sealer, which lives by its clock in `clocks`, and a node."""
    text = spec("cell", consensus="solo", nodes=1, bootnodes=1)
    folder = tmp_path_factory.mktemp("solo-patient")
    command = windlass_with_clocks(folder, clocks)
    yield from _running(request, folder / "net", text, command)


def _running(
    request: pytest.FixtureRequest, folder: Path, text: str, command: Path = WINDLASS
) -> Iterator[Patient]:
    register(request.config, folder)
    network = Patient(folder, text, windlass=command)
    try:
        network.up("--timeout", "170")
        yield network
    finally:
        network.close()
