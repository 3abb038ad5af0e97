"""Which processes a change concerns."""

from __future__ import annotations

import msgspec

from windlass.plan.workload import Command, File, Probe, Process, Workload
from windlass.runtimes.local.supervisor.definition import digest, file_digests

PROGRAMS = {"geth": "/bin/geth-1", "cometbft": "/bin/cometbft-1"}
FILES = (
    File(path="/d/geth.toml", content=b"a"),
    File(path="/d/comet/config/config.toml", content=b"b"),
    File(path="/d/node.key", content=b"c", secret=True),
    File(path="/d/comet/data/state.json", content=b"d", once=True),
)


def process(name: str, *arguments: str) -> Process:
    """A process called after its program."""
    command = Command(program=name, arguments=arguments)
    return Process(name=name, command=command, ready=Probe(socket="/s"))


GETH = process("geth", "--config", "/d/geth.toml")
COMET = process("cometbft", "start", "--home=/d/comet")
WORKLOAD = Workload(
    network="net", name="v", role="validator", rank=0, directory="/d", main="geth",
    processes=(GETH, COMET), files=FILES,
)  # fmt: skip


def digests(workload: Workload = WORKLOAD, programs: dict[str, str] = PROGRAMS) -> list[str]:
    """Of geth and CometBFT."""
    files = file_digests(workload.files)
    return [digest(one, workload, files, programs) for one in workload.processes]


def with_file(path: str) -> Workload:
    """The workload with another content of that file."""
    files = [msgspec.structs.replace(f, content=b"new") if f.path == path else f for f in FILES]
    return msgspec.structs.replace(WORKLOAD, files=tuple(files))


def concerned(workload: Workload, programs: dict[str, str] = PROGRAMS) -> list[bool]:
    """Whether geth and CometBFT must be restarted."""
    return [a != b for a, b in zip(digests(), digests(workload, programs), strict=True)]


def test_same_definition_same_digest() -> None:
    """Nothing changed, nothing is restarted; contents are not needed twice."""
    bare = [msgspec.structs.replace(file, content=b"") for file in FILES]
    without = msgspec.structs.replace(WORKLOAD, files=tuple(bare))
    assert digest(GETH, without, file_digests(FILES), PROGRAMS) == digests()[0]


def test_named_file_concerns_its_process_only() -> None:
    """A file that arguments name, or a directory above it, concerns who names it."""
    assert concerned(with_file("/d/geth.toml")) == [True, False]
    assert concerned(with_file("/d/comet/config/config.toml")) == [False, True]


def test_unnamed_file_concerns_all() -> None:
    """A file that no arguments name may be read by any process."""
    assert concerned(with_file("/d/node.key")) == [True, True]


def test_file_that_the_program_writes_concerns_nobody() -> None:
    """A file written once belongs to the program from then on."""
    assert concerned(with_file("/d/comet/data/state.json")) == [False, False]


def test_arguments_and_program_concern_their_process() -> None:
    """Another argument or another version restarts that process."""
    processes = (process("geth", "--config", "/d/geth.toml", "--cache=128"), COMET)
    assert concerned(msgspec.structs.replace(WORKLOAD, processes=processes)) == [True, False]
    assert concerned(WORKLOAD, {**PROGRAMS, "cometbft": "/bin/cometbft-2"}) == [False, True]
