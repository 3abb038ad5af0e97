"""A gateway of a test, in front of the geths of a real solo network."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.geth import Geth, free_port, genesis
from tests.support.rpc import Rpc
from tests.support.sealing import Solo
from tests.support.transfers import Sender, senders
from tests.support.wait import until
from windlass.chains.ethereum.genesis import Genesis
from windlass.chains.ethereum.quantities import Address

START_TIMEOUT_S = 30.0


class WebSocketGeth(Geth):
    """A geth as the plan starts it behind a gateway: with WebSocket and a large pool."""

    def __init__(self, binary: Path, folder: Path, chain: Genesis) -> None:
        super().__init__(binary, folder, chain)
        self.ports["ws"] = free_port()
        self.ws_url = f"ws://127.0.0.1:{self.ports['ws']}"

    def _command(self) -> list[str]:
        return [
            *super()._command(),
            *("--ws", "--ws.addr", "127.0.0.1", "--ws.port", str(self.ports["ws"])),
            *("--ws.api", "eth,net,web3,txpool,debug"),
            *("--txpool.accountslots", "16384", "--txpool.globalslots", "16384"),
            *("--txpool.accountqueue", "16384", "--txpool.globalqueue", "16384"),
        ]


class WebSocketSolo(Solo):
    """A solo network whose geths have WebSockets."""

    kind = WebSocketGeth
    geths: list[WebSocketGeth]  # type: ignore[assignment]


class Gateway:
    """A gateway process; `nodes` are the geths behind it, with their priorities."""

    def __init__(
        self, folder: Path, chain: Genesis, nodes: list[tuple[WebSocketGeth, int]], **settings: Any
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.chain = chain
        self.ports = {name: free_port() for name in ("http", "ws", "health")}
        self.url = f"http://127.0.0.1:{self.ports['http']}"
        self.ws_url = f"ws://127.0.0.1:{self.ports['ws']}"
        self.process: subprocess.Popen[bytes] | None = None
        self._nodes_file = folder / "nodes.json"
        self._settings_file = folder / "gateway.json"
        self.write_nodes(nodes)
        self.configure(**settings)

    def write_nodes(self, nodes: list[tuple[WebSocketGeth, int]]) -> None:
        """Replaces the file of nodes as whoever writes it does: by a rename."""
        content = {
            "nodes": [
                {
                    "name": geth.folder.name,
                    "rpc_url": geth.rpc_url,
                    "ws_url": geth.ws_url,
                    "priority": priority,
                }
                for geth, priority in nodes
            ]
        }
        fresh = self._nodes_file.with_suffix(".new")
        fresh.write_text(json.dumps(content))
        fresh.rename(self._nodes_file)

    def configure(self, **changes: Any) -> None:
        """Writes the settings, with these changes."""
        settings = {
            "network": "solo",
            "node": "gateway",
            "chain_id": self.chain.chain_id,
            "genesis_hash": self.chain.hash(),
            "block_time_s": 1,
            "nodes_file": str(self._nodes_file),
            "database": str(self.folder / "journal.sqlite"),
            "host": "127.0.0.1",
            "http_port": self.ports["http"],
            "ws_port": self.ports["ws"],
            "health_host": "127.0.0.1",
            "health_port": self.ports["health"],
            **changes,
        }
        self._settings_file.write_text(json.dumps(settings))

    def spawn(self, fault: str = "") -> None:
        """Starts it and returns at once; `fault` is where it is to die."""
        with (self.folder / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "windlass.programs.gateway"),
                    str(self._settings_file),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "WINDLASS_FAULT": fault},
            )

    def start(self, fault: str = "") -> Gateway:
        """Starts it and waits until it is ready."""
        self.spawn(fault)
        until(
            lambda: self.page("/readyz")[0] == 200,
            "the gateway is ready",
            timeout_s=START_TIMEOUT_S,
        )
        return self

    @property
    def rpc(self) -> Rpc:
        """A new client of it."""
        return Rpc(self.url)

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of one of its pages."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["health"], timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def state(self) -> dict[str, Any]:
        """Its /state."""
        state: dict[str, Any] = json.loads(self.page("/state")[1])
        return state

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def died(self, timeout_s: float = 20) -> int:
        """Waits for its end; its exit code, or minus the signal."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.died()

    def close(self) -> None:
        """Ends it, whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            self.kill()


class GatewayNetwork:
    """A sealer, its geth (a block maker, priority 1), RPC nodes (priority 0), and a gateway."""

    def __init__(
        self, binary: Path, folder: Path, *, nodes: int = 2, accounts: int = 8, **settings: Any
    ) -> None:
        chain = genesis()
        self.senders: list[Sender] = senders(accounts, chain.chain_id, "gateway")
        chain = genesis(*(Address(one.address) for one in self.senders))
        self.solo = WebSocketSolo(binary, folder, followers=nodes, chain=chain)
        self.geths = self.solo.geths
        self.maker, self.nodes = self.geths[0], self.geths[1:]
        listed = [(geth, 0) for geth in self.nodes] + [(self.maker, 1)]
        self.gateway = Gateway(folder / "gateway", chain, listed, **settings)

    def start(self) -> GatewayNetwork:
        """Starts everything; the chain has a block and every geth is used."""
        self.solo.start()
        self.solo.until_block(1)
        self.gateway.start()
        until(
            lambda: all(node["usable"] for node in self.gateway.state()["nodes"]),
            "the gateway uses all nodes",
        )
        return self

    def close(self) -> None:
        """Ends everything."""
        self.gateway.close()
        self.solo.close()
