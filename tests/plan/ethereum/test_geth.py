"""The planned command line against a real geth."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.plan import examples
from tests.plan.examples import ExampleSite
from tests.support.rpc import Rpc, RpcError
from tests.support.wait import until
from windlass.plan.plan import plan
from windlass.plan.workload import Process, Workload


@dataclass
class Running:
    """One geth as planned, and what it has logged."""

    workload: Workload
    log: Path
    process: subprocess.Popen[bytes]

    def call(self, method: str) -> object:
        """The result of one JSON-RPC call."""
        with closing(Rpc(self.workload.rpc_url or "")) as rpc:
            result: object = rpc(method)
            return result

    def stop(self) -> None:
        """Ends it cleanly."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def request(
        self, port: str, headers: dict[str, str], method: str = "GET"
    ) -> http.client.HTTPResponse:
        """The answer to one HTTP request to one of its ports."""
        number = next(one.number for one in self.workload.ports if one.name == port)
        connection = http.client.HTTPConnection("127.0.0.1", number, timeout=5)
        connection.request(method, "/", headers=headers)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response


def free_ports(count: int) -> list[int]:
    """Ports that are free for TCP now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return numbers


def geth_of(workload: Workload) -> Process:
    """The planned process."""
    return next(one for one in workload.processes if one.name == "geth")


def started(binary: Path, folder: Path) -> Running:
    """Writes a planned node's files and starts its geth, as a runtime would."""
    spec = examples.spec(trade=examples.network(consensus="solo", nodes=0))
    site = ExampleSite(spec, root=folder)
    site.ports = dict(zip(site.ports, free_ports(len(site.ports)), strict=True))
    workload = next(
        one for one in plan(spec, examples.all_keys(spec), site) if one.name == "sealer"
    )
    (folder / "sockets").mkdir(exist_ok=True)
    for file in workload.files:
        path = Path(file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(0o600 if file.secret else 0o644)
    log = folder / "geth.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [binary, *geth_of(workload).command.arguments],
            stdout=output,
            stderr=output,
            env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        )
    return Running(workload, log, process)


@pytest.fixture(scope="module")
def geth(geth_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A geth that answers, for all tests of this file."""
    running = started(geth_binary, tmp_path_factory.mktemp("g"))
    try:
        until(lambda: running.call("eth_chainId"), "geth answers")
        yield running
    finally:
        running.stop()


def test_answers_what_everybody_may_ask(geth: Running) -> None:
    """The chain id is the spec's, on HTTP."""
    assert geth.call("eth_chainId") == hex(4242)


@pytest.mark.parametrize(
    "method",
    [
        "admin_peers",
        "debug_setHead",
        "personal_listAccounts",
        "miner_start",
        "engine_getPayloadV4",
        "testing_buildBlockV1",
        "testing_commitBlockV1",
    ],
)
def test_refuses_what_only_the_operator_may_ask(geth: Running, method: str) -> None:
    """No administrator's method exists on HTTP."""
    with pytest.raises(RpcError, match="does not exist"):
        geth.call(method)


def test_engine_needs_the_secret(geth: Running) -> None:
    """Without a token the Engine API answers nothing."""
    assert geth.request("engine", {"Content-Type": "application/json"}, "POST").status == 401


def test_asks_no_public_bootnode(geth: Running) -> None:
    """Geth knows no node of the public chain, neither from its defaults nor from elsewhere."""
    log = geth.log.read_text()

    assert "Bootstrap node filtered" not in log
    assert "enrtree://" not in log
    assert "Started P2P networking" in log


def test_listens_for_peers_where_it_was_told(geth: Running) -> None:
    """Peers are heard on the bind address only, discovery included."""
    number = next(one.number for one in geth.workload.ports if one.name == "p2p")
    for table in ("tcp", "udp"):
        lines = Path(f"/proc/net/{table}").read_text().splitlines()
        found = [line.split()[1] for line in lines if line.split()[1].endswith(f":{number:04X}")]
        assert f"0100007F:{number:04X}" in found
        assert f"00000000:{number:04X}" not in found
        everywhere = Path(f"/proc/net/{table}6").read_text()
        assert f"{'0' * 32}:{number:04X}" not in everywhere


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:5173", True),
        ("http://127.0.0.1:3000", True),
        ("https://example.com", False),
        ("http://localhost.example.com", False),
    ],
)
def test_pages_of_this_machine_only(geth: Running, origin: str, allowed: bool) -> None:
    """A browser may use RPC for a page of this machine and for no other, on HTTP and WebSocket."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = geth.request("rpc", asked, "OPTIONS")
    handshake = {
        "Origin": origin,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }

    assert (preflight.getheader("Access-Control-Allow-Origin") == origin) is allowed
    assert (geth.request("ws", handshake).status == 101) is allowed


def test_foreign_names_are_refused(geth: Running) -> None:
    """A foreign name that resolves to loopback does not reach RPC (DNS rebinding)."""
    assert geth.request("rpc", {"Host": "example.com"}).status == 403
    assert geth.request("rpc", {"Host": "localhost"}).status == 200


def test_data_of_another_genesis_is_refused(geth_binary: Path, tmp_path: Path) -> None:
    """Geth ends with its reason instead of going on with another chain's data."""
    first = started(geth_binary, tmp_path)
    try:
        until(lambda: first.call("eth_chainId"), "geth answers")
    finally:
        first.stop()
    genesis = Path(first.workload.directory) / "genesis.json"
    genesis.write_bytes(genesis.read_bytes().replace(b'"timestamp": "0x1"', b'"timestamp": "0x2"'))
    arguments = geth_of(first.workload).command.arguments

    second = subprocess.run(
        [geth_binary, *arguments], capture_output=True, timeout=90, text=True, check=False
    )

    assert second.returncode != 0
    assert "incompatible genesis" in second.stderr
