"""A state of the release before gateway and dashboard is carried on by this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.logs import register
from tests.support.network import Network, spec

NEW = ("gateway", "dashboard")


@pytest.fixture
def network(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Network]:
    """A network that ran once."""
    register(request.config, tmp_path)
    running = Network(tmp_path, spec(validators=1, bootnodes=1, chain_id=20275))
    try:
        running.up()
        yield running
    finally:
        running.close()


def make_old(network: Network) -> None:
    """Takes away what the earlier release did not have: its node had the network's ports."""
    with closing(sqlite3.connect(network.state / "state.db")) as database, database:
        for name in NEW:
            database.execute("DELETE FROM workloads WHERE name = ?", (name,))
            database.execute("DELETE FROM processes WHERE node = ?", (name,))
        old = "workload = 'node-0' AND name IN ('rpc', 'ws')"
        database.execute(f"DELETE FROM ports WHERE {old}")
        database.execute(
            "UPDATE ports SET workload = 'node-0'"
            " WHERE workload = 'gateway' AND name IN ('rpc', 'ws')"
        )
        database.execute("DELETE FROM ports WHERE workload IN ('gateway', 'dashboard')")
        database.execute(
            "UPDATE workloads SET definition = json_set(definition, '$.endpoint', json('true'))"
            " WHERE name = 'node-0'"
        )
    (network.state / "vault" / "harbour" / "secrets.json").unlink()


@pytest.mark.timeout(300)
def test_the_gateway_takes_over_the_known_ports(network: Network) -> None:
    """Applications keep their addresses, the chain goes on, and it is said which port moved."""
    before = network.network()
    height = before["height"]
    network.run("down")
    make_old(network)

    said = network.run("up", "--detach")

    after = network.network()
    assert after["endpoints"]["rpc"] == before["endpoints"]["rpc"]
    assert after["endpoints"]["ws"] == before["endpoints"]["ws"]
    assert network.node("gateway")["rpc"] == after["endpoints"]["rpc"]
    assert network.node("node-0")["rpc"] != after["endpoints"]["rpc"]
    assert after["height"] >= height
    port = after["endpoints"]["rpc"].rpartition(":")[2]
    assert f"Port {port} of harbour/node-0 is the gateway's now" in said.stderr + said.stdout
    assert (network.state / "vault" / "harbour" / "secrets.json").is_file()
