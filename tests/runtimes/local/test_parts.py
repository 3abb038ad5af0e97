"""The smaller parts: lock, place, disk, site, files, processes, bootnodes, launcher."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtimes.local.harness import Bench, eventually
from windlass.kit.http import HttpServer, Request, Response, text_response
from windlass.plan.workload import Command
from windlass.runtimes.local import control, disk, launcher, lock, place, process_table
from windlass.runtimes.local.errors import (
    Busy,
    DiskFull,
    ForeignState,
    NoProgram,
    NotEnoughDisk,
    UnusableState,
    disk_full_as_refusal,
)
from windlass.runtimes.local.process_table import Identity, Living
from windlass.runtimes.local.site import LocalSite, make_sockets_directory, sockets_directories
from windlass.runtimes.local.state import PortRow, State
from windlass.runtimes.local.supervisor.bootnodes import bootnodes

ENODE = (  # the generator of secp256k1: a key that is a point of the curve
    "enode://79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8@127.0.0.1:30301"
)
WRONG_ENODE = f"enode://{'ab' * 64}@127.0.0.1:30302"  # no point of the curve


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of our own."""
    with subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"]) as one:
        yield one
        one.kill()


# -- lock ---------------------------------------------------------------------------------------


def test_second_holder_is_told_of_the_first(tmp_path: Path) -> None:
    """The refusal names process, command and start of who has the lock; exit code 1."""
    with lock.held(tmp_path / "s"):
        (tmp_path / "s" / "state.db").touch()
        with pytest.raises(Busy) as refused, lock.held(tmp_path / "s"):
            pass
    assert refused.value.pid == os.getpid()
    assert str(os.getpid()) in refused.value.sentence
    assert refused.value.exit_code == 1
    with lock.held(tmp_path / "s"):
        pass


def test_lock_dies_with_its_holder(tmp_path: Path) -> None:
    """kill -9 of the holder frees the lock at once."""
    code = (
        "import sys, time; from pathlib import Path; from windlass.runtimes.local import lock\n"
        f"with lock.held(Path({str(tmp_path)!r})): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Busy), lock.held(tmp_path):
            pass
        holder.kill()
    with lock.held(tmp_path):
        pass


def test_unused_directory_is_taken_away_again(tmp_path: Path) -> None:
    """A refused command leaves no empty state behind."""
    with pytest.raises(RuntimeError), lock.held(tmp_path / "s"):
        raise RuntimeError
    assert not (tmp_path / "s").exists()


def test_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """With a sentence, not a traceback."""
    (tmp_path / "s").touch()
    with pytest.raises(UnusableState, match="WINDLASS_STATE"), lock.held(tmp_path / "s"):
        pass


# -- place --------------------------------------------------------------------------------------


def test_state_lies_beside_the_spec_or_where_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`.windlass` beside the spec; WINDLASS_STATE moves it."""
    monkeypatch.chdir(tmp_path)
    assert place.locate().spec_path == tmp_path / "windlass.yaml"
    assert place.locate("lab/net.yaml").state == tmp_path / "lab" / ".windlass"
    monkeypatch.setenv("WINDLASS_STATE", "elsewhere")
    assert place.locate("lab/net.yaml").state == tmp_path / "elsewhere"


def test_state_of_another_spec_is_refused(tmp_path: Path) -> None:
    """Two specs in one directory do not take each other's state; a renamed one keeps its own."""
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.touch()
    second.touch()
    with State.open(tmp_path / ".windlass", create=True) as state:
        state.set_meta(place.SPEC_META, str(first))
        mine = place.Place(spec_path=first, state=state.directory)
        other = place.Place(spec_path=second, state=state.directory)
        place.refuse_foreign(state, mine)
        with pytest.raises(ForeignState, match=r"a\.yaml"):
            place.refuse_foreign(state, other)
        first.unlink()
        place.refuse_foreign(state, other)


# -- disk ---------------------------------------------------------------------------------------


def test_disk_that_is_too_small_is_refused(tmp_path: Path) -> None:
    """What the spec asks for counts, less what is used already; the sentence has both sizes."""
    disk.refuse_if_short(tmp_path / "not" / "there", [])
    with pytest.raises(NotEnoughDisk, match="GiB free, the networks need"):
        disk.refuse_if_short(tmp_path, [(tmp_path / "a", 1 << 60)])


def test_used_space_is_counted_by_blocks(tmp_path: Path) -> None:
    """Sparse files count for what they occupy."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "full").write_bytes(b"x" * 100_000)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 30)
    assert 100_000 <= disk.used_bytes(tmp_path) < 1 << 20
    assert disk.used_bytes(tmp_path / "none") == 0


def test_full_disk_becomes_a_refusal(tmp_path: Path) -> None:
    """A real write to a full device is refused with what to do."""
    with pytest.raises(DiskFull, match="Free some space"), disk_full_as_refusal(tmp_path):
        Path("/dev/full").write_bytes(b"x")


# -- site ---------------------------------------------------------------------------------------


def test_socket_paths_fit_into_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However deep the project and however long the names, a socket's path has room."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    site = LocalSite(deep, sockets_directories(deep)[0], {}, [])
    short = site.socket("net", "validator-0", "abci.sock")
    long = site.socket("n" * 30, "validator-99", "geth.ipc")
    other = site.socket("m" * 30, "validator-99", "geth.ipc")
    assert short.endswith("/net.validator-0.abci.sock")
    assert max(len(short), len(long)) <= 107
    assert long != other


def test_ports_come_as_they_were_given() -> None:
    """The plan gets the numbers that were allotted before."""
    rows = [PortRow(network="net", workload="node-0", name="rpc", number=8545)]
    assert LocalSite(Path("/s"), Path("/r"), {}, rows).port("net", "node-0", "rpc") == 8545


def test_sockets_directory_of_someone_else_is_refused() -> None:
    """A directory that others may write into is not trusted with control sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        path = Path(base) / "abc"
        path.mkdir()
        path.chmod(0o777)
        with pytest.raises(UnusableState, match="open to others"):
            make_sockets_directory(path)


def test_sockets_outlive_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session's directory, emptied at logout, comes last, and only if it is short and ours."""
    state = Path("/x/.windlass")
    with tempfile.TemporaryDirectory(dir="/tmp") as base:
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        first, last = sockets_directories(state)
        assert not first.is_relative_to(base)
        assert last.is_relative_to(base)
        Path(base).chmod(0o777)
        assert sockets_directories(state) == [first]
        long = Path(base) / ("x" * 60)
        long.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
        assert sockets_directories(state) == [first]


def test_sockets_are_where_they_were_if_that_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory that was used before is used again; one that is gone for good is replaced."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with State.open(tmp_path / "s", create=True) as state:
        chosen = control.sockets_of(state)
        session = tmp_path / "session"
        before = session / "windlass" / chosen.name
        (session / "windlass").mkdir(parents=True, mode=0o700)
        state.set_meta(control.SOCKETS_META, str(before))
        assert control.sockets_of(state) == before
        shutil.rmtree(session)
        assert control.sockets_of(state) == chosen
        chosen.rmdir()


def test_a_moved_state_has_sockets_of_its_own(tmp_path: Path) -> None:
    """Where it lay before, another state may lie now, which must not be talked to."""
    with State.open(tmp_path / "before", create=True) as state:
        before = control.sockets_of(state)
    (tmp_path / "before").rename(tmp_path / "after")
    with State.open(tmp_path / "after") as state:
        after = control.sockets_of(state)
    assert after != before
    before.rmdir()
    after.rmdir()


def test_age_counts_from_the_start_of_the_process(sleeper: subprocess.Popen[bytes]) -> None:
    """A process that was started just now is younger than we are."""
    own, other = (process_table.start_ticks(pid) for pid in (os.getpid(), sleeper.pid))
    assert own is not None
    assert other is not None
    young, old = process_table.age_s(other), process_table.age_s(own)
    assert young is not None
    assert old is not None
    assert 0 <= young <= old


# -- processes ----------------------------------------------------------------------------------


def test_identity_is_more_than_a_pid(sleeper: subprocess.Popen[bytes]) -> None:
    """Another start or another boot with the same pid is another process."""
    who = process_table.identity(sleeper.pid)
    assert who is not None
    assert process_table.is_alive(who)
    assert not process_table.is_alive(Identity(who.pid, who.started + 1, who.boot))
    assert not process_table.is_alive(Identity(who.pid, who.started, "another boot"))


def test_grip_signals_only_whom_it_means(sleeper: subprocess.Popen[bytes]) -> None:
    """A grip on a wrong identity fails; a right one signals, and notices the end."""
    who = process_table.identity(sleeper.pid)
    assert who is not None
    assert Living.grip(Identity(who.pid, who.started - 1, who.boot)) is None
    living = Living.grip(who)
    assert living is not None
    assert living.signal(signal.SIGTERM)
    sleeper.wait(10)
    assert not living.signal(signal.SIGTERM)
    living.release()
    assert not process_table.is_alive(who)


def test_zombie_is_not_alive() -> None:
    """A process that has ended and was not waited for counts as gone."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as one:
        eventually(lambda: process_table.start_ticks(one.pid) is None)


def test_own_memory_and_command_are_seen() -> None:
    """What is read from /proc about a living process."""
    assert (process_table.resident_bytes(os.getpid()) or 0) > 1 << 20
    assert "pytest" in process_table.command_line(os.getpid())
    assert process_table.resident_bytes(2**22 + 1) is None


# -- launcher -----------------------------------------------------------------------------------


def test_programs_of_ours_start_by_their_module() -> None:
    """`windlass run NAME --settings FILE` becomes the quickest equal command, readable in the
    process list; foreign programs are looked up, missing ones refused."""
    command = Command(program="windlass", arguments=("run", "bridge", "--settings", "/d/b.json"))
    assert launcher.arguments(command, {})[-3:] == ["-m", "windlass.programs.bridge", "/d/b.json"]
    geth = Command(program="geth", arguments=("--datadir", "/d"))
    assert launcher.arguments(geth, {"geth": "/b/geth"}) == ["/b/geth", "--datadir", "/d"]
    with pytest.raises(NoProgram, match="windlass up"):
        launcher.arguments(geth, {})


def test_environment_is_made_from_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the user reaches a program: geth would take GETH_* for flags. What its plan
    says does, except in the place of what every process has."""
    monkeypatch.setenv("GETH_HTTP_ADDR", "0.0.0.0")
    monkeypatch.setenv("CMTHOME", "/x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    variables = {"GOMAXPROCS": "1", "HOME": "/elsewhere"}
    bench.apply(bench.workload("a", bench.process("one", variables=variables)))
    bench.ready("a/one")
    found = process_table.variables(bench.pid("a", "one"))

    assert not [name for name in found if name.startswith(("GETH", "CMT", "TM", "AWS"))]
    assert found["GOMAXPROCS"] == "1"
    assert found["HOME"] == str(bench.directory / "nodes" / "net" / "a")
    assert found[process_table.PROCESS_VARIABLE] == "net/a/one"


def test_child_inherits_nothing_and_leads_its_session(bench: Bench) -> None:
    """A process has its log as output, no file of the supervisor's, and a session of its own."""
    bench.apply(bench.workload("a", bench.process("one")))
    bench.ready("a/one")
    pid = bench.pid("a", "one")
    opened = {
        str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()
    }

    assert os.getsid(pid) == pid
    assert not [name for name in opened if "state.db" in name or "control.sock" in name]
    assert str(bench.log("a", "one")) in opened
    assert bench.log("a", "one").read_text().startswith("says hello")


# -- bootnodes ----------------------------------------------------------------------------------


async def test_last_good_list_is_kept(tmp_path: Path) -> None:
    """The registrar's list is used and kept; while it is down, broken or empty, the last good one
    is; before there ever was one, there is none. One wrong URL, which would end geth, is left out
    and spoils nothing."""
    answers = [f"{ENODE},{WRONG_ENODE},{ENODE}\n", "", "enode://nonsense", f"{ENODE}; rm -rf /"]

    async def answer(request: Request) -> Response:
        del request
        return text_response(answers[0])

    server = HttpServer({"/": answer})
    await server.start("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.port}"
    try:
        assert await bootnodes(url, tmp_path) == f"{ENODE},{ENODE}"
        while answers:
            assert await bootnodes(url, tmp_path) == f"{ENODE},{ENODE}"
            answers.pop(0)
            if not answers:
                break
    finally:
        await server.stop()
    assert await bootnodes(url, tmp_path) == f"{ENODE},{ENODE}"
    assert await bootnodes(url, tmp_path / "other") is None
