"""A real network, driven as a person would: by a spec file and the `windlass` command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support import processes
from tests.support.rpc import Rpc

COMMAND_TIMEOUT_S = 180.0
WINDLASS = Path(sys.executable).with_name("windlass")

SPEC = """\
schema: 1
name: {name}
networks:
  {name}:
    family: ethereum
    consensus: {consensus}
    chain_id: {chain_id}
{fields}
    genesis:
      accounts:
{accounts}
{contracts}
"""


def spec(
    name: str = "harbour",
    *,
    consensus: str = "bft",
    chain_id: int = 20261,
    accounts: list[str] | None = None,
    contracts: dict[str, str] | None = None,
    **fields: object,
) -> str:
    """A windlass.yaml with one network; `accounts` are addresses that hold a million ether,
    `contracts` addresses with their code."""
    lines = ["        - {name: treasury, balance: 1000000 ether}"]
    lines += [f'        - {{address: "{one}", balance: 1000000 ether}}' for one in accounts or []]
    return SPEC.format(
        name=name,
        consensus=consensus,
        chain_id=chain_id,
        fields="\n".join(f"    {key}: {value}" for key, value in fields.items()),
        accounts="\n".join(lines),
        contracts="\n".join(
            ["      contracts:"]
            + [f'        - {{address: "{at}", code: "{code}"}}' for at, code in contracts.items()]
        )
        if contracts
        else "",
    )


def environment() -> dict[str, str]:
    """The person's environment, with the tests' binaries first on the path if they are named."""
    variables = dict(os.environ)
    folder = variables.get("WINDLASS_TEST_BINARIES")
    if folder:
        variables["PATH"] = folder + os.pathsep + variables.get("PATH", "")
    return variables


class CommandFailedError(AssertionError):
    """A command that should have worked did not; carries everything it printed."""


class Network:
    """One spec in a folder of its own; `close` ends every process of it, whatever happened."""

    def __init__(self, folder: Path, text: str, windlass: Path = WINDLASS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.windlass = windlass
        self.file = folder / "windlass.yaml"
        self.file.write_text(text)
        self.state = folder / ".windlass"

    def run(
        self, *arguments: str, check: bool = True, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Runs `windlass …` in the folder. With `check`, an exit code other than 0 fails."""
        done = subprocess.run(
            [str(self.windlass), *arguments],
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if check and done.returncode:
            printed = done.stdout + done.stderr
            raise CommandFailedError(f"{arguments}: exit {done.returncode}\n{printed}")
        return done

    def up(self, *arguments: str) -> str:
        """Starts it and waits until it is healthy; returns what was printed."""
        return self.run("up", "--detach", *arguments).stdout

    def status(self) -> dict[str, Any]:
        """`windlass status --json`, whatever its exit code."""
        shown = self.run("status", "--json", check=False)
        try:
            found: dict[str, Any] = json.loads(shown.stdout)
        except ValueError:
            raise CommandFailedError(f"status: {shown.stdout}{shown.stderr}") from None
        return found

    def network(self) -> dict[str, Any]:
        """The only network's part of the status."""
        (only,) = self.status()["networks"]
        return dict(only)

    def nodes(self, *roles: str) -> list[dict[str, Any]]:
        """The status of the nodes in these roles, of all if none is named."""
        return [one for one in self.network()["nodes"] if not roles or one["role"] in roles]

    def node(self, name: str) -> dict[str, Any]:
        """The status of one node."""
        return next(one for one in self.nodes() if one["name"] == name)

    def rpc(self, name: str | None = None) -> Rpc:
        """A client of that node, of the network's own address if none is named."""
        if name is None:
            return Rpc(self.network()["endpoints"]["rpc"])
        return Rpc(self.node(name)["rpc"])

    def rpc_urls(self) -> dict[str, str]:
        """The RPC address of every node that has one."""
        return {one["name"]: one["rpc"] for one in self.nodes() if one["rpc"]}

    def pids(self) -> list[int]:
        """Every process whose command line names this folder's state: ours and only ours."""
        return [pid for pid in processes.mentioning(str(self.state)) if pid != os.getpid()]

    def kill(self, pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
        """Signals a process of this network; False if that pid is no longer one of ours."""
        return processes.send(pid, number, str(self.state))

    def close(self) -> None:
        """Stops the network; what does not stop is killed."""
        try:
            if self.state.exists():
                self.run("down", "--purge", "--yes", check=False, timeout_s=90)
        finally:
            for pid in self.pids():
                self.kill(pid, signal.SIGCONT)
                self.kill(pid)
