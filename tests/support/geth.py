"""A real geth of a test, with the flags that keep its chain; killed, frozen or wiped at will."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.rpc import Rpc
from tests.support.wait import until
from windlass.chains.ethereum.enode import Enode
from windlass.chains.ethereum.genesis import Allocation, Genesis
from windlass.chains.ethereum.keys import public_key
from windlass.chains.ethereum.quantities import Address, Wei

CHAIN_ID = 20261
START_TIMEOUT_S = 30.0


def genesis(*accounts: Address, chain_id: int = CHAIN_ID, timestamp: int | None = None) -> Genesis:
    """A genesis of now, in which each account has a million ether."""
    balance = Wei(10**24)
    return Genesis(
        chain_id=chain_id,
        timestamp=int(time.time()) - 1 if timestamp is None else timestamp,
        gas_limit=30_000_000,
        allocations={account: Allocation(balance=balance) for account in accounts},
    )


def free_port() -> int:
    """A TCP port that nobody listens on now.

    Not one that the kernel picks: it gives those to outgoing connections too, and a program that
    starts a minute later would find its port taken.
    """
    while True:
        port = random.randrange(10_000, 20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Geth:
    """One geth in a folder of its own. `close` ends it whatever state it is in."""

    def __init__(self, binary: Path, folder: Path, chain: Genesis) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.chain = chain
        self.ports = {name: free_port() for name in ("engine", "rpc", "p2p")}
        self.engine_url = f"http://127.0.0.1:{self.ports['engine']}"
        self.rpc_url = f"http://127.0.0.1:{self.ports['rpc']}"
        # A unix socket's path may have 107 bytes; pytest's folders are longer.
        self._socket_folder = Path(tempfile.mkdtemp(prefix="wl-"))
        self.ipc = self._socket_folder / "geth.ipc"
        self.jwt_file = folder / "jwt.hex"
        self.static_peers: list[str] = []
        self.ethstats_url = ""  # NAME:SECRET@URL of a dashboard
        self.sync_mode = "full"
        self.recommit = "5s"  # the time to fill a block: no test is about a slow machine
        self.process: subprocess.Popen[bytes] | None = None
        self._binary = binary
        self._key = hashlib.sha256(str(folder).encode()).hexdigest()
        self._rpc = Rpc(self.rpc_url)
        self._write_files()

    @property
    def enode(self) -> str:
        """Where other geths find it."""
        port = self.ports["p2p"]
        return str(Enode(public_key(bytes.fromhex(self._key)), "127.0.0.1", port, port))

    def start(self, environment: Mapping[str, str] | None = None) -> Geth:
        """Starts it and waits until it answers."""
        self.spawn(environment)
        until(lambda: self._rpc("eth_chainId"), "geth answers", timeout_s=START_TIMEOUT_S)
        return self

    def spawn(self, environment: Mapping[str, str] | None = None) -> None:
        """Starts it and returns at once."""
        self._write_configuration()
        with (self.folder / "geth.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )

    def height(self) -> int:
        """The number of its newest block."""
        return self._rpc.height()

    def block_hash(self, number: int | str) -> str:
        """The hash of a block of its canonical chain."""
        return str(self._rpc.block(number)["hash"])

    @property
    def rpc(self) -> Rpc:
        """A client of its public RPC."""
        return self._rpc

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the running process."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """A clean stop."""
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        """It keeps its ports and answers nothing until `thaw`."""
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Ends `freeze`."""
        self.send(signal.SIGCONT)

    def wipe(self) -> None:
        """Deletes all that a stopped geth knows, but not its key."""
        assert self.process is None
        shutil.rmtree(self.folder / "data" / "geth")

    def close(self) -> None:
        """Ends it, frozen or not, and removes its socket."""
        self._rpc.close()
        if self.process is not None:
            self.kill()
        shutil.rmtree(self._socket_folder, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.send_signal(signal.SIGCONT)
        self.process.wait(30)
        self.process = None
        self._rpc.close()

    def _write_files(self) -> None:
        secret = hashlib.sha256(b"the JWT secret that all geths of a test share").hexdigest()
        self.jwt_file.write_text(secret)
        (self.folder / "node.key").write_text(self._key)
        (self.folder / "genesis.json").write_bytes(self.chain.file())

    def _write_configuration(self) -> None:
        peers: Sequence[str] = self.static_peers
        listed = "[" + ", ".join(f'"{peer}"' for peer in peers) + "]"
        (self.folder / "geth.toml").write_text(
            "[Node.P2P]\nBootstrapNodes = []\nBootstrapNodesV5 = []\n"
            f"StaticNodes = {listed}\nTrustedNodes = {listed}\n"
            f'ListenAddr = "127.0.0.1:{self.ports["p2p"]}"\n'
            f'[Ethstats]\nURL = "{self.ethstats_url}"\n'
        )

    def _command(self) -> list[str]:
        return [
            str(self._binary),
            *("--config", str(self.folder / "geth.toml")),
            *("--datadir", str(self.folder / "data")),
            *("--override.genesis", str(self.folder / "genesis.json")),
            *("--networkid", str(self.chain.chain_id)),
            *("--syncmode", self.sync_mode, "--state.scheme", "hash"),
            *("--gcmode", "archive" if self.sync_mode == "full" else "full"),
            *("--cache", "64", "--ipcpath", str(self.ipc)),
            *("--authrpc.addr", "127.0.0.1", "--authrpc.port", str(self.ports["engine"])),
            *("--authrpc.jwtsecret", str(self.jwt_file)),
            *("--http", "--http.addr", "127.0.0.1", "--http.port", str(self.ports["rpc"])),
            *("--http.api", "eth,net,web3,txpool"),
            *("--nodekey", str(self.folder / "node.key"), "--nat", "extip:127.0.0.1"),
            *("--netrestrict", "127.0.0.0/8", "--nodiscover"),
            *("--miner.gaslimit", "30000000", "--miner.gasprice", "1"),
            *("--txpool.pricelimit", "1", "--miner.recommit", self.recommit, "--verbosity", "3"),
        ]
