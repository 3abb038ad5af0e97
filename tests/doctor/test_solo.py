"""What can be wrong with a sealer, its clock and who follows it: done, found, and mended."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.doctor.patient import Patient
from tests.support.wait import until

pytestmark = pytest.mark.timeout(400)
BLOCKS_BEHIND = 8


def test_a_healthy_solo_network_has_no_findings(solo_patient: Patient) -> None:
    """What is well is called well."""
    solo_patient.is_well()
    assert solo_patient.examine() == {"schema": 1, "healthy": True, "findings": []}


@pytest.mark.parametrize("file_mended", [True, False], ids=["in-memory", "in-file"])
def test_wrong_jwt_of_a_follower(solo_patient: Patient, file_mended: bool) -> None:
    """A follower whose geth has another secret than the sealer is told as that, not as behind, and
    the next step mends it; the sealer goes on meanwhile."""
    secret = solo_patient.home("node-0") / "jwt.hex"
    right = secret.read_text()
    secret.write_text("ab" * 32)
    solo_patient.end("node-0", "geth")
    until(lambda: solo_patient.rpc("node-0").height() >= 0, "geth with the wrong secret answers")
    if file_mended:
        secret.write_text(right)
    found = solo_patient.finding("wrong-jwt", "node-0")
    assert found["severity"] == "error"
    assert found["sentence"] == "The geth of node-0 and the sealer have different JWT secrets."
    assert "signature" in found["evidence"]
    height = solo_patient.rpc("sealer").height()
    until(lambda: solo_patient.rpc("sealer").height() > height + BLOCKS_BEHIND, "blocks")
    assert [one["code"] for one in solo_patient.examine()["findings"]] == ["wrong-jwt"]
    if file_mended:
        assert "`windlass restart node-0`" in found["next_step"]
        solo_patient.run("restart", "node-0")
    else:
        assert f"{secret} is not what was written there" in found["evidence"]
        assert "`windlass up` writes the secret anew" in found["next_step"]
        solo_patient.up()
    solo_patient.is_well()


def test_geth_of_a_follower_down(solo_patient: Patient) -> None:
    """A follower's geth that does not answer is named, and holds up nobody."""
    pid = solo_patient.freeze("node-0", "geth")
    found = solo_patient.finding("geth-down", "node-0")
    assert found["severity"] == "error"
    assert f"The geth of node-0 is frozen: a signal has stopped process {pid}" in found["sentence"]
    assert f"kill -CONT {pid}" in found["next_step"]
    height = solo_patient.rpc("sealer").height()
    until(lambda: solo_patient.rpc("sealer").height() > height + 2, "blocks without the follower")
    solo_patient.thaw(pid)
    solo_patient.is_well()


def test_geth_of_a_follower_behind(solo_patient: Patient) -> None:
    """A follower that lost its blocks and is given none is behind, and it says by whom."""
    until(lambda: solo_patient.rpc("sealer").height() > BLOCKS_BEHIND, "some blocks")
    geth = solo_patient.pid("node-0", "geth")
    sealer = solo_patient.freeze("sealer", "sealer")
    assert solo_patient.kill(geth)
    shutil.rmtree(solo_patient.home("node-0") / "geth/geth", ignore_errors=True)
    found = solo_patient.finding("geth-behind", "node-0")
    assert found["severity"] == "error"
    assert "The geth of node-0 is" in found["sentence"]
    assert "blocks behind: the sealer gives it nothing" in found["sentence"]
    assert "it is at block 0" in found["evidence"]
    solo_patient.thaw(sealer)
    solo_patient.is_well()


def test_clock_of_a_sealer_far_ahead(solo_patient: Patient, clocks: Path) -> None:
    """A sealer that its geth refuses for its clock is told as that, and no secret is blamed."""
    clocks.write_text("sealer +90s\n")
    solo_patient.end("sealer", "sealer")
    found = solo_patient.finding("clock-skew", "sealer")
    assert found["severity"] == "error"
    assert "The clock of sealer's sealer is more than 60 s from geth's." in found["sentence"]
    assert "wrong-jwt" not in [one["code"] for one in solo_patient.examine()["findings"]]
    clocks.write_text("")
    solo_patient.end("sealer", "sealer")
    solo_patient.is_well()


def test_clock_of_a_sealer_ahead(solo_patient: Patient, clocks: Path) -> None:
    """With nobody to compare with, a sealer whose clock is some seconds ahead is found by the
    machine's; once it is right, the chain that it has left ahead of the time is, until it is not.
    """
    clocks.write_text("sealer +8s\n")
    solo_patient.end("sealer", "sealer")
    found = solo_patient.finding("clock-skew", "sealer")
    assert found["severity"] == "error"
    assert "s ahead of this machine's" in found["sentence"]
    assert "last_commit" in found["evidence"]
    clocks.write_text("")
    solo_patient.end("sealer", "sealer")
    left = solo_patient.finding("clock-skew")
    assert "s behind the chain of cell: until it has caught up" in left["sentence"]
    solo_patient.is_well()


def test_a_damaged_vault(solo_patient: Patient) -> None:
    """What runs goes on with a damaged key in the vault, and the doctor says that it could not be
    started again, with the file and what is wrong in it."""
    path = solo_patient.state / "vault/cell/identities.json"
    right = path.read_bytes()
    document = json.loads(right)
    document["identities"]["sealer"]["fee_key"] = "z" * 64
    path.write_text(json.dumps(document))
    found = solo_patient.finding("vault-unusable")
    assert found["severity"] == "error"
    assert found["network"] == "cell"
    assert f"{path} can't be used: fee_key is not 64 hex digits" in found["evidence"]
    assert "Put it back from a copy" in found["next_step"]
    for verb in (["accounts", "list"], ["up", "--detach"]):
        refused = solo_patient.run(*verb, check=False)
        assert refused.returncode == 1
        assert "can't be used" in refused.stderr
    path.write_bytes(right)
    solo_patient.is_well()


def test_a_secret_that_the_dashboard_refuses(solo_patient: Patient) -> None:
    """A node that reports with another secret than its own is told of; `up` mends its file."""
    file = solo_patient.home("node-0") / "geth.toml"
    right = file.read_text()
    file.write_text(re.sub(r'(URL = "node-0):[0-9a-f]{64}@', rf"\1:{'ab' * 32}@", right))
    assert file.read_text() != right
    solo_patient.end("node-0", "geth")
    found = solo_patient.finding("dashboard-secret-refused", "node-0")
    assert found["severity"] == "warning"
    assert "refuses the reports of node-0" in found["sentence"]
    assert f"{file} is not what was written there" in found["evidence"]
    assert "`windlass up`" in found["next_step"]
    solo_patient.up()
    assert file.read_text() == right
    solo_patient.is_well()


def test_a_gateway_without_a_node(solo_patient: Patient) -> None:
    """With every geth silent the gateway says that it can answer from none, and is back when one
    of them is."""
    pids = [solo_patient.freeze(name, "geth") for name in ("sealer", "node-0")]
    try:
        found = solo_patient.finding("gateway-without-node", "gateway")
        assert found["severity"] == "error"
        assert "none of its 2 nodes" in found["sentence"]
        assert "node-0: " in found["evidence"]
    finally:
        for pid in pids:
            solo_patient.thaw(pid)
    solo_patient.is_well()
