"""Where processes' logs lie, how they are kept small, and how they are read.

Rotation copies a log and cuts it in place, since the process that writes it has it open and knows
nothing of us. The lines that arrive between the two steps are lost: a few at worst, once per
`ROTATE_BYTES`; the other way (reopening at a signal) geth and CometBFT do not know.
"""

from __future__ import annotations

import heapq
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

ROTATE_BYTES = 32 << 20
KEEP = 3
LINE_BYTES_MAX = 1 << 16
FOLLOW_POLL_S = 0.2
LOOK_AGAIN_S = 1.0  # a few polls: a new program's first lines are in its file and wait there


class LogFile(msgspec.Struct, frozen=True, kw_only=True):
    """The log of one process (the supervisor's has no network and no node)."""

    network: str
    node: str
    process: str
    path: Path


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line and when it was written (Unix, s), as far as it says so or a line before it did."""

    source: LogFile
    text: str
    time: float | None


def log_path(state: Path, network: str, node: str, process: str) -> Path:
    """Where a process's log lies."""
    return state / "logs" / network / node / f"{process}.log"


def supervisor_log_path(state: Path) -> Path:
    """Where the supervisor's own log lies."""
    return state / "logs" / "supervisor.log"


def log_files(state: Path) -> list[LogFile]:
    """Every log that is there, also of processes that no longer are."""
    found = []
    for path in sorted((state / "logs").glob("*/*/*.log")):
        network, node = path.parts[-3:-1]
        found.append(LogFile(network=network, node=node, process=path.stem, path=path))
    own = supervisor_log_path(state)
    if own.exists():
        found.append(LogFile(network="", node="", process="supervisor", path=own))
    return found


# -- keeping them small -------------------------------------------------------------------------


def rotate(path: Path, *, bytes_max: int = ROTATE_BYTES, keep: int = KEEP) -> bool:
    """If the log has outgrown `bytes_max`, moves its content to NAME.1 (NAME.1 to NAME.2, …).

    Without room for the copy the log is cut all the same: its disk is full already. Raises nothing
    for a log that is not there.
    """
    try:
        if path.stat().st_size <= bytes_max:
            return False
    except OSError:
        return False
    oldest = path.with_name(f"{path.name}.{keep}")
    oldest.unlink(missing_ok=True)
    for number in range(keep - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.rename(path.with_name(f"{path.name}.{number + 1}"))
    first = path.with_name(f"{path.name}.1")
    try:
        shutil.copyfile(path, first)
        first.chmod(0o600)
    except OSError:
        first.unlink(missing_ok=True)
    os.truncate(path, 0)
    return True


def tail(path: Path, *, bytes_max: int, since_byte: int = 0) -> str:
    """The last bytes of a log, not reaching back before `since_byte`; empty if it is not there."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = since_byte if since_byte <= size else 0  # it was cut meanwhile
            file.seek(max(start, size - bytes_max))
            return file.read(bytes_max).decode("utf-8", "replace")
    except OSError:
        return ""


def size_of(path: Path) -> int:
    """The length of a log; 0 if it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


# -- reading ------------------------------------------------------------------------------------


def read(
    files: Iterable[LogFile],
    *,
    since: float | None = None,
    follow: bool = False,
    look_again: Callable[[], Iterable[LogFile]] = tuple,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[LogLine]:
    """All lines of all files, merged by their times; lines without one stay with the one before.

    `since` (Unix, s) leaves out older lines. With `follow` it goes on with what is appended, until
    `stopped()` says so; rotation is followed, too, and the logs that `look_again` finds besides:
    those of programs that were started meanwhile.
    """
    tails = {file.path: _Tail(file) for file in files}
    yield from _merged([_after(tail.old_lines(), since) for tail in tails.values()])
    looked = time.monotonic()
    while follow and not stopped():
        if time.monotonic() - looked > LOOK_AGAIN_S:
            looked = time.monotonic()
            for file in look_again():
                tails.setdefault(file.path, _Tail(file))
        lines = list(_merged([_after(tail.new_lines(), since) for tail in tails.values()]))
        yield from lines
        if not lines:
            time.sleep(FOLLOW_POLL_S)


def _after(lines: Iterable[LogLine], since: float | None) -> Iterator[LogLine]:
    return (line for line in lines if since is None or (line.time or 0.0) >= since)


def _merged(batches: Iterable[Iterable[LogLine]]) -> Iterator[LogLine]:
    return heapq.merge(*batches, key=lambda line: line.time or 0.0)


class _Tail:
    """One log, read on from where the last reading ended."""

    def __init__(self, source: LogFile) -> None:
        self._source = source
        self._offset = 0
        self._clock = _Clock()

    def old_lines(self) -> Iterator[LogLine]:
        """What is there now, the rotated parts first."""
        path = self._source.path
        for number in range(KEEP, 0, -1):
            yield from self._lines_of(path.with_name(f"{path.name}.{number}"), 0)
        yield from self.new_lines()

    def new_lines(self) -> Iterator[LogLine]:
        """What was appended since; from the start if the log was cut."""
        size = size_of(self._source.path)
        if size < self._offset:
            self._offset = 0
        yield from self._lines_of(self._source.path, self._offset, remember=True)

    def _lines_of(self, path: Path, offset: int, *, remember: bool = False) -> Iterator[LogLine]:
        try:
            with path.open("rb") as file:
                file.seek(offset)
                while line := file.readline(LINE_BYTES_MAX):
                    if remember and not line.endswith(b"\n") and len(line) < LINE_BYTES_MAX:
                        return  # its writer is in the middle of it: next time
                    offset += len(line)
                    if remember:
                        self._offset = offset
                    text = line.decode("utf-8", "replace").rstrip("\r\n")
                    yield LogLine(source=self._source, text=text, time=self._clock.of(text))
        except OSError:
            return


_JSON_TIME = re.compile(r'"(?:time|t|ts|_time)":\s*"([^"]{19,40})"')
_COMETBFT_TIME = re.compile(r"^[A-Z]\[(\d{4}-\d\d-\d\d)\|(\d\d:\d\d:\d\d(?:\.\d+)?)\]")
_GETH_TIME = re.compile(
    r"^(?:INFO|WARN|ERROR|DEBUG|TRACE|CRIT)\s*\[(\d\d)-(\d\d)\|(\d\d:\d\d:\d\d\.\d+)\]"
)


class _Clock:
    """The time of each line of a log; a line without one has that of the line before."""

    def __init__(self) -> None:
        self._last: float | None = None

    def of(self, line: str) -> float | None:
        """When the line was written, in seconds since 1970."""
        try:
            found = _time_of(line)
        except ValueError:
            found = None
        self._last = self._last if found is None else found
        return self._last


def _time_of(line: str) -> float | None:
    """geth and CometBFT write local times, and the launcher lets them live in UTC."""
    if line.startswith("{"):
        match = _JSON_TIME.search(line)
        return datetime.fromisoformat(match.group(1)).timestamp() if match else None
    if match := _COMETBFT_TIME.match(line):
        return _utc(f"{match.group(1)}T{match.group(2)}").timestamp()
    if match := _GETH_TIME.match(line):
        return _geth_time(int(match.group(1)), int(match.group(2)), match.group(3))
    return None


def _geth_time(month: int, day: int, clock: str) -> float:
    """geth leaves out the year: it is this one, or last year's if that would lie ahead."""
    now = datetime.now(UTC)
    moment = _utc(f"{now.year:04d}-{month:02d}-{day:02d}T{clock}")
    if moment.timestamp() > now.timestamp() + 86_400:
        moment = moment.replace(year=now.year - 1)
    return moment.timestamp()


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
