"""`windlass up` as it is ended: whatever it started stops, and it says so."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.support.network import WINDLASS, Network, environment
from tests.support.wait import until

pytestmark = pytest.mark.timeout(300)

ENDS_WITHIN_S = 90


def begin(network: Network, *arguments: str) -> subprocess.Popen[str]:
    """Starts `windlass up …` in the foreground, its output in two pipes."""
    return subprocess.Popen(
        [str(WINDLASS), "up", *arguments],
        cwd=network.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_foreground_ends_in_order(small: Network, number: signal.Signals) -> None:
    """Ctrl-C, or SIGTERM, stops every program and ends with 0; the data stays."""
    process = begin(small)
    try:
        assert process.stdout
        lines = iter(process.stdout)
        assert any(line.startswith("brook: height ") for line in lines), "it never came up"
        assert small.status()["healthy"]
        process.send_signal(number)
        told = "".join(lines)
        assert process.wait(ENDS_WITHIN_S) == 0
    finally:
        process.kill()
        process.communicate()
    assert "Stopped. The data stays." in told
    until(lambda: not small.pids(), "nothing runs any more", timeout_s=10)
    assert (small.state / "nodes" / "brook" / "sealer" / "geth").is_dir()


def test_the_foreground_ends_when_another_command_stops_it(small: Network) -> None:
    """`windlass down` elsewhere is not fought: the first command says so and ends, too."""
    process = begin(small)
    try:
        assert process.stdout
        lines = iter(process.stdout)
        assert any(line.startswith("brook: height ") for line in lines), "it never came up"
        small.run("down")
        told = "".join(lines)
        assert process.wait(ENDS_WITHIN_S) == 0
    finally:
        process.kill()
        process.communicate()
    assert "Stopped by another command." in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_start_leaves_nothing_running(
    small: Network, number: signal.Signals
) -> None:
    """In the middle of starting, Ctrl-C stops what was started and says so, with exit code 130."""
    process = begin(small, "--detach")
    try:
        geth = ("geth", str(small.state))
        until(
            lambda: [pid for pid in small.pids() if pid != process.pid and runs(pid, *geth)],
            "the first geth runs",
            timeout_s=60,
            poll_s=0.005,
        )
        process.send_signal(number)
        _, told = process.communicate(timeout=ENDS_WITHIN_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, told
    if number != signal.SIGHUP:  # with the terminal gone nobody reads it
        assert "Stops what was started" in told
        assert "Interrupted; what this command had started is stopped." in told
    # The supervisor itself leaves last, having answered that all is stopped.
    until(lambda: not small.pids(), "nothing runs any more", timeout_s=10)
    small.up()
    assert small.status()["healthy"]


def runs(pid: int, program: str, text: str) -> bool:
    """Whether that process is that program and names that text."""
    from tests.support.processes import command_line

    words = command_line(pid)
    return bool(words) and words[0].endswith(program) and any(text in word for word in words)
