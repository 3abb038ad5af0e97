"""The foreground of `windlass up`: what it draws, and what becomes of the network when it can't."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.network import WINDLASS, Network, environment
from tests.support.terminal import CTRL_C, Terminal
from tests.support.wait import until
from windlass.cli.ending import Ending
from windlass.cli.table import COLUMNS
from windlass.cli.watch import heights, now, watch
from windlass.runtimes.local.errors import UnusableState
from windlass.runtimes.local.place import Place
from windlass.runtimes.local.state import FILE_NAME, State

pytestmark = pytest.mark.timeout(300)

UP_WITHIN_S = 120
ENDS_WITHIN_S = 90


def rows(lines: list[str], header: list[str]) -> list[dict[str, str]]:
    """The lines below each header that have a word for each of its columns."""
    found: list[dict[str, str]] = []
    inside = False
    for line in lines:
        words = line.replace(" MiB", "MiB").split()
        if words == header:
            inside = True
        elif inside and len(words) >= len(header):
            found.append(dict(zip(header, words, strict=False)))
    return found


@pytest.mark.parametrize(
    ("columns", "header"),
    [(100, list(COLUMNS)), (40, ["node", "state", "height", "finalized"])],
)
def test_the_table_lives_until_ctrl_c(small: Network, columns: int, header: list[str]) -> None:
    """It shows every node and a height that grows, within the terminal's width and with no word
    cut; Ctrl-C then stops all programs in order, with exit code 0."""
    with Terminal(small.folder, "up", columns=columns) as terminal:

        def heights() -> set[int]:
            return {
                int(row["height"])
                for row in rows(terminal.lines(), header)
                if row["node"] == "sealer" and row["state"] == "healthy"
            }

        until(lambda: len(heights()) > 2, "the height grows", timeout_s=UP_WITHIN_S)
        drawn = terminal.lines()
        begin = drawn.index(next(line for line in drawn if line.split() == header))
        terminal.press(CTRL_C)
        assert terminal.ended(timeout_s=ENDS_WITHIN_S) == 0
        told = terminal.lines()
    seen = {row["node"]: row for row in rows(drawn, header)}
    assert {"sealer", "bootnode-0", "registrar"} <= set(seen)
    table = [line for line in drawn[begin:] if line]
    assert max(map(len, table)) <= columns
    assert not any("…" in line for line in table)
    if "memory" in header:
        assert seen["sealer"]["network"] == "brook"
        assert seen["sealer"]["role"] == "sealer"
        assert seen["sealer"]["memory"].endswith("MiB")
        assert seen["sealer"]["uptime"].endswith("s")
        assert seen["registrar"]["height"] == seen["registrar"]["peers"] == "–"
    assert "Ctrl-C stops it." in drawn
    assert "Stopped. The data stays." in told
    until(lambda: not small.pids(), "nothing runs any more", timeout_s=10)
    with State.open(small.state) as state:
        ended = {f"{one.node}/{one.process}": one for one in state.processes()}
    assert {one.state for one in ended.values()} == {"stopped"}
    assert ended["sealer/sealer"].since <= ended["sealer/geth"].since


def test_a_full_disk_behind_the_output_stops_it(small: Network) -> None:
    """Where nothing can be said any more nobody is in the foreground: nothing is left running, and
    why is told."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [str(WINDLASS), "up"],
            cwd=small.folder,
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=UP_WITHIN_S + ENDS_WITHIN_S,
            check=False,
        )
    assert done.returncode == 1
    assert "Stopping in order" in done.stderr
    assert "Standard output can't be written: No space left on device." in done.stderr
    until(lambda: not small.pids(), "nothing runs any more", timeout_s=10)


def test_a_state_that_can_not_be_read_stops_it(
    small: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever ends the watching, the networks are stopped in order, and the reason is told."""
    small.up()
    place = Place(spec_path=small.file, state=small.state)

    def fails() -> None:
        raise UnusableState("The state can't be used now.", "Wait.")

    with Ending() as ending:
        ending.hold()
        assert watch(place, ending, before=fails, down="windlass down") == 1
    told = capsys.readouterr()
    assert "error: The state can't be used now.\n  Wait.\n" in told.err
    assert "Stopped. The data stays." in told.out
    until(lambda: not small.pids(), "nothing runs any more", timeout_s=10)


def test_a_state_that_is_damaged_meanwhile(
    small: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can't be stopped runs on; that is said, with the reason and how to stop it after all."""
    small.up()
    running = set(small.pids())
    for name in (FILE_NAME, f"{FILE_NAME}-wal"):
        path = small.state / name
        with path.open("r+b") as file:
            file.write(b"no database " * (path.stat().st_size // 12))
    place = Place(spec_path=small.file, state=small.state)
    with Ending() as ending:
        ending.hold()
        code = watch(place, ending, before=lambda: None, down="windlass down -f x.yaml")
    assert code == 1
    told = capsys.readouterr()
    assert "is damaged" in told.err
    assert "So what was started runs on." in told.err
    assert "Then `windlass down -f x.yaml` stops it." in told.err
    assert "Stopped" not in told.out
    assert running <= set(small.pids())


def test_no_height_is_a_dash_with_a_reason(small: Network) -> None:
    """In a pipe, while the only sealer is stopped, the line says that it is not healthy."""
    small.up()
    small.run("stop", "sealer")
    place = Place(spec_path=small.file, state=small.state)
    with State.open(place.state) as state:
        (network,) = now(state).networks
    assert heights(network) == "brook: height –, finalized –: the sealer is not healthy"
