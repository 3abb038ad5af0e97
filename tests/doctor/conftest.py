"""Networks to make ill: one for each module, since every test leaves it well again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doctor.patient import Patient
from tests.support.logs import register
from tests.support.network import spec


@pytest.fixture(scope="module")
def patient(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Patient]:
    """A running network of 4 validators, a node and 2 bootnodes."""
    yield from _running(request, tmp_path_factory.mktemp("patient"), spec("ward"))


@pytest.fixture(scope="module")
def solo_patient(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Patient]:
    """A running network of a sealer and a node."""
    text = spec("cell", consensus="solo", bootnodes=1)
    yield from _running(request, tmp_path_factory.mktemp("solo-patient"), text)


def _running(request: pytest.FixtureRequest, folder: Path, text: str) -> Iterator[Patient]:
    register(request.config, folder)
    network = Patient(folder, text)
    try:
        network.up("--timeout", "170")
        yield network
    finally:
        network.close()
