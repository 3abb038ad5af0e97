"""Several real validators (geth, bridge, CometBFT each) without the rest of Windlass.

What the runtime would do is done here in the smallest form: files from our own writers, processes,
and a supervisor that restarts what died, so that a test can kill any of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from tests.support.geth import Geth, free_port, genesis
from tests.support.wait import StillNotTrueError, until
from windlass.chains.cometbft import configuration
from windlass.chains.cometbft.keys import NodeKey, ValidatorKey, initial_validator_state
from windlass.chains.ethereum.quantities import Address
from windlass.programs.bridge.settings import Genesis, Settings

Part = Literal["geth", "bridge", "cometbft"]
PARTS: tuple[Part, ...] = ("geth", "bridge", "cometbft")
REPOSITORY = Path(__file__).resolve().parent.parent.parent
SUPERVISE_S = 0.05
GETH_RESTART_S = 8.0
"""As the runtime does: a bridge's wish for a restarted geth is heard at most this often."""


class Validator:
    """One validator (or, with `votes` false, a node) in a folder of its own."""

    def __init__(self, network: Network, index: int, *, votes: bool) -> None:
        self.network = network
        self.name = f"{'validator' if votes else 'node'}-{index}"
        self.votes = votes
        self.folder = network.folder / self.name
        self.geth = Geth(network.geth_binary, self.folder / "geth", network.ethereum)
        self.key = ValidatorKey(_seed(self.name + " validator"))
        self.node_key = NodeKey(_seed(self.name + " node"))
        self.fee_recipient = Address("0x" + hashlib.sha256(self.name.encode()).hexdigest()[:40])
        self.ports = {name: free_port() for name in ("p2p", "rpc", "health")}
        self.sockets = Path(tempfile.mkdtemp(prefix="wl-"))
        self.bridge: subprocess.Popen[bytes] | None = None
        self.cometbft: subprocess.Popen[bytes] | None = None
        self.module = "windlass.programs.bridge"
        self.environment: dict[str, str] = {}
        self.restarts = dict.fromkeys(PARTS, 0)
        self.wanted: set[Part] = set()
        self._asked_at = 0.0
        self._lock = threading.Lock()

    @property
    def home(self) -> Path:
        """CometBFT's."""
        return self.folder / "cometbft"

    @property
    def database(self) -> Path:
        """The payload log."""
        return self.folder / "bridge.sqlite"

    @property
    def address(self) -> str:
        """Where other CometBFTs find this one."""
        return f"{self.node_key.id}@127.0.0.1:{self.ports['p2p']}"

    def write(self) -> None:
        """All files, as the plan would."""
        others = [one for one in self.network.members if one is not self and one.votes]
        self.geth.static_peers = [one.geth.enode for one in others]
        (self.home / "config").mkdir(parents=True)
        (self.home / "data").mkdir()
        config = configuration.configuration(
            moniker=self.name,
            abci_socket=str(self.sockets / "abci.sock"),
            rpc_address=f"127.0.0.1:{self.ports['rpc']}",
            p2p_address=f"127.0.0.1:{self.ports['p2p']}",
            external_address=f"127.0.0.1:{self.ports['p2p']}",
            persistent_peers=[one.address for one in others],
            block_time_s=self.network.block_time_s,
        )
        (self.home / "config/config.toml").write_bytes(config)
        (self.home / "config/genesis.json").write_bytes(self.network.cometbft_genesis())
        (self.home / "config/node_key.json").write_bytes(self.node_key.key_file())
        (self.home / "config/priv_validator_key.json").write_bytes(self.key.key_file())
        (self.home / "data/priv_validator_state.json").write_bytes(initial_validator_state())
        (self.folder / "bridge.json").write_bytes(msgspec.json.encode(self._settings()))

    def start(self, *parts: Part) -> None:
        """Starts what is named, everything if nothing is, and keeps it running."""
        for part in parts or PARTS:
            if part == "cometbft":
                until(self._listening, f"{self.name}: the bridge listens", poll_s=0.005)
            self._start(part)
            self.wanted.add(part)

    def stop(self, *parts: Part, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends what is named, everything if nothing is, and leaves it so."""
        named = parts or tuple(reversed(PARTS))
        with self._lock:
            self.wanted -= set(named)
            for part in named:
                self._end(part, number)

    def kill(self, *parts: Part) -> None:
        """SIGKILL; the supervisor starts them again."""
        for part in parts or PARTS:
            process = self.process(part)
            if process is not None:
                process.kill()

    def process(self, part: Part) -> subprocess.Popen[bytes] | None:
        """The running process, or the one that has just died."""
        if part == "geth":
            return self.geth.process
        return self.bridge if part == "bridge" else self.cometbft

    def supervise(self) -> None:
        """Restarts what died, and geth when the bridge asks for it."""
        with self._lock:
            for part in self.wanted:
                process = self.process(part)
                if process is not None and process.poll() is not None:
                    if part == "cometbft" and not self._listening():
                        continue  # it would sleep 3 s
                    if part == "geth":
                        self.geth.process = None
                    self.restarts[part] += 1
                    self._start(part)
            now = time.monotonic()
            if now - self._asked_at > 1 and "geth" in self.wanted:
                self._asked_at = now
                if self._request() == "restart_geth":
                    self._asked_at = now + GETH_RESTART_S
                    self._end("geth", signal.SIGTERM)
                    self.restarts["geth"] += 1
                    self._start("geth")

    def state(self) -> dict[str, Any]:
        """The bridge's /state; an OSError if it is not there."""
        found: dict[str, Any] = _get(f"http://127.0.0.1:{self.ports['health']}/state")
        return found

    def close(self) -> None:
        """Ends everything, whatever state it is in."""
        self.wanted.clear()
        for process in (self.cometbft, self.bridge):
            if process is not None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(10)
        self.geth.close()
        shutil.rmtree(self.sockets, ignore_errors=True)

    def _listening(self) -> bool:
        """Whether the bridge accepts a connection; a stale socket file does not count."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.sockets / "abci.sock"))
            except OSError:
                return False
        return True

    def _request(self) -> str | None:
        try:
            return str(self.state()["request"])
        except OSError:
            return None

    def _start(self, part: Part) -> None:
        if part == "geth":
            self.geth.spawn()
        elif part == "bridge":
            command = [sys.executable, "-m", self.module, str(self.folder / "bridge.json")]
            self.bridge = self._spawn("bridge", command)
        else:
            binary = str(self.network.cometbft_binary)
            self.cometbft = self._spawn("cometbft", [binary, "start", "--home", str(self.home)])

    def _end(self, part: Part, number: signal.Signals) -> None:
        process = self.process(part)
        if process is not None:
            process.send_signal(number)
            process.send_signal(signal.SIGCONT)
            process.wait(30)
            if part == "geth":
                self.geth.process = None

    def _spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **self.environment}
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=REPOSITORY,
                env=environment,
            )

    def _settings(self) -> Settings:
        return Settings(
            network="test",
            node=self.name,
            chain_id=self.network.ethereum.chain_id,
            genesis_hash=self.network.ethereum.hash(),
            engine_url=self.geth.engine_url,
            jwt_file=str(self.geth.jwt_file),
            rpc_url=self.geth.rpc_url,
            geth_ipc=str(self.geth.ipc),
            abci_socket=str(self.sockets / "abci.sock"),
            database=str(self.database),
            registrar_url=None,
            static_peers=tuple(self.geth.static_peers),
            health_host="127.0.0.1",
            health_port=self.ports["health"],
            block_time_s=self.network.block_time_s,
        )


class Network:
    """N validators and some nodes; a context manager that ends them all."""

    def __init__(
        self,
        folder: Path,
        geth_binary: Path,
        cometbft_binary: Path,
        *,
        validators: int = 4,
        nodes: int = 0,
        block_time_s: int = 1,
        accounts: tuple[Address, ...] = (),
    ) -> None:
        self.folder = folder
        self.geth_binary = geth_binary
        self.cometbft_binary = cometbft_binary
        self.block_time_s = block_time_s
        self.genesis_time = int(time.time())
        self.ethereum = genesis(*accounts, timestamp=self.genesis_time - 1)
        self.validators = [Validator(self, index, votes=True) for index in range(validators)]
        self.nodes = [Validator(self, index, votes=False) for index in range(nodes)]
        self.members = [*self.validators, *self.nodes]
        self._stop = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise)
        for member in self.members:
            member.write()

    def __enter__(self) -> Self:
        self._supervisor.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._supervisor.join()
        for member in self.members:
            member.close()

    def cometbft_genesis(self) -> bytes:
        """The same bytes for everyone."""
        return configuration.genesis(
            chain_id=configuration.chain_id_of("test", self.ethereum.chain_id),
            genesis_time=self.genesis_time,
            validators=[
                (one.name, one.key.public, configuration.VOTING_POWER) for one in self.validators
            ],
            app_state=msgspec.to_builtins(
                Genesis(
                    ethereum_genesis_hash=self.ethereum.hash(),
                    ethereum_genesis_timestamp=self.ethereum.timestamp,
                    fee_recipients={one.key.address: one.fee_recipient for one in self.validators},
                )
            ),
        )

    def start(self) -> None:
        """All validators. geth last: CometBFT needs 1.4 s before it wants a block."""
        order: tuple[Part, ...] = ("bridge", "cometbft", "geth")
        for part in order:
            for one in self.validators:
                one.start(part)

    def wait_for_block(
        self, number: int, *members: Validator, timeout_s: float = 60, poll_s: float = 0.05
    ) -> None:
        """Until all of these (all validators, if none is named) have the block."""
        for one in members or tuple(self.validators):
            try:
                until(
                    lambda one=one: one.geth.height() >= number,  # type: ignore[misc]
                    f"{one.name} has block {number}",
                    timeout_s=timeout_s,
                    poll_s=poll_s,
                )
            except StillNotTrueError as error:
                raise AssertionError(f"{error}\n{self.describe()}") from error

    def height(self, *members: Validator) -> int:
        """The highest block that any of these (any validator, if none is named) has."""
        return max(_height(one) for one in members or tuple(self.validators))

    def assert_same_chain(self, *members: Validator) -> int:
        """All have the same block at every number up to the lowest head; returns that number."""
        compared = members or tuple(self.validators)
        lowest = min(one.geth.height() for one in compared)
        with ThreadPoolExecutor() as pool:
            chains = list(
                pool.map(lambda one: [one.geth.block_hash(n) for n in range(lowest + 1)], compared)
            )
        for one, chain in zip(compared, chains, strict=True):
            assert chain == chains[0], f"{one.name} and {compared[0].name} differ"
        return lowest

    def describe(self) -> str:
        """Every bridge's own words, for a failure."""
        lines = []
        for one in self.members:
            try:
                lines.append(f"{one.name}: {json.dumps(one.state())}")
            except OSError as error:
                lines.append(f"{one.name}: {error}")
        return "\n".join(lines)

    def _supervise(self) -> None:
        while not self._stop.wait(SUPERVISE_S):
            for member in self.members:
                member.supervise()


def cometbft_status(validator: Validator) -> Mapping[str, Any]:
    """CometBFT's own /status."""
    found: Mapping[str, Any] = _get(f"http://127.0.0.1:{validator.ports['rpc']}/status")["result"]
    return found


def _height(validator: Validator) -> int:
    try:
        return validator.geth.height()
    except OSError:
        return -1


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=2) as response:
        return json.loads(response.read())


def _seed(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
