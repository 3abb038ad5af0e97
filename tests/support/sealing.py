"""A solo network of real processes: one sealer with its geth, and geths that follow."""

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
from tests.support.wait import until
from windlass.chains.ethereum.genesis import Genesis
from windlass.chains.ethereum.quantities import Address

BLOCKS_TIMEOUT_S = 40.0


class Solo:
    """`geths[0]` is the sealer's own, the others follow. `close` ends all of it."""

    kind = Geth

    def __init__(
        self,
        binary: Path,
        folder: Path,
        *,
        followers: int = 1,
        accounts: tuple[Address, ...] = (),
        chain: Genesis | None = None,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.chain = chain or genesis(*accounts)
        self.geths = [
            self.kind(binary, folder / f"geth-{number}", self.chain)
            for number in range(1 + followers)
        ]
        for geth in self.geths:
            geth.static_peers = [other.enode for other in self.geths if other is not geth]
        self.own = self.geths[0]
        self.process: subprocess.Popen[bytes] | None = None
        self.enter: list[str] = []  # what stands before the sealer's command
        self._port = free_port()
        self._settings_file = folder / "sealer.json"
        self.configure(**settings)

    def configure(self, **changes: Any) -> None:
        """Writes the sealer's settings, with these changes."""
        settings = {
            "network": "solo",
            "node": "sealer",
            "chain_id": self.chain.chain_id,
            "genesis_hash": self.chain.hash(),
            "genesis_timestamp": self.chain.timestamp,
            "engine_url": self.own.engine_url,
            "jwt_file": str(self.own.jwt_file),
            "geth_ipc": str(self.own.ipc),
            "database": str(self.folder / "payloads.sqlite"),
            "followers": [
                {"name": f"node-{number}", "engine_url": geth.engine_url}
                for number, geth in enumerate(self.geths[1:])
            ],
            "fee_recipient": "0x" + "fe" * 20,
            "health_host": "127.0.0.1",
            "health_port": self._port,
            "block_time_s": 1,
            **changes,
        }
        self._settings_file.write_text(json.dumps(settings))

    def start(self, *geths: Geth) -> Solo:
        """Starts the geths (all, unless some are named) and the sealer."""
        for geth in geths or self.geths:
            geth.spawn()
        self.start_sealer()
        return self

    def start_sealer(self, fault: str = "") -> None:
        """Starts the sealer alone; `fault` is where it is to die (see kit/faults.py)."""
        with (self.folder / "sealer.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(*self.enter, sys.executable, "-m", "windlass.programs.sealer"),
                    str(self._settings_file),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "WINDLASS_FAULT": fault},
            )

    def page(self, path: str) -> tuple[int, str]:
        """Status and text of one of the sealer's pages."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def state(self) -> dict[str, Any]:
        """The sealer's /state; an OSError while it is not up."""
        state: dict[str, Any] = json.loads(self.page("/state")[1])
        return state

    def until_state(self, what: str, timeout_s: float = BLOCKS_TIMEOUT_S, **wanted: Any) -> None:
        """Waits until these fields of /state have these values."""
        until(
            lambda: [self.state()[name] for name in wanted] == list(wanted.values()),
            what,
            timeout_s=timeout_s,
        )

    def until_block(self, number: int, *geths: Geth, timeout_s: float = BLOCKS_TIMEOUT_S) -> None:
        """Waits until these geths (all that run, unless some are named) have that block."""
        for geth in geths or [geth for geth in self.geths if geth.process]:
            until(
                lambda geth=geth: geth.height() >= number,  # type: ignore[misc]
                f"block {number} at {geth.folder.name}",
                timeout_s=timeout_s,
            )

    def more_blocks(self, count: int, *geths: Geth) -> None:
        """Waits until so many blocks were sealed from now on, and these geths have them."""
        self.until_block(
            until(lambda: self.state()["block_number"] + count, "sealer's state"), *geths
        )

    def chain_of(self, geth: Geth, last: int) -> list[str]:
        """The hashes of its blocks 0 … last."""
        return [geth.block_hash(number) for number in range(last + 1)]

    def assert_same_chain(self) -> list[str]:
        """All running geths have the same blocks up to the lowest head; returns their hashes."""
        running = [geth for geth in self.geths if geth.process]
        last = min(geth.height() for geth in running)
        chains = [self.chain_of(geth, last) for geth in running]
        assert all(chain == chains[0] for chain in chains)
        blocks = [self.own.rpc.block(number) for number in range(last + 1)]
        assert [block["parentHash"] for block in blocks[1:]] == chains[0][:-1]
        return chains[0]

    def kill_sealer(self) -> None:
        """SIGKILL; returns when it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def died(self, timeout_s: float = 20) -> int:
        """Waits for the sealer's end; its exit code, or minus the signal."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def stop_sealer(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.died()

    def close(self) -> None:
        """Ends everything."""
        if self.process is not None and self.process.poll() is None:
            self.kill_sealer()
        for geth in self.geths:
            geth.close()
