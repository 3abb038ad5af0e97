"""Real geths that look for one another, and our bootnode and registrar as processes."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.support.geth import Geth, free_port
from tests.support.wait import until
from windlass.chains.ethereum.enode import Enode
from windlass.chains.ethereum.genesis import Genesis
from windlass.chains.ethereum.keys import public_key
from windlass.programs.bootnode.settings import Settings as BootnodeSettings
from windlass.programs.registrar.settings import Settings as RegistrarSettings

START_TIMEOUT_S = 20.0


class SeekingGeth(Geth):
    """A geth with discovery on. It knows nobody but the bootnodes that it is given."""

    def __init__(
        self, binary: Path, folder: Path, chain: Genesis, bootnodes: Sequence[str] = ()
    ) -> None:
        self.bootnodes = list(bootnodes)
        super().__init__(binary, folder, chain)

    def peers(self) -> int:
        """How many geths it is connected to; 0 while it does not answer."""
        try:
            return int(self.rpc("net_peerCount"), 16)
        except OSError:
            return 0

    def _command(self) -> list[str]:
        command = [word for word in super()._command() if word != "--nodiscover"]
        command.append("--discovery.v5=false")
        return command + (["--bootnodes", ",".join(self.bootnodes)] if self.bootnodes else [])


def are_mesh(geths: Sequence[SeekingGeth]) -> bool:
    """Whether each is connected to all others."""
    return all(geth.peers() >= len(geths) - 1 for geth in geths)


def free_udp_port() -> int:
    """A UDP port that nobody listens on now."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """One of our programs as a process, from a settings file in a folder of its own."""

    def __init__(self, name: str, folder: Path, settings: msgspec.Struct, http_port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.folder = folder
        self.http_port = http_port
        self.url = f"http://127.0.0.1:{http_port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}
        (folder / "settings.json").write_bytes(msgspec.json.encode(settings))

    def spawn(self) -> None:
        """Starts it and returns at once."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    f"windlass.programs.{self.name}",
                    str(self.folder / "settings.json"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
            )

    def get(self, path: str = "/", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body. Raises OSError if it is not there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=5)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def json(self, path: str = "/json") -> Any:
        """The JSON at that path."""
        return json.loads(self.get(path)[1])

    def log(self) -> str:
        """All that it has written."""
        return (self.folder / "log").read_text()

    def wait_until_ready(self) -> None:
        """Returns when /readyz answers 200."""
        until(
            lambda: self.get("/readyz")[0] == 200, f"{self.name} ready", timeout_s=START_TIMEOUT_S
        )

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends the signal; the exit code when it is gone."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process = None
        return code

    def close(self) -> None:
        """Ends it if it runs."""
        if self.process is not None:
            self.end(signal.SIGKILL)


class Bootnode(Program):
    """Our bootnode on free ports of loopback."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.key = hashlib.sha256(str(folder).encode()).digest()
        (folder / "key").write_text(self.key.hex())
        (folder / "key").chmod(0o600)
        settings: dict[str, Any] = {
            "network": "test",
            "node": folder.name,
            "key_file": str(folder / "key"),
            "host": "127.0.0.1",
            "bind": "127.0.0.1",
            "port": free_udp_port(),
            "http_port": free_port(),
            "table_file": str(folder / "table.json"),
        }
        self.settings = BootnodeSettings(**{**settings, **changes})
        port = self.settings.port
        self.enode = str(Enode(public_key(self.key), "127.0.0.1", port, port))
        super().__init__("bootnode", folder, self.settings, self.settings.http_port)

    def start(self) -> Bootnode:
        """Starts it and waits until it answers."""
        self.spawn()
        self.wait_until_ready()
        return self

    def known(self) -> int:
        """How many live nodes it reports."""
        return len(self.json()["nodes"])


class Registrar(Program):
    """Our registrar on a free port of loopback."""

    def __init__(self, folder: Path, bootnodes: Sequence[str], **changes: Any) -> None:
        settings: dict[str, Any] = {
            "network": "test",
            "node": "registrar",
            "bind": "127.0.0.1",
            "port": free_port(),
            "bootnodes": tuple(bootnodes),
            "poll_s": 0.2,
        }
        self.settings = RegistrarSettings(**{**settings, **changes})
        super().__init__("registrar", folder, self.settings, self.settings.port)

    def enodes(self) -> list[str]:
        """The list as a node reads it; empty while there is none."""
        status, body = self.get("/")
        return body.decode().strip().split(",") if status == 200 else []
