"""What can be lost of CometBFT's own data: done to a real network, found, and mended as told."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.doctor.patient import Patient
from tests.support.network import COMMAND_TIMEOUT_S, environment
from tests.support.wait import until

pytestmark = pytest.mark.timeout(400)
NAME = "priv_validator_state.json"


def test_signing_record_missing(patient: Patient) -> None:
    """`up` gives a validator no empty record, and the doctor one that begins where it has signed
    nothing: followed to the letter, its next step brings the validator back."""
    record = _data(patient, "validator-3") / NAME
    _lose(patient, "validator-3", record)
    found = patient.finding("signing-record-missing", "validator-3")
    assert found["severity"] == "error"
    assert "The record of what validator-3 has signed is gone" in found["sentence"]
    assert f"{record} is missing" in found["evidence"]
    assert "geth-behind" not in [one["code"] for one in patient.examine()["findings"]]
    refused = patient.run("up", "--detach", check=False)
    assert refused.returncode == 1
    assert f"{record} is missing" in refused.stderr
    found = patient.finding("signing-record-missing", "validator-3")
    begins = int(re.findall(r'"height":"(\d+)"', found["next_step"])[0])
    assert begins > patient.network()["height"]
    _follow(patient, found["next_step"])
    assert _height(record) >= begins
    patient.is_well()
    until(lambda: _height(record) > begins, "it votes again", timeout_s=60)


def test_a_record_that_cometbft_still_knows(patient: Patient) -> None:
    """As long as its CometBFT lives a lost record is a warning not to end it; then it is back."""
    record = _data(patient, "validator-2") / NAME
    pid = patient.freeze("validator-2", "cometbft")
    record.unlink()
    found = patient.finding("signing-record-missing", "validator-2")
    assert found["severity"] == "warning"
    assert "neither stop nor restart it" in found["next_step"]
    patient.thaw(pid)
    until(record.exists, "the record is written again")
    patient.is_well()


def test_consensus_data_lost(patient: Patient) -> None:
    """A validator whose CometBFT lost its blocks can't begin behind its bridge; the doctor's next
    step has both begin anew, and what it has signed stays known."""
    data = _data(patient, "validator-3")
    _lose(patient, "validator-3", *(path for path in data.iterdir() if path.name != NAME))
    found = patient.finding("consensus-data-lost", "validator-3")
    assert found["severity"] == "error"
    assert "CometBFT of validator-3 lacks heights that its bridge has" in found["sentence"]
    assert "AppHash does not match" in found["evidence"]
    assert "validator-0" in found["evidence"]
    assert "geth-behind" not in [one["code"] for one in patient.examine()["findings"]]
    signed = _height(data / NAME)
    _follow(patient, found["next_step"])
    assert _height(data / NAME) >= signed
    patient.is_well()


def test_older_consensus_data(patient: Patient) -> None:
    """Blocks put back from before the bridge's last ones are found, and mended, the same way."""
    data = _data(patient, "validator-3")
    patient.run("stop", "validator-3")
    older = patient.folder / "older"
    shutil.copytree(data, older)
    patient.run("start", "validator-3")
    height = patient.network()["height"]
    until(lambda: patient.node("validator-3")["height"] > height + 5, "it has later blocks")
    patient.run("stop", "validator-3")
    for path in older.iterdir():
        if path.name != NAME:
            shutil.rmtree(data / path.name)
            shutil.copytree(path, data / path.name)
    patient.run("start", "validator-3", check=False)
    found = patient.finding("consensus-data-lost", "validator-3")
    assert "is higher than core" in found["evidence"]
    _follow(patient, found["next_step"])
    patient.is_well()


@pytest.mark.parametrize("node", ["validator-3", "node-0"])
def test_all_that_cometbft_had_is_lost(patient: Patient, node: str) -> None:
    """With record and blocks gone the next step mends both at once."""
    _lose(patient, node, _data(patient, node))
    found = patient.finding("signing-record-missing", node)
    assert "so are the databases beside it" in found["evidence"]
    _follow(patient, found["next_step"])
    patient.is_well()


def test_a_living_nodes_lost_record(patient: Patient) -> None:
    """A node never votes, so it is not told to wait for its next vote: `up` writes the file."""
    record = _data(patient, "node-0") / NAME
    record.unlink()
    found = patient.finding("signing-record-missing", "node-0")
    assert "next vote" not in found["sentence"]
    _follow(patient, found["next_step"])
    assert record.exists()
    patient.is_well()


def test_a_lost_record_of_a_network_that_is_down(patient: Patient) -> None:
    """While nothing runs the doctor says why `up` will refuse, and how to make the others run;
    then it knows a record."""
    record = _data(patient, "validator-3") / NAME
    patient.run("down")
    record.unlink()
    told = [one["code"] for one in patient.examine()["findings"]]
    assert told == ["not-running", "signing-record-missing"]
    refused = patient.run("up", "--detach", check=False)
    assert "`windlass doctor`" in refused.stderr
    next_step = patient.finding("signing-record-missing", "validator-3")["next_step"]
    start, _, purge = next_step.partition("`windlass doctor` again")
    assert "`windlass down --purge`" in purge
    _follow(patient, start)
    until(
        lambda: "echo" in patient.finding("signing-record-missing", "validator-3")["next_step"],
        "the others make blocks",
        timeout_s=60,
    )
    _follow(patient, patient.finding("signing-record-missing", "validator-3")["next_step"])
    patient.up()
    patient.is_well()


def _data(patient: Patient, node: str) -> Path:
    return patient.home(node) / "cometbft/data"


def _height(record: Path) -> int:
    return int(json.loads(record.read_text())["height"])


def _lose(patient: Patient, node: str, *paths: Path) -> None:
    """Deletes data of a CometBFT that can't write them again, and lets it be started anew."""
    pid = patient.freeze(node, "cometbft")
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert patient.kill(pid, signal.SIGKILL)


def _follow(patient: Patient, next_step: str) -> None:
    """Types every command of a next step as it stands, only that `up` returns when all is well."""
    variables = environment()
    variables["PATH"] = f"{patient.windlass.parent}{os.pathsep}{variables['PATH']}"
    for command in re.findall("`([^`]+)`", next_step):
        subprocess.run(
            ["sh", "-c", f"{command} --detach" if command == "windlass up" else command],
            cwd=patient.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            check=True,
            timeout=COMMAND_TIMEOUT_S,
        )
