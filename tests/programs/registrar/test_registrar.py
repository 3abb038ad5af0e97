"""The registrar as a process, over real bootnodes and over ones that lie, hang and flood."""

from __future__ import annotations

import json
import signal
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.discovery import Bootnode, Registrar, SeekingGeth, are_mesh
from tests.support.geth import genesis
from tests.support.wait import until
from windlass.chains.ethereum.enode import Enode
from windlass.chains.ethereum.keys import public_key

StartRegistrar = Callable[..., Registrar]
StartBootnode = Callable[..., Bootnode]
Answer = Callable[[socket.socket, str], None]


def _enode(number: int) -> str:
    return str(Enode(public_key(number.to_bytes(32, "big")), "127.0.0.1", 30303, 30303))


@pytest.fixture
def bootnode(tmp_path: Path) -> Generator[StartBootnode]:
    """Starts bootnodes; all are gone after the test."""
    made: list[Bootnode] = []

    def start(name: str, **settings: Any) -> Bootnode:
        made.append(Bootnode(tmp_path / name, **settings))
        return made[-1].start()

    yield start
    for one in made:
        one.close()


@pytest.fixture
def registrar(tmp_path: Path) -> Generator[StartRegistrar]:
    """Starts registrars that answer /healthz when this returns; all are gone after the test."""
    made: list[Registrar] = []

    def start(
        bootnodes: list[str], environment: dict[str, str] | None = None, **settings: Any
    ) -> Registrar:
        one = Registrar(tmp_path / f"registrar-{len(made)}", bootnodes, **settings)
        one.environment = environment or {}
        made.append(one)
        one.spawn()
        until(lambda: one.get("/healthz")[0] == 200, "the registrar answers")
        return one

    yield start
    for one in made:
        one.close()


@contextmanager
def _server(answer: Answer) -> Iterator[str]:
    """A bootnode's HTTP port where each connection gets what the test says for the path."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                path = self.request.recv(4096).split(b" ")[1].decode()
                answer(self.request, path)
            except OSError:
                pass  # the registrar hung up, as it should

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _http(body: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


def _saying(body: bytes, status: str = "200 OK") -> Answer:
    return lambda connection, _: connection.sendall(_http(body, status))


def test_byte_for_byte(bootnode: StartBootnode, registrar: StartRegistrar) -> None:
    """`GET /` is the sorted enodes joined by commas and a newline, as plain text."""
    nodes = [bootnode("a"), bootnode("b")]
    one = registrar([node.url for node in nodes])
    expected = ",".join(sorted(node.enode for node in nodes)) + "\n"
    until(lambda: one.get("/") == (200, expected.encode()), "both are listed")
    assert json.loads(one.get("/static-nodes.json")[1]) == sorted(node.enode for node in nodes)


def test_nothing_yet(bootnode: StartBootnode, registrar: StartRegistrar, tmp_path: Path) -> None:
    """503 before the first success, so that no node starts with an empty list; then 200."""
    late = Bootnode(tmp_path / "late")
    one = registrar([late.url])
    assert one.get("/")[0] == one.get("/readyz")[0] == one.get("/static-nodes.json")[0] == 503
    assert one.json()["bootnodes"] == [
        {"enode": None, "url": late.url, "alive": False, "last_seen": None}
    ]
    late.start()
    try:
        until(lambda: one.enodes() == [late.enode], "listed")
        assert one.get("/readyz")[0] == 200
    finally:
        late.close()


def test_one_dead_bootnode(bootnode: StartBootnode, registrar: StartRegistrar) -> None:
    """A dead bootnode leaves the list and takes none of the living with it; it may come back."""
    nodes = [bootnode("a"), bootnode("b"), bootnode("c")]
    one = registrar([node.url for node in nodes])
    everybody = sorted(node.enode for node in nodes)
    until(lambda: one.enodes() == everybody, "all are listed")
    nodes[1].end(signal.SIGKILL)
    living = sorted(node.enode for node in (nodes[0], nodes[2]))

    def seen() -> list[str]:
        listed = one.enodes()
        assert set(living) <= set(listed), "a living one is missing"
        return listed

    until(lambda: seen() == living, "only the living are listed")
    states = {entry["url"]: entry["alive"] for entry in one.json()["bootnodes"]}
    assert states == {nodes[0].url: True, nodes[1].url: False, nodes[2].url: True}
    nodes[1].start()
    until(lambda: seen() == everybody, "all are listed again")


def test_all_dead_keeps_the_last_good_list(
    bootnode: StartBootnode, registrar: StartRegistrar
) -> None:
    """With nobody alive the list stays as it was."""
    nodes = [bootnode("a"), bootnode("b")]
    one = registrar([node.url for node in nodes])
    everybody = sorted(node.enode for node in nodes)
    until(lambda: one.enodes() == everybody, "all are listed")
    for node in nodes:
        node.end(signal.SIGKILL)
    until(lambda: not any(b["alive"] for b in one.json()["bootnodes"]), "all are found dead")
    assert one.enodes() == everybody
    assert one.get("/readyz")[0] == 200


def test_live_nodes_of_all_bootnodes(registrar: StartRegistrar) -> None:
    """/json gives each live node once, whichever bootnodes report it, and no garbage."""
    first = {"schema": 1, "enode": _enode(1), "nodes": [{"enode": _enode(3), "last_seen": 1}]}
    second = {
        "schema": 1,
        "enode": _enode(2),
        "nodes": [{"enode": _enode(n), "last_seen": 1} for n in (4, 3)] + [{"enode": "enode://"}],
    }

    def serve(report: dict[str, Any]) -> Answer:
        pages = {"/": f"{report['enode']}\n", "/json": json.dumps(report)}
        return lambda connection, path: connection.sendall(_http(pages[path].encode()))

    with _server(serve(first)) as a, _server(serve(second)) as b:
        one = registrar([a, b])
        expected = sorted([_enode(3), _enode(4)])
        until(lambda: one.json()["nodes"] == expected, "both live nodes")
        assert one.json()["schema"] == 1


def test_geths_boot_from_the_list(
    bootnode: StartBootnode, registrar: StartRegistrar, geth_binary: Path, tmp_path: Path
) -> None:
    """Real geths started with the list as it is find one another; then the registrar names them."""
    nodes = [bootnode("a"), bootnode("b")]
    one = registrar([node.url for node in nodes])
    until(lambda: len(one.enodes()) == 2, "both are listed")
    chain = genesis()
    listed = one.get("/")[1].decode().strip()
    geths = [SeekingGeth(geth_binary, tmp_path / name, chain, [listed]) for name in "cd"]
    try:
        for geth in geths:
            geth.spawn()
        until(lambda: are_mesh(geths), "a mesh", timeout_s=90)
        expected = sorted(geth.enode for geth in geths)
        until(lambda: one.json()["nodes"] == expected, "the live nodes")
    finally:
        for geth in geths:
            geth.close()


def test_hostile_answers(bootnode: StartBootnode, registrar: StartRegistrar) -> None:
    """Huge, slow, binary and wrong answers neither crash it nor hide the good bootnode."""

    def flood(connection: socket.socket, _: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    def drip(connection: socket.socket, _: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 999999\r\n\r\n")
        while not ended.wait(0.05):
            connection.sendall(b"e")

    ended = threading.Event()
    good = bootnode("good")
    with (
        _server(flood) as a,
        _server(drip) as b,
        _server(lambda *_: None) as c,
        _server(lambda connection, _: connection.sendall(b"\xff\xfe\x00garbage\r\n\r\n")) as d,
        _server(_saying(b"\xff" * 200)) as e,
        _server(_saying(b"<html>" * 20)) as f,
        _server(_saying(b"enode://" + b"0" * 128 + b"@127.0.0.1:30303")) as g,
        _server(_saying(_enode(1).encode(), "500 Oops")) as h,
        _server(_saying((_enode(1) + "," + _enode(2)).encode())) as i,
        _server(_saying(b"enode://" + b"ab" * 10_000)) as j,
    ):
        one = registrar([a, b, c, d, e, f, g, h, i, j, good.url], request_timeout_s=0.5)
        until(lambda: one.enodes() == [good.enode], "the good one is listed")
        until(lambda: _failures(one) >= 30, "several rounds")
        assert one.enodes() == [good.enode]
        assert sum(entry["alive"] for entry in one.json()["bootnodes"]) == 1
        ended.set()
    assert one.process is not None
    assert one.process.poll() is None
    assert '"level":"error"' not in one.log()


def _failures(one: Registrar) -> float:
    text = one.get("/metrics")[1].decode()
    line = next(ln for ln in text.splitlines() if ln.startswith("windlass_registrar_poll_failures"))
    return float(line.split()[-1])


def test_a_hung_bootnode_delays_nobody(bootnode: StartBootnode, registrar: StartRegistrar) -> None:
    """While one bootnode takes the connection and says nothing, the others are kept up to date."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        node = bootnode("a")
        one = registrar(
            [f"http://127.0.0.1:{silent.getsockname()[1]}", node.url], request_timeout_s=1.0
        )
        until(lambda: one.enodes() == [node.enode], "listed")


def test_duplicates_and_another_key(registrar: StartRegistrar) -> None:
    """One bootnode under two URLs is listed once; one with a new key replaces itself."""
    said = [_enode(1)]

    def answer(connection: socket.socket, _: str) -> None:
        connection.sendall(_http(said[0].encode() + b"  \n"))

    with _server(answer) as url:
        one = registrar([url, url + "/"])
        until(lambda: one.enodes() == [_enode(1)], "listed once")
        said[0] = _enode(2)
        until(lambda: one.enodes() == [_enode(2)], "replaced")


def test_etag(registrar: StartRegistrar) -> None:
    """Who has the list already gets 304 and no body; a changed list has another tag."""
    said = [_enode(1)]
    with _server(lambda connection, _: connection.sendall(_http(said[0].encode()))) as url:
        one = registrar([url])
        until(lambda: one.enodes() == [_enode(1)], "listed")
        tag = _tag(one)
        for value in (tag, f'"x", W/{tag}', "*"):
            assert one.get("/", {"if-none-match": value}) == (304, b"")
        assert one.get("/", {"if-none-match": '"x"'})[0] == 200
        said[0] = _enode(2)
        until(lambda: one.enodes() == [_enode(2)], "replaced")
        assert _tag(one) != tag
        assert one.get("/", {"if-none-match": tag})[0] == 200


def _tag(one: Registrar) -> str:
    with socket.create_connection(("127.0.0.1", one.http_port), timeout=5) as connection:
        connection.sendall(b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        head = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    return next(ln for ln in head.splitlines() if ln.lower().startswith("etag:"))[6:].strip()


def test_stops_at_once(registrar: StartRegistrar) -> None:
    """SIGTERM ends it with 0, also while a bootnode hangs."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        one = registrar([f"http://127.0.0.1:{silent.getsockname()[1]}"], request_timeout_s=60.0)
        started = time.monotonic()
        assert one.end(signal.SIGTERM) == 0
        assert time.monotonic() - started < 10


def _failed_start(one: Registrar, exit_code: int = 1) -> str:
    one.spawn()
    assert one.process is not None
    assert one.process.wait(20) == exit_code
    one.process = None
    assert "Traceback" not in one.log()
    return one.log().splitlines()[-1]


def test_refusals_at_the_start(tmp_path: Path) -> None:
    """A taken port, no bootnodes at all and a wrong URL are said clearly."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        error = _failed_start(Registrar(tmp_path / "a", ["http://127.0.0.1:1"], port=port))
        assert f"TCP port {port} on 127.0.0.1 is taken" in error
    assert "name no bootnode" in _failed_start(Registrar(tmp_path / "b", []), 2)
    assert "ftp://x" in _failed_start(Registrar(tmp_path / "c", ["ftp://x"]), 2)


def test_environment_names_the_service(registrar: StartRegistrar) -> None:
    """BOOTNODE_SERVICE wins over the settings; a name without addresses is no crash."""
    with _server(_saying(_enode(1).encode())) as url:
        one = registrar([url], {"BOOTNODE_SERVICE": "bootnodes.invalid"}, request_timeout_s=10.0)
        until(lambda: "bootnodes.invalid cannot be resolved" in one.log(), "the name is looked up")
        assert one.get("/")[0] == 503
        assert one.json()["bootnodes"] == []
