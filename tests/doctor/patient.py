"""A running network that a test makes ill, asks the doctor about, and mends."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tests.support.network import CommandFailedError, Network
from tests.support.wait import until

ILL_TIMEOUT_S = 60.0
WELL_TIMEOUT_S = 120.0


class Patient(Network):
    """A network and what `windlass doctor --json` says of it."""

    def examine(self) -> dict[str, Any]:
        """The report; its `healthy` and the command's exit code must agree."""
        done = self.run("doctor", "--json", check=False)
        try:
            report: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise CommandFailedError(f"doctor: {done.stdout}{done.stderr}") from None
        assert done.returncode == (0 if report["healthy"] else 1), done.stdout + done.stderr
        return report

    def finding(
        self, code: str, node: str | None = None, timeout_s: float = ILL_TIMEOUT_S
    ) -> dict[str, Any]:
        """Waits until the doctor finds this, and returns it."""
        seen: list[Any] = []

        def found() -> dict[str, Any]:
            seen[:] = self.examine()["findings"]
            return next((f for f in seen if f["code"] == code and f["node"] == node), {})

        try:
            return until(found, f"{code} of {node}", timeout_s=timeout_s, poll_s=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}; found instead: {json.dumps(seen, indent=1)}") from None

    def is_well(self, timeout_s: float = WELL_TIMEOUT_S) -> None:
        """Waits until there is nothing to find any more."""
        seen: list[Any] = []

        def nothing() -> bool:
            seen[:] = self.examine()["findings"]
            return not seen

        try:
            until(nothing, "nothing to find", timeout_s=timeout_s, poll_s=0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}; found: {json.dumps(seen, indent=1)}") from None

    def pid(self, node: str, process: str) -> int:
        """The process of that name, once it runs."""

        def running() -> int | None:
            processes = self.node(node)["processes"]
            return next((p["pid"] for p in processes if p["name"] == process), None)

        pid = until(running, f"{process} of {node} runs")
        assert pid is not None
        return pid

    def end(self, node: str, process: str) -> None:
        """Kills a process and waits until its supervisor has started another."""
        before = self.pid(node, process)
        assert self.kill(before)
        until(lambda: self.pid(node, process) != before, f"another {process} of {node}")

    def freeze(self, node: str, process: str) -> int:
        """Stops a process where it is; returns its pid."""
        pid = self.pid(node, process)
        assert self.kill(pid, signal.SIGSTOP)
        return pid

    def thaw(self, pid: int) -> None:
        """Lets a frozen process go on."""
        self.kill(pid, signal.SIGCONT)

    def home(self, node: str) -> Path:
        """The workload's own directory."""
        found = list(self.state.glob(f"nodes/*/{node}"))
        assert len(found) == 1, found
        return found[0]
