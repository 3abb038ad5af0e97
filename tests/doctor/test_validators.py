"""What can be wrong with validators: each thing is done to a real network, found, and mended."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from tests.doctor.patient import Patient
from tests.support.wait import until

pytestmark = pytest.mark.timeout(400)


def test_a_healthy_network_has_no_findings(patient: Patient) -> None:
    """What is well is called well, with exit code 0."""
    patient.is_well()
    assert patient.examine() == {"schema": 1, "healthy": True, "findings": []}
    assert patient.run("doctor").stdout == "Nothing is wrong.\n"


def test_quorum_short(patient: Patient) -> None:
    """With two of four validators stopped it says how many are there, and which to start."""
    patient.run("stop", "validator-2")
    patient.run("stop", "validator-3")
    found = patient.finding("quorum-short")
    assert found["severity"] == "error"
    assert "Only 2 of ward's 4 validators take part, and 3 are needed" in found["sentence"]
    assert "validator-2: stopped on purpose" in found["evidence"]
    assert "`windlass start validator-2`" in found["next_step"]
    told = [one["code"] for one in patient.examine()["findings"]]
    assert told.index("not-running") < told.index("quorum-short"), "the root comes first"
    patient.run("start", "validator-2")
    patient.run("start", "validator-3")
    patient.is_well()


def test_quorum_short_because_of_frozen_validators(patient: Patient) -> None:
    """Validators that run and do nothing are as good as absent: their names are in the evidence."""
    frozen = [patient.freeze(f"validator-{number}", "cometbft") for number in (0, 1)]
    found = patient.finding("quorum-short")
    assert "validator-0: its cometbft is frozen" in found["evidence"]
    for pid in frozen:
        patient.thaw(pid)
    patient.is_well()


def test_geth_down(patient: Patient) -> None:
    """A geth that does not answer is named, with its process and why; the rest goes on."""
    pid = patient.freeze("validator-1", "geth")
    found = patient.finding("geth-down", "validator-1")
    assert found["severity"] == "error"
    assert f"is frozen: a signal has stopped process {pid}" in found["sentence"]
    assert f"kill -CONT {pid}" in found["next_step"]
    patient.thaw(pid)
    patient.is_well()


def test_geth_behind(patient: Patient) -> None:
    """A geth that gets no blocks is behind, and the finding says who should have given them."""
    pid = patient.freeze("node-0", "cometbft")
    found = patient.finding("geth-behind", "node-0")
    assert found["severity"] == "error"
    assert "blocks behind: its cometbft gives it nothing" in found["sentence"]
    patient.thaw(pid)
    patient.is_well()


def test_wrong_jwt(patient: Patient) -> None:
    """A geth with another secret than its bridge is found, and its next step mends it."""
    secret = patient.home("validator-3") / "jwt.hex"
    right = secret.read_text()
    secret.write_text("ab" * 32)
    patient.end("validator-3", "geth")
    until(lambda: patient.rpc("validator-3").height() >= 0, "geth with the wrong secret answers")
    secret.write_text(right)
    found = patient.finding("wrong-jwt", "validator-3")
    assert found["sentence"] == "The geth of validator-3 and its bridge have different JWT secrets."
    assert "signature" in found["evidence"]
    assert "`windlass restart validator-3`" in found["next_step"]
    patient.run("restart", "validator-3")
    patient.is_well()


def test_key_validator_set_mismatch(patient: Patient) -> None:
    """A validator with somebody else's key is found by its address, and its next step mends it."""
    own = patient.home("validator-3") / "cometbft/config/priv_validator_key.json"
    shutil.copyfile(patient.home("node-0") / "cometbft/config/priv_validator_key.json", own)
    patient.end("validator-3", "cometbft")
    found = patient.finding("key-validator-set-mismatch", "validator-3")
    assert found["severity"] == "error"
    assert "its votes do not count" in found["sentence"]
    assert "/validators does not list it" in found["evidence"]
    assert str(own) in found["evidence"]
    patient.up()
    patient.is_well()


def test_a_nodes_key_that_is_a_validators(patient: Patient) -> None:
    """Two programs that sign with one key are found before they sign two blocks of one height."""
    own = patient.home("node-0") / "cometbft/config/priv_validator_key.json"
    patient.run("stop", "validator-3")
    shutil.copyfile(patient.home("validator-3") / "cometbft/config/priv_validator_key.json", own)
    patient.end("node-0", "cometbft")
    found = patient.finding("key-validator-set-mismatch", "node-0")
    assert "signs with the key of validator-3" in found["sentence"]
    patient.run("stop", "node-0")
    patient.up()
    patient.is_well()


def test_supervisor_down(patient: Patient) -> None:
    """Without its supervisor the network is healthy, with a warning; `up` brings it back."""
    supervisor = [pid for pid in patient.pids() if _is_supervisor(pid)]
    assert len(supervisor) == 1
    assert patient.kill(supervisor[0], signal.SIGKILL)
    found = patient.finding("supervisor-down")
    assert found["severity"] == "warning"
    assert patient.examine()["healthy"] is True
    patient.up()
    patient.is_well()


def test_not_running(patient: Patient) -> None:
    """A network that was stopped is told as that, and as nothing else."""
    patient.run("down")
    report = patient.examine()
    assert [one["code"] for one in report["findings"]] == ["not-running"]
    assert report["findings"][0]["severity"] == "error"
    assert "Nothing of ward runs" in report["findings"][0]["sentence"]
    patient.up()
    patient.is_well()


def test_no_first_block(patient: Patient) -> None:
    """Validators that do not reach one another never begin: that, and why, is said."""
    validators = [f"validator-{number}" for number in range(4)]
    patient.run("down")
    for name in (*validators, "node-0"):
        home = patient.home(name)
        shutil.rmtree(home / "geth")
        shutil.rmtree(home / "cometbft/data")
        for path in home.glob("bridge.sqlite*"):
            path.unlink()
    for path in patient.home("gateway").glob("gateway.sqlite*"):
        path.unlink()  # it remembers how far the chain was that is no more
    for name in validators:
        (patient.home(name) / "cometbft/data").mkdir()
        _write_first_state(patient.home(name))
        config = patient.home(name) / "cometbft/config/config.toml"
        lines = config.read_text().splitlines()
        alone = [ln if "persistent_peers =" not in ln else 'persistent_peers = ""' for ln in lines]
        config.write_text("\n".join(alone))
    for name in validators:
        patient.run("start", name)
    found = patient.finding("no-first-block")
    assert found["severity"] == "error"
    assert "ward has no first block" in found["sentence"]
    assert "its validators do not reach one another" in found["sentence"]
    assert "CometBFT has 0 peers" in found["evidence"]
    patient.up()
    patient.is_well()


def test_nothing_was_ever_started(tmp_path: Path) -> None:
    """Before the first `up` the doctor says so, as a finding and with exit code 1."""
    fresh = Patient(tmp_path / "fresh", "schema: 1\n")
    report = fresh.examine()
    assert [one["code"] for one in report["findings"]] == ["not-running"]
    assert "windlass up" in report["findings"][0]["next_step"]
    assert not fresh.state.exists()


def _is_supervisor(pid: int) -> bool:
    return b"supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()


def _write_first_state(home: Path) -> None:
    """CometBFT's memory of its signatures, as it is before the first one."""
    path = home / "cometbft/data/priv_validator_state.json"
    path.write_text('{"height": "0", "round": 0, "step": 0}')
    path.chmod(0o600)
