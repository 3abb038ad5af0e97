"""The bootnode with real geths and with go-ethereum's own test suite for discovery."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.support.discovery import Bootnode, SeekingGeth, are_mesh
from tests.support.geth import genesis
from tests.support.wait import until
from windlass.chains.ethereum.enode import parse_enode

Start = Callable[..., Bootnode]
StartGeths = Callable[..., list[SeekingGeth]]
MESH_S = 60.0


@pytest.fixture
def bootnode(tmp_path: Path) -> Generator[Start]:
    """Starts bootnodes; all are gone after the test."""
    made: list[Bootnode] = []

    def start(name: str = "bootnode-0", **settings: object) -> Bootnode:
        made.append(Bootnode(tmp_path / name, **settings))
        return made[-1].start()

    yield start
    for one in made:
        one.close()


@pytest.fixture
def geths(tmp_path: Path, geth_binary: Path) -> Generator[StartGeths]:
    """Starts geths of one network that answer when this returns; all are gone after the test."""
    chain = genesis()
    made: list[SeekingGeth] = []

    def start(count: int, bootnodes: list[str] | None = None) -> list[SeekingGeth]:
        new = [
            SeekingGeth(geth_binary, tmp_path / f"geth-{len(made) + at}", chain, bootnodes or [])
            for at in range(count)
        ]
        made.extend(new)
        for geth in new:
            geth.spawn()
        for geth in new:
            until(lambda geth=geth: geth.rpc("eth_chainId"), "geth answers")  # type: ignore[misc]
        return new

    yield start
    for geth in made:
        geth.close()


def test_go_ethereums_own_suite(bootnode: Start, devp2p_binary: Path) -> None:
    """All cases of `devp2p discv4 test` pass."""
    node = bootnode()
    run = subprocess.run(
        [devp2p_binary, "discv4", "test", "--remote", node.enode],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "15/15 tests passed" in run.stdout, run.stdout + run.stderr
    assert run.returncode == 0


def test_geths_find_one_another(bootnode: Start, geths: StartGeths) -> None:
    """Geths that know nobody but the bootnode become a full mesh; it then knows all of them."""
    node = bootnode()
    group = geths(3, [node.enode])
    until(lambda: are_mesh(group), "a mesh", timeout_s=MESH_S)
    until(lambda: node.known() == 3, "all known")
    listed = {entry["enode"] for entry in node.json()["nodes"]}
    assert listed == {geth.enode for geth in group}
    late = geths(1, [node.enode])
    until(lambda: are_mesh([*group, *late]), "the late one is part of it", timeout_s=MESH_S)


def test_one_of_two_bootnodes_is_dead(bootnode: Start, geths: StartGeths) -> None:
    """One living bootnode is enough."""
    living, dead = bootnode("living"), bootnode("dead")
    dead.end(signal.SIGKILL)
    group = geths(2, [dead.enode, living.enode])
    until(lambda: are_mesh(group), "a mesh", timeout_s=MESH_S)


def test_seeds_that_were_there_first(bootnode: Start, geths: StartGeths) -> None:
    """Geths that were started without any bootnode find one another once a bootnode pings them."""
    group = geths(3)
    node = bootnode(seeds=tuple(geth.enode for geth in group))
    until(lambda: are_mesh(group), "a mesh", timeout_s=MESH_S)
    until(lambda: node.known() == 3, "all known")


def test_seed_that_starts_after_the_bootnode(bootnode: Start, geths: StartGeths) -> None:
    """A seed that was missing is pinged until it is there, so the order of starts is free."""
    (first,) = geths(1)
    (second,) = geths(1)
    second.kill()
    node = bootnode(seeds=(first.enode, second.enode), revalidate_s=2.0)
    until(lambda: node.known() == 1, "the first is known")
    second.start()
    until(lambda: are_mesh([first, second]), "a mesh", timeout_s=MESH_S)


def test_restart_with_the_table(bootnode: Start, geths: StartGeths) -> None:
    """A bootnode that comes back knows the geths by its table, and brings them together.

    The geths are restarted while it is away, without a bootnode of their own.
    """
    node = bootnode()
    group = geths(2, [node.enode])
    until(lambda: are_mesh(group), "a mesh", timeout_s=MESH_S)
    until(lambda: len(node.json()["nodes"]) == 2, "both known")
    until(lambda: b"enode" in (node.folder / "table.json").read_bytes(), "the table is on disk")
    assert node.end(signal.SIGTERM) == 0
    for geth in group:
        geth.stop()
        geth.wipe()  # its own table too
        geth.bootnodes = []
        geth.start()
    node.start()
    until(lambda: are_mesh(group), "a mesh", timeout_s=MESH_S)


def test_restart_after_a_kill(bootnode: Start, geths: StartGeths) -> None:
    """The table outlives kill -9, and the enode is the same."""
    node = bootnode()
    (geth,) = geths(1, [node.enode])
    until(lambda: node.known() == 1, "known")
    until(lambda: geth.enode.encode() in (node.folder / "table.json").read_bytes(), "on disk")
    before = node.get("/")[1]
    node.end(signal.SIGKILL)
    node.start()
    assert node.get("/")[1] == before
    until(lambda: node.known() == 1, "known again")


def test_gone_node_is_not_listed(bootnode: Start, geths: StartGeths) -> None:
    """A geth that stopped leaves the list, and is there again when it is back."""
    node = bootnode(revalidate_s=0.5)
    (geth,) = geths(1, [node.enode])
    until(lambda: node.known() == 1, "known")
    geth.stop()
    until(lambda: node.known() == 0, "not listed")
    assert node.json("/state")["known"] == 1
    geth.start()
    until(lambda: node.known() == 1, "listed again")


def test_pages(bootnode: Start) -> None:
    """The enode is one line of text; health, readiness, state and metrics are there."""
    node = bootnode()
    assert node.get("/") == (200, f"{node.enode}\n".encode())
    assert parse_enode(node.enode).udp == node.settings.port
    assert node.json() == {"schema": 1, "enode": node.enode, "nodes": []}
    assert node.get("/healthz")[0] == node.get("/readyz")[0] == 200
    assert node.json("/state")["enode"] == node.enode
    assert b"windlass_bootnode_nodes_live 0.0" in node.get("/metrics")[1]


def _failed_start(node: Bootnode, exit_code: int = 1) -> str:
    node.spawn()
    assert node.process is not None
    assert node.process.wait(20) == exit_code
    node.process = None
    assert "Traceback" not in node.log()
    return node.log().splitlines()[-1]


def test_taken_udp_port(tmp_path: Path) -> None:
    """A taken discovery port ends it with 1, naming the port and how to find who has it."""
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        error = _failed_start(Bootnode(tmp_path / "b", port=port))
    assert f"UDP port {port} on 127.0.0.1 is taken" in error
    assert f"ss -lunp 'sport = :{port}'" in error


def test_taken_http_port(tmp_path: Path) -> None:
    """The same for the HTTP port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = _failed_start(Bootnode(tmp_path / "b", http_port=port))
    assert f"TCP port {port} on 127.0.0.1 is taken" in error


def test_wrong_files_and_settings(tmp_path: Path) -> None:
    """A missing or wrong key and a wrong seed are named; the key's content never is."""
    node = Bootnode(tmp_path / "a")
    (node.folder / "key").write_text("ff" * 32)
    error = _failed_start(node)
    assert "does not hold a private key" in error
    assert "ffff" not in node.log()
    node = Bootnode(tmp_path / "b", key_file=str(tmp_path / "none"))
    assert "none cannot be read: No such file" in _failed_start(node)
    node = Bootnode(tmp_path / "c", seeds=("enode://x",))
    assert "is not like enode" in _failed_start(node, 2)
    node = Bootnode(tmp_path / "d", host="localhost")
    assert "settings of the bootnode" in _failed_start(node, 2)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff\xfe", b'{"schema":9,"nodes":[]}', b'{"schema":1,"nodes":[{"enode":1}]}'],
)
def test_broken_table_is_only_a_cache(tmp_path: Path, bootnode: Start, content: bytes) -> None:
    """Whatever lies in the table's file, the bootnode starts, says so and goes on."""
    table = tmp_path / "table.json"
    table.write_bytes(content)
    node = bootnode(table_file=str(table))
    assert '"level":"warning"' in node.log()
    node.end(signal.SIGTERM)
    assert b'"schema": 1' in table.read_bytes()


def test_table_that_cannot_be_written(tmp_path: Path, bootnode: Start) -> None:
    """A disk that takes nothing does not end discovery."""
    (tmp_path / "file").write_bytes(b"")
    node = bootnode(table_file=str(tmp_path / "file" / "table.json"))
    until(lambda: "the table was not saved" in node.log(), "a warning")
    assert node.get("/readyz")[0] == 200
    assert node.end(signal.SIGTERM) == 0


def test_garbage_is_survived(bootnode: Start, devp2p_binary: Path) -> None:
    """Datagrams of garbage are counted and change nothing."""
    node = bootnode()
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        for size in (0, 1, 97, 98, 200, 1280, 1281, 9000):
            sender.sendto(b"\xc0" * size, ("127.0.0.1", node.settings.port))
    until(lambda: b'refused_total{reason="hash"}' in node.get("/metrics")[1], "counted")
    ping = subprocess.run(
        [devp2p_binary, "discv4", "ping", node.enode], capture_output=True, timeout=30, check=False
    )
    assert ping.returncode == 0, ping.stderr


def test_no_secret_on_the_command_line_or_in_the_log(bootnode: Start) -> None:
    """The key is nowhere but in its file."""
    node = bootnode()
    assert node.process is not None
    shown = Path(f"/proc/{node.process.pid}/cmdline").read_text()
    shown += Path(f"/proc/{node.process.pid}/environ").read_text() + node.log()
    shown += str([node.get(page)[1] for page in ("/", "/json", "/state", "/metrics")])
    assert node.key.hex() not in shown
