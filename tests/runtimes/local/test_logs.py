"""Logs: kept small under a program that goes on writing, and read in the order of their times."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.runtimes.local.harness import Bench, eventually
from windlass.runtimes.local import launcher, logs
from windlass.runtimes.local.logs import LogFile, read, rotate, tail


def log_file(tmp_path: Path, node: str, text: str) -> LogFile:
    """A log with that content."""
    path = logs.log_path(tmp_path, "net", node, "geth")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return LogFile(network="net", node=node, process="geth", path=path)


def stamp(unix_s: float) -> str:
    """As our own programs write times."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(unix_s)) + ".000Z"


@pytest.fixture
def live_in() -> Iterator[Callable[[str], None]]:
    """Sets the time zone of this process, as TZ in a person's shell does."""
    with pytest.MonkeyPatch.context() as patch:

        def move(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        yield move
    time.tzset()


def test_rotation_keeps_what_the_writer_appends(tmp_path: Path) -> None:
    """A log over its size becomes NAME.1 in place; its writer goes on in the emptied file."""
    path = tmp_path / "a.log"
    with path.open("ab", buffering=0) as writer:
        for number in range(1, 6):
            writer.write(f"{number} {'x' * 100}\n".encode())
            assert rotate(path, bytes_max=50, keep=3)
            writer.write(b"after\n")
            assert path.read_bytes() == b"after\n"

    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "a.log", "a.log.1", "a.log.2", "a.log.3",
    ]  # fmt: skip
    assert (tmp_path / "a.log.1").read_text().startswith("after\n5 ")


def test_small_or_missing_log_is_left_alone(tmp_path: Path) -> None:
    """Nothing happens below the size, or where there is no log."""
    path = tmp_path / "a.log"
    assert not rotate(path)
    path.write_text("x")
    assert not rotate(path)
    assert path.read_text() == "x"


def test_logs_are_merged_by_time(tmp_path: Path) -> None:
    """Lines of several logs come in the order of their times; a line without one stays behind the
    line before it."""
    now = time.time() - 1000
    a = log_file(tmp_path, "a", f'{{"time":"{stamp(now)}","m":1}}\n  more\n')
    b = log_file(tmp_path, "b", f'{{"time":"{stamp(now - 5)}","m":0}}\n')
    c = log_file(tmp_path, "c", f'{{"time":"{stamp(now + 5)}","m":2}}\n')

    found = [line.text[-9:] for line in read([c, a, b])]

    assert [text.strip()[-5:] for text in found] == ['"m":0}'[-5:], '"m":1}'[-5:], "more", 'm":2}']


def test_since_leaves_out_what_is_older(tmp_path: Path) -> None:
    """`since` cuts at a time, in rotated parts, too."""
    now = time.time() - 1000
    file = log_file(tmp_path, "a", f'{{"time":"{stamp(now)}","m":"new"}}\n')
    file.path.with_name("geth.log.1").write_text(f'{{"time":"{stamp(now - 60)}","m":"old"}}\n')

    assert len(list(read([file]))) == 2
    assert [line.text[-6:] for line in read([file], since=now - 1)] == ['"new"}']


def test_times_of_all_programs_are_understood() -> None:
    """geth's, CometBFT's and our own ways to write a time."""
    clock = logs._Clock()
    assert clock.of('{"time":"2026-11-21T13:55:07.500Z","level":"info"}') == 1795269307.5
    assert clock.of("I[2026-11-21|13:55:07.250] Starting  module=main") == 1795269307.25
    assert clock.of("a line without a time") == 1795269307.25
    now = datetime.now(UTC)
    line = f"INFO [{now:%m-%d}|{now:%H:%M:%S}.125] Imported new chain segment"
    assert clock.of(line) == now.replace(microsecond=125000).timestamp()
    ahead = clock.of("WARN [02-29|10:00:00.000] a day that this year may not have")
    assert ahead is not None


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "PST8PDT", "UTC"])
def test_local_times_of_programs_are_understood(
    tmp_path: Path, live_in: Callable[[str], None], zone: str
) -> None:
    """A program that logs its local time, as geth does, is understood wherever its starter and the
    reader of its log believe themselves to be."""
    live_in(zone)
    file = log_file(tmp_path, "a", "")
    began = time.time()
    started = launcher.launch(
        [shutil.which("date") or "date", "+I[%Y-%m-%d|%H:%M:%S] like CometBFT"],
        {},
        state=tmp_path,
        process="net/a/geth",
        directory=tmp_path / "a",
        log_file=file.path,
    )
    assert started.exit_code() == 0
    live_in("NZ" if zone == "UTC" else "UTC")

    (line,) = read([file])

    assert line.time is not None
    assert began - 1 <= line.time <= time.time()


def test_following_sees_appends_and_rotation(tmp_path: Path) -> None:
    """What is appended comes, also after the log was cut; half a line waits for its rest."""
    file = log_file(tmp_path, "a", "one\n")
    end = threading.Event()
    texts: list[str] = []

    def follow() -> None:
        texts.extend(line.text for line in read([file], follow=True, stopped=end.is_set))

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    eventually(lambda: texts == ["one"])
    with file.path.open("ab", buffering=0) as writer:
        writer.write(b"tw")
        writer.write(b"o\n")
        eventually(lambda: texts == ["one", "two"])
        assert rotate(file.path, bytes_max=1)
        writer.write(b"three\n")
        eventually(lambda: texts == ["one", "two", "three"])
    end.set()
    reader.join(5)
    assert not reader.is_alive()


def test_following_finds_programs_that_appear_later(tmp_path: Path) -> None:
    """Who follows a network's logs sees the first line of a program that is started meanwhile."""
    files = [log_file(tmp_path, "a", "one\n")]
    end = threading.Event()
    texts: list[tuple[str, str]] = []

    def follow() -> None:
        lines = read(
            files, follow=True, look_again=lambda: logs.log_files(tmp_path), stopped=end.is_set
        )
        texts.extend((line.source.node, line.text) for line in lines)

    reader = threading.Thread(target=follow, daemon=True)
    reader.start()
    eventually(lambda: texts == [("a", "one")])
    log_file(tmp_path, "b", "first\nsecond\n")
    eventually(lambda: texts[1:] == [("b", "first"), ("b", "second")])
    with files[0].path.open("a") as writer:
        writer.write("two\n")
    eventually(lambda: texts[3:] == [("a", "two")])
    end.set()
    reader.join(5)
    assert not reader.is_alive()


def test_tail_does_not_reach_back_before_a_start(tmp_path: Path) -> None:
    """The words of this start are not mixed with those of the one before."""
    path = tmp_path / "a.log"
    path.write_text("before\nafter\n")
    assert tail(path, bytes_max=100, since_byte=7) == "after\n"
    assert tail(path, bytes_max=3) == "er\n"
    assert tail(tmp_path / "none", bytes_max=3) == ""


def test_all_logs_are_found(bench: Bench) -> None:
    """The logs of all processes and the supervisor's own."""
    bench.apply(bench.workload("a", bench.process("one")))
    bench.ready("a/one")

    found = {(file.node, file.process) for file in logs.log_files(bench.directory)}

    assert found == {("a", "one"), ("", "supervisor")}
