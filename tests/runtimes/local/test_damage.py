"""When a program's data may be deleted, and when never."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.runtimes.local.harness import NETWORK, Bench, eventually, free_port
from tests.support.geth import genesis
from windlass.plan.workload import Command, Probe, Process
from windlass.runtimes.local.supervisor.damage import damage_in, last_words

START = 'WARN [11-21|14:49:30.653] Failed to load snapshot   err="missing or corrupted snapshot"\n'

DAMAGED = [
    (
        "Fatal: Failed to register the Ethereum service: gap in the chain between ancients"
        " [0 - #90000] and leveldb [#90007 - #90010]"
    ),
    'Fatal: Failed to register the Ethereum service: pebble: malformed manifest file "MANIFEST-1"',
    (
        "Fatal: Failed to register the Ethereum service: pebble: could not open manifest file"
        ' "M": open M: no such file or directory'
    ),
    "Fatal: Could not open database: leveldb/table: corruption on data-block (pos=1): checksum",
    "panic: non-prunable freezer table headers has non-zero tail: 1919050087",
    'ERROR[11-21|14:49:30.653] Head state missing, repairing err="missing trie node 01"',
]

OTHERWISE = [
    "Fatal: Error starting protocol stack: listen tcp :30303: bind: address already in use",
    (
        "Fatal: Failed to register the Ethereum service: pebble: write 000012.log: no space left on"
        " device"
    ),
    "Fatal: Failed to create the protocol stack: open d/geth/LOCK: permission denied",
    (
        "Fatal: Failed to register the Ethereum service: database contains incompatible genesis"
        " (have a, new b)"
    ),
    "Fatal: Failed to create the protocol stack: datadir already used by another process",
    "Incorrect Usage: flag provided but not defined: -nonsense",
    "",
]


@pytest.mark.parametrize("line", DAMAGED)
def test_damage_is_recognised(line: str) -> None:
    """The storage engines' own sentences, as geth prints them, count as damage."""
    assert damage_in(START + line + "\ngoroutine 1 [running]:\n") == line


@pytest.mark.parametrize("line", OTHERWISE)
def test_other_causes_are_no_damage(line: str) -> None:
    """What deleting the data would not cure is never taken for damage, nor is a mere warning."""
    assert damage_in(START + line + "\n") is None


def test_another_cause_beside_damage_wins() -> None:
    """A full disk that also garbles the database is a full disk."""
    assert damage_in(f"{DAMAGED[0]}\nFatal: write x: no space left on device\n") is None


def test_last_words_prefer_the_fatal_line() -> None:
    """The line that says why is quoted, not the stack trace after it."""
    assert last_words("INFO a\npanic: oh no\n\ngoroutine 1\nmain.main()\n") == "panic: oh no"
    assert last_words("INFO a\nINFO b\n") == "INFO b"
    assert last_words("") == ""


def test_damaged_data_of_a_fake_are_wiped_once(bench: Bench, tmp_path: Path) -> None:
    """Three deaths with the words of a damaged database delete what is disposable, and only that;
    the wipe is counted and said."""
    dies = tmp_path / "dies"
    dies.write_text(DAMAGED[0])
    workload = bench.workload("a", bench.process("one"))
    inside = Path(workload.directory) / "geth" / "geth"
    inside.mkdir(parents=True)
    (inside / "chaindata").write_text("x")
    (inside.parent / "node.key").write_text("kept")
    process = bench.process("one", "--dies", str(dies), disposable=(str(inside),))
    bench.apply(msgspec.structs.replace(workload, processes=(process,)))

    eventually(lambda: bench.row("a", "one").wipes >= 1)
    dies.unlink()
    bench.ready("a/one")

    assert not inside.exists()
    assert (inside.parent / "node.key").read_text() == "kept"
    assert len(bench.recorded("start")) >= 4


def test_nothing_outside_the_workload_is_ever_deleted(bench: Bench, tmp_path: Path) -> None:
    """A disposable path that lies elsewhere is refused, whatever the plan says."""
    dies, outside = tmp_path / "dies", tmp_path / "precious"
    dies.write_text(DAMAGED[0])
    outside.mkdir()
    process = bench.process("one", "--dies", str(dies), disposable=(str(outside),))
    bench.apply(bench.workload("a", process))

    eventually(lambda: bench.row("a", "one").restarts >= 4)

    assert outside.exists()
    assert bench.row("a", "one").wipes == 0


def test_other_deaths_wipe_nothing(bench: Bench, tmp_path: Path) -> None:
    """A program that dies for another reason keeps its data, however often."""
    dies = tmp_path / "dies"
    dies.write_text(START + OTHERWISE[0])
    workload = bench.workload("a", bench.process("one"))
    inside = Path(workload.directory) / "data"
    inside.mkdir()
    process = bench.process("one", "--dies", str(dies), disposable=(str(inside),))
    bench.apply(msgspec.structs.replace(workload, processes=(process,)))

    eventually(lambda: bench.row("a", "one").restarts >= 4)

    assert inside.exists()


def test_real_geth_with_a_broken_database_starts_again(bench: Bench, geth_binary: Path) -> None:
    """A real geth whose database cannot be opened is wiped and runs again."""
    directory = bench.directory / "nodes" / "net" / "validator-0"
    directory.mkdir(parents=True)
    file = directory / "genesis.json"
    file.write_bytes(genesis().file())
    data, rpc = directory / "geth", free_port()
    arguments = (
        "--datadir", str(data), "--override.genesis", str(file), "--networkid", "20261",
        "--syncmode", "full", "--state.scheme", "hash", "--gcmode", "archive", "--bootnodes=",
        "--nodiscover", "--port", str(free_port()), "--authrpc.port", str(free_port()),
        "--ipcdisable", "--cache", "64", "--http", "--http.port", str(rpc),
    )  # fmt: skip
    process = Process(
        name="geth",
        command=Command(program="geth", arguments=arguments),
        ready=Probe(rpc=f"http://127.0.0.1:{rpc}"),
        disposable=(str(data / "geth"),),
    )
    workload = bench.workload("validator-0", process)
    network = msgspec.structs.replace(NETWORK, programs={"geth": str(geth_binary)})
    bench.want(workload)
    bench.state.set_networks([network])
    bench.ask("apply")
    eventually(lambda: bench.row("validator-0", "geth").ready, within_s=60)
    with bench.state.transaction():
        bench.state.set_desired("stopped")
    bench.ask("shutdown")

    for manifest in (data / "geth" / "chaindata").glob("MANIFEST-*"):
        manifest.write_bytes(manifest.read_bytes()[:20])
    with bench.state.transaction():
        bench.state.set_desired("running")
    bench.ask("apply")

    eventually(lambda: bench.row("validator-0", "geth").wipes == 1, within_s=60)
    eventually(lambda: bench.row("validator-0", "geth").ready, within_s=60)
