"""What can be wrong with a node that follows: each thing is done for real, found, and mended."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.doctor.patient import Patient
from tests.support.wait import until

Changer = Callable[[dict[str, Any]], None]
pytestmark = pytest.mark.timeout(400)


def test_genesis_mismatch(patient: Patient) -> None:
    """A node of another block 0 is found by its hash, and its next step mends it."""
    _give_other_genesis(patient, lambda genesis: genesis.update(extraData="0x77"))
    found = patient.finding("genesis-mismatch", "node-0")
    assert found["severity"] == "error"
    assert found["sentence"] == "node-0 has another genesis than ward."
    assert "block 0" in found["evidence"]
    assert "genesis.json is not what was written there" in found["evidence"]
    _mend_genesis(patient, found["next_step"])


def test_chain_id_mismatch(patient: Patient) -> None:
    """A chain id that differs, which no block hash shows, is found and mended."""
    _give_other_genesis(patient, lambda genesis: genesis["config"].update(chainId=777))
    found = patient.finding("chain-id-mismatch", "node-0")
    assert found["severity"] == "error"
    assert "has the chain id 777, the network's is 20261" in found["sentence"]
    _mend_genesis(patient, found["next_step"])


def test_port_taken(patient: Patient) -> None:
    """Whoever sits on a node's port is named; when it has gone the node starts by itself."""
    patient.run("stop", "node-0")
    number = int(patient.node("node-0")["rpc"].rpartition(":")[2])
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", number))
        squatter.listen()
        failed = patient.run("start", "node-0", check=False)
        assert failed.returncode == 1
        found = patient.finding("port-taken", "node-0")
        assert found["severity"] == "error"
        assert f"Port {number} of node-0 (rpc) is taken by process" in found["sentence"]
        assert "geth-down" not in [one["code"] for one in patient.examine()["findings"]]
    patient.is_well()


def test_stale_bootnode(patient: Patient) -> None:
    """A bootnode that is gone is told of the registrar that lists it and the geth that uses it."""
    patient.run("stop", "bootnode-1")
    listed = patient.finding("stale-bootnode", "registrar")
    assert listed["severity"] == "warning"
    assert "gets no answer from bootnode-1" in listed["sentence"]
    used = patient.finding("stale-bootnode", "node-0")
    assert "boots from bootnode-1, which does not answer" in used["sentence"]
    patient.run("start", "bootnode-1")
    patient.is_well()


def test_wrong_bootnode(patient: Patient) -> None:
    """A bootnode under a key that is not the network's is found wherever its enode went."""
    key = patient.home("bootnode-1") / "node.key"
    key.write_text(secrets.token_hex(32))
    patient.end("bootnode-1", "bootnode")
    found = patient.finding("wrong-bootnode", "bootnode-1")
    assert found["severity"] == "error"
    assert "bootnode-1 has another key than the network's" in found["sentence"]
    listed = patient.finding("wrong-bootnode", "registrar")
    assert "none of ward's bootnodes" in listed["sentence"]
    patient.end("node-0", "geth")
    used = patient.finding("wrong-bootnode", "node-0")
    assert "The geth of node-0 boots from enode://" in used["sentence"]
    patient.up()
    until(
        lambda: patient.finding("wrong-bootnode", "node-0") and len(_codes(patient)) == 1,
        "the registrar has forgotten the wrong enode",
    )
    patient.run("restart", "node-0")
    patient.is_well()


def test_what_no_cause_explains_is_told(patient: Patient) -> None:
    """A registrar that hangs fits no cause, and yet the doctor does not call that healthy."""
    pid = patient.freeze("registrar", "registrar")
    found = patient.finding("not-healthy", "registrar")
    assert found["severity"] == "error"
    patient.thaw(pid)
    patient.is_well()


def _codes(patient: Patient) -> list[str]:
    return [one["code"] for one in patient.examine()["findings"]]


def _give_other_genesis(patient: Patient, change: Changer) -> None:
    """Stops the node, changes its genesis file, deletes its geth's data and starts it."""
    patient.run("stop", "node-0")
    home = patient.home("node-0")
    genesis = json.loads((home / "genesis.json").read_text())
    change(genesis)
    (home / "genesis.json").write_text(json.dumps(genesis))
    shutil.rmtree(home / "geth/geth")
    patient.run("start", "node-0")


def _mend_genesis(patient: Patient, next_step: str) -> None:
    data = patient.home("node-0") / "geth/geth"
    assert f"`windlass stop node-0`, `rm -r {data}`, then `windlass up`" in next_step
    patient.run("stop", "node-0")
    shutil.rmtree(data)
    patient.up()
    patient.is_well()
