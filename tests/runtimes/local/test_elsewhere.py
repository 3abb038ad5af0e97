"""Keys in use: what is seen of other states and of what listens, and what is passed over.

That a real network is seen is tested with the journey of a lost folder.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.keys import exported, imported, place_in, with_keys
from tests.support.network import spec
from tests.support.wait import until
from windlass.plan.ethereum.cometbft import HOME
from windlass.runtimes.local import process_table
from windlass.runtimes.local.elsewhere import refuse_in_use
from windlass.runtimes.local.place import Place
from windlass.runtimes.local.site import workload_directory
from windlass.vault import export
from windlass.vault.export import Listener
from windlass.vault.export_errors import SignsElsewhere
from windlass.vault.keys import NetworkKeys

TEXT = spec("lab", consensus="solo", chain_id=20268, nodes=0, bootnodes=1)
PORTS = {"lab/sealer/p2p": 41905}


@pytest.fixture
def lab(tmp_path: Path) -> Place:
    """A state with keys, which this user's list of ports knows."""
    return with_keys(tmp_path / "lab", TEXT, PORTS)


def keys_of(place: Place) -> dict[str, NetworkKeys]:
    """What an import of its export would bring."""
    return export.complete(place.state / "vault")


@contextmanager
def program_of(state: Path, **variables: str) -> Iterator[None]:
    """A process that was started for that state, as its environment says."""
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"],
        env={**os.environ, process_table.STATE_VARIABLE: str(state), **variables},
        stdin=subprocess.PIPE,
    )
    try:
        until(
            lambda: process_table.supervisors(state) or process_table.owned(state),
            "the process is there",
        )
        yield
    finally:
        process.communicate(timeout=30)


@contextmanager
def answering(answer: Callable[[], bytes]) -> Iterator[str]:
    """The URL of a server that answers every question so."""

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            body = answer()
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _reply  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
            del format, args

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_state_with_the_same_keys_that_rests_is_named(lab: Place, tmp_path: Path) -> None:
    """It may be started later: who imports must know; a state with other keys is no matter."""
    with_keys(tmp_path / "stranger", TEXT, {"lab/sealer/p2p": 41906})
    assert refuse_in_use(tmp_path / "new", keys_of(lab), []) == [lab.state]


def test_a_state_is_not_held_against_itself(lab: Place) -> None:
    """Its own keys are those that are lost."""
    assert refuse_in_use(lab.state, keys_of(lab), []) == []


@pytest.mark.parametrize("variables", [{}, {process_table.PROCESS_VARIABLE: "lab/sealer/geth"}])
def test_a_state_with_the_same_keys_whose_programs_run_is_refused(
    lab: Place, tmp_path: Path, variables: dict[str, str]
) -> None:
    """Whether its supervisor or only what that has started."""
    with (
        program_of(lab.state, **variables),
        pytest.raises(SignsElsewhere, match="its programs run"),
    ):
        refuse_in_use(tmp_path / "new", keys_of(lab), [])
    assert refuse_in_use(tmp_path / "new", keys_of(lab), []) == [lab.state]


def test_a_running_state_without_ports_is_seen_by_its_processes(tmp_path: Path) -> None:
    """The list of ports may be lost or another one; what runs says whose it is."""
    unlisted = with_keys(tmp_path / "unlisted", TEXT)
    assert refuse_in_use(tmp_path / "new", keys_of(unlisted), []) == []
    with program_of(unlisted.state), pytest.raises(SignsElsewhere):
        refuse_in_use(tmp_path / "new", keys_of(unlisted), [])


def test_a_vault_that_cannot_be_read_is_passed_over(lab: Place, tmp_path: Path) -> None:
    """Somebody else's damaged network keeps nobody from his keys."""
    broken = with_keys(tmp_path / "broken", TEXT, {"lab/sealer/p2p": 41906})
    (broken.state / "vault/lab/genesis.json").write_text("{")
    with program_of(broken.state):
        assert refuse_in_use(tmp_path / "new", keys_of(lab), []) == [lab.state]


@pytest.mark.parametrize("shown", [True, False])
def test_a_network_that_runs_without_its_vault_is_seen(tmp_path: Path, shown: bool) -> None:
    """The programs of a vault that was moved away sign on: the files that they were given tell."""
    text = spec("trade", consensus="bft", chain_id=20269, nodes=0, bootnodes=1)
    trade = with_keys(tmp_path / "trade", text, {"trade/validator-0/p2p": 41907})
    keys = keys_of(trade)
    home = workload_directory(trade.state, "trade", "validator-0") / HOME / "config"
    home.mkdir(parents=True)
    key_file = keys["trade"].validator_key("validator-0").key_file() if shown else b"{"
    (home / "priv_validator_key.json").write_bytes(key_file)
    (trade.state / "vault").rename(tmp_path / "elsewhere")

    assert refuse_in_use(tmp_path / "new", keys, []) == ([trade.state] if shown else [])
    with program_of(trade.state):
        if shown:
            with pytest.raises(SignsElsewhere, match="its programs run"):
                refuse_in_use(tmp_path / "new", keys, [])
        else:
            assert refuse_in_use(tmp_path / "new", keys, []) == []


def test_a_solo_network_that_answers_is_refused(lab: Place) -> None:
    """By its block 0; another chain at the same address is somebody else's."""
    keys = keys_of(lab)
    hashes: list[str] = [keys["lab"].ethereum_genesis_hash]
    with answering(lambda: answer_of(hashes[0])) as url:
        listener = Listener(network="lab", workload="sealer", rpc_url=url)
        with pytest.raises(SignsElsewhere, match=f"lab answers at {url}"):
            refuse_in_use(lab.state, keys, [listener])
        hashes[0] = "0x" + "ab" * 32
        assert refuse_in_use(lab.state, keys, [listener]) == []


def answer_of(block_hash: str) -> bytes:
    """geth's answer to the first question after block 0."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"hash": block_hash}}).encode()


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"null", b'{"jsonrpc":"2.0","id":1,"result":[]}', b"[" * 99_999]
)
def test_a_stranger_at_an_old_address_is_passed_over(lab: Place, body: bytes) -> None:
    """Whatever it says, to either question."""
    with answering(lambda: body) as url:
        listener = Listener(network="lab", workload="sealer", rpc_url=url, cometbft_url=url)
        assert refuse_in_use(lab.state, keys_of(lab), [listener]) == []


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://[", "http://127.0.0.1:1", "é"])
def test_an_address_that_leads_nowhere_is_passed_over(lab: Place, url: str) -> None:
    """Who wrote the file may have written anything."""
    listener = Listener(network="lab", workload="sealer", rpc_url=url, cometbft_url=url)
    assert refuse_in_use(lab.state, keys_of(lab), [listener]) == []


def test_who_never_answers_is_not_waited_for(lab: Place) -> None:
    """A hundred addresses that take the question and say nothing: it ends all the same."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        listeners = [
            Listener(network="lab", workload=f"node-{number}", rpc_url=f"{url}/{number}")
            for number in range(100)
        ]
        assert refuse_in_use(lab.state, keys_of(lab), listeners) == []


def test_an_import_names_the_state_that_rests(lab: Place, tmp_path: Path) -> None:
    """And is done: it may have been stopped for good."""
    source = exported(lab, tmp_path / "lab.keys")
    assert imported(place_in(tmp_path / "new"), source).idle == [lab.state]
