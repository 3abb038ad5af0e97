"""How a process of ours ends: by a signal, by a part that fails, or by a refusal in one line."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from windlass.kit.errors import UsageError, WindlassError
from windlass.kit.running import exit_code_of, until_signal


class Part:
    """Works until it is cancelled, or fails when told so."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.fail = asyncio.Event()
        self.ended = False

    async def run(self) -> None:
        self.started.set()
        try:
            await self.fail.wait()
            raise RuntimeError("broken")
        finally:
            self.ended = True


@pytest.fixture(autouse=True)
def _signals_of_pytest() -> Iterator[None]:
    """Ours are put back: a loop that ends leaves the default handlers, not those before it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_all_parts(number: signal.Signals) -> None:
    """SIGTERM and SIGINT are a request for an orderly end, not an error."""
    parts = [Part(), Part()]

    async def send() -> None:
        for part in parts:
            await part.started.wait()
        os.kill(os.getpid(), number)
        await asyncio.Event().wait()

    async with asyncio.timeout(10):
        await until_signal(send(), *(part.run() for part in parts))
    assert all(part.ended for part in parts)


async def test_a_part_that_fails_ends_the_others() -> None:
    """Its error is raised, after the others have ended."""
    parts = [Part(), Part()]
    parts[1].fail.set()
    async with asyncio.timeout(10):
        with pytest.raises(RuntimeError, match="broken"):
            await until_signal(*(part.run() for part in parts))
    assert all(part.ended for part in parts)


@pytest.mark.parametrize("kind", [WindlassError, UsageError])
def test_a_refusal_is_one_line(
    kind: type[WindlassError], capsys: pytest.CaptureFixture[str]
) -> None:
    """Sentence and next step come on one line, and the exit code is the error's."""

    def main(settings_file: str) -> None:
        raise kind(f"There is no\n{settings_file}.", "Make it.")

    assert exit_code_of(main, "a.json") == kind.exit_code
    assert capsys.readouterr().err == "error: There is no a.json. Make it.\n"


@pytest.mark.parametrize("name", ["bridge", "sealer", "bootnode", "registrar"])
def test_a_program_that_can_not_start_says_why(name: str, tmp_path: Path) -> None:
    """Started as runtimes start it, a program without settings ends in one line, no traceback."""
    path = tmp_path / "gone.json"
    for arguments, code in (([str(path)], 2), ([], 2)):
        ended = subprocess.run(
            [sys.executable, "-m", f"windlass.programs.{name}", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.returncode == code
        assert ended.stderr.startswith("error: ")
        assert ended.stderr.count("\n") == 1
        assert not arguments or "gone.json" in ended.stderr
