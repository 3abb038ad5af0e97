"""Builds with the real Go from the real module proxy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.runtimes.local.binaries.test_store import add
from tests.support import processes
from tests.support.wait import until
from windlass.runtimes.local.binaries import Binaries, BuildError, Progress
from windlass.runtimes.local.binaries.build import Build, check_disk
from windlass.runtimes.local.binaries.catalogue import PINNED, PROGRAMS, Record, record
from windlass.runtimes.local.binaries.errors import DiskSpaceError
from windlass.runtimes.local.binaries.finder import installed_version
from windlass.runtimes.local.binaries.store import Store
from windlass.runtimes.local.binaries.toolchain import Toolchain

COMETBFT = PROGRAMS["cometbft"]
VERSION = PINNED["cometbft"]

BUILDER = """
import sys
from pathlib import Path
from windlass.runtimes.local.binaries import Binaries
Binaries(Path(sys.argv[1])).ensure(
    "cometbft", sys.argv[2], lambda progress: print(progress.step, flush=True)
)
"""


def recorded() -> Record:
    """The record of CometBFT."""
    found = record(COMETBFT, VERSION)
    assert found is not None
    return found


@pytest.fixture
def only_go(go_on_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """PATH has Go and what it had before, but no chain client, so that they are built."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "go").symlink_to(go_on_path)
    folders = os.environ["PATH"].split(os.pathsep)
    kept = [one for one in folders if not any((Path(one) / name).exists() for name in PROGRAMS)]
    monkeypatch.setenv("PATH", os.pathsep.join([str(folder), *kept]))
    return folder / "go"


@pytest.mark.timeout(600)
def test_builds_what_was_asked_for(only_go: Path, tmp_path: Path) -> None:
    """From nothing: a program that says its version, in the cache, and nothing else left there."""
    seen: list[Progress] = []
    cache = tmp_path / "cache"
    binaries = Binaries(cache)

    built = binaries.ensure("cometbft", VERSION, seen.append)

    assert installed_version(COMETBFT, built.path) == VERSION
    assert (built.origin, built.version) == ("cache", VERSION)
    assert [one.problem for one in binaries.verify()] == [None]
    assert {one.name for one in cache.iterdir()} == {"binaries", "lock"}
    steps = list(dict.fromkeys(one.step for one in seen))
    assert steps == ["toolchain", "download", "compile", "check", "done"]
    assert str(only_go) in seen[0].detail
    compiled = [one for one in seen if one.step == "compile"]
    assert all(one.total and one.done <= one.total for one in compiled)
    # A second call finds it and starts nothing.
    seen.clear()
    assert binaries.ensure("cometbft", VERSION, seen.append) == built
    assert seen == []


def test_a_module_that_differs_from_the_record_is_refused(go: Toolchain, tmp_path: Path) -> None:
    """One other sum in the record and nothing is built; the error says what that means."""
    true = recorded()
    line = next(
        line
        for line in true.go_sum.decode().splitlines()
        if line.startswith(f"{COMETBFT.module} v{VERSION} h1:")
    )
    other = line[:-10] + "AAAAAAAAA="
    changed = Record(true.go_mod, true.go_sum.replace(line.encode(), other.encode()))
    build = Build(COMETBFT, VERSION, changed, tmp_path / "build", go, lambda _: None)

    with pytest.raises(BuildError) as refusal:
        build.run()

    assert refusal.value.step == "download"
    assert "checksum mismatch" in refusal.value.sentence
    assert "GOPROXY" in refusal.value.next_step


def test_a_failed_step_is_named_and_shown(go: Toolchain, tmp_path: Path) -> None:
    """The error says what was being built, which step failed, and the tool's last words."""
    true = recorded()
    cut = Record(true.go_mod.replace(b"cometbft-db v0.14.1", b"cometbft-db v0.0.0"), true.go_sum)
    build = Build(COMETBFT, VERSION, cut, tmp_path / "build", go, lambda _: None)

    with pytest.raises(BuildError) as refusal:
        build.run()

    assert refusal.value.sentence.startswith(f"CometBFT {VERSION} could not be built: download")
    assert "go ended with exit code 1" in refusal.value.sentence
    assert refusal.value.tail
    assert refusal.value.tail[-1] in refusal.value.sentence


def test_a_program_of_another_version_is_not_taken(go: Toolchain, tmp_path: Path) -> None:
    """What was built must say that it is what was asked for."""
    build = Build(COMETBFT, "0.38.99", recorded(), tmp_path / "build", go, lambda _: None)

    with pytest.raises(BuildError, match=f"check failed: it says that it is {VERSION}"):
        build.run()


def building(cache: Path, home: Path) -> subprocess.Popen[str]:
    """A build in a process of its own, without objects from earlier ones, now compiling."""
    builder = subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(cache), VERSION],
        env={**os.environ, "GOCACHE": str(home / "objects")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert builder.stdout is not None
    assert any(line.strip() == "compile" for line in builder.stdout)
    until(lambda: processes.mentioning(str(cache)), "Go compiles")
    return builder


def end(builder: subprocess.Popen[str], number: signal.Signals) -> None:
    """Signals the build and waits for its end."""
    builder.send_signal(number)
    builder.wait(30)
    assert builder.stdout is not None
    builder.stdout.close()


def test_a_killed_build_leaves_the_cache_as_it_was(only_go: Path, tmp_path: Path) -> None:
    """After kill -9 while compiling: what was there is there, and nothing half built is."""
    cache = tmp_path / "cache"
    store = Store(cache)
    before = add(store)
    builder = building(cache, tmp_path)

    end(builder, signal.SIGKILL)
    for pid in processes.mentioning(str(cache)):
        processes.send(pid, signal.SIGKILL, str(cache))
    until(lambda: not processes.mentioning(str(cache)), "Go is gone")

    assert store.list() == (before,)
    assert store.find("cometbft", VERSION) is None
    assert [one.problem for one in store.verify()] == [None]
    with store.locked(lambda: pytest.fail("the dead build holds the lock")):
        pass


def test_ctrl_c_stops_the_build_and_cleans_up(only_go: Path, tmp_path: Path) -> None:
    """An interrupted build leaves no process and no file behind."""
    cache = tmp_path / "cache"
    builder = building(cache, tmp_path)

    end(builder, signal.SIGINT)

    until(lambda: not processes.mentioning(str(cache)), "Go is gone")
    assert {one.name for one in cache.iterdir()} == {"lock"}


def test_a_second_build_waits_and_takes_what_the_first_built(only_go: Path, tmp_path: Path) -> None:
    """Two builds at once: one builds, the other says that it waits, and finds it done."""
    store = Store(tmp_path / "cache")
    waiting = threading.Event()
    found = []

    def second() -> None:
        seen = Binaries(tmp_path / "cache").ensure(
            "cometbft", VERSION, lambda one: waiting.set() if one.step == "waiting" else None
        )
        found.append(seen)

    thread = threading.Thread(target=second)
    with store.locked(lambda: None):
        thread.start()
        assert waiting.wait(10)
        added = add(store, "cometbft", VERSION)
    thread.join(10)

    assert found == [added]


def test_a_full_disk_is_refused_before_anything_is_done() -> None:
    """Where nothing is free the error names the place and how much is needed."""
    with pytest.raises(DiskSpaceError, match="needs 2560 MiB in /proc, which has 0 MiB"):
        check_disk(Path("/proc"), private=True)
