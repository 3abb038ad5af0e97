"""The payload log: whole after any end, refused when it is not ours to use."""

from __future__ import annotations

import contextlib
import random
import resource
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.payloads import GENESIS_HASH, chain, head, logged, payload
from windlass.chains.ethereum.payload_log import (
    HEADS_KEPT,
    SCHEMA,
    PayloadLog,
    PayloadLogCorrupt,
    PayloadLogError,
    PayloadLogFull,
    PayloadLogNewer,
)

REPOSITORY = Path(__file__).resolve().parents[3]

COMMITTER = """
import sys
sys.path.insert(0, sys.argv[2])
from tests.support.payloads import GENESIS_HASH, head, payload
from windlass.chains.ethereum.payload_log import PayloadLog
log = PayloadLog(sys.argv[1])
last = log.head()
number, parent = (last.number, last.block_hash) if last else (0, GENESIS_HASH)
while True:
    number += 1
    block = payload(number, parent)
    parent = block.block_hash
    log.commit(head(block), block, meta={"number": str(number).encode()})
    print(number, flush=True)
"""


def filled(path: Path, length: int) -> PayloadLog:
    log = PayloadLog(path)
    for block in chain(length):
        log.commit(head(block), block)
    return log


def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    """Head, blocks, hashes and the owner's own values come back as they were."""
    blocks = chain(3)
    log = PayloadLog(tmp_path / "log")
    assert log.head() is None
    assert log.payload(1) is None
    assert log.hash_at(1) is None
    for block in blocks:
        log.commit(head(block), block, meta={"at": str(block.number).encode()})
    log.close()
    log = PayloadLog(tmp_path / "log")
    assert log.head() == head(blocks[-1])
    assert logged(log) == blocks
    assert log.hash_at(2) == blocks[1].block_hash
    assert log.meta("at") == b"3"
    assert log.meta("other") is None
    log.close()


def test_heights_without_a_block_keep_the_head(tmp_path: Path) -> None:
    """A consensus height may bring no block: the head's height moves, its block does not."""
    log = PayloadLog(tmp_path / "log")
    (block,) = chain(1)
    log.commit(head(block, height=1), block)
    log.commit(head(block, height=2))
    newest = log.head()
    assert newest is not None
    assert (newest.height, newest.number) == (2, 1)
    log.close()


def test_only_the_last_heads_are_kept_but_all_blocks(tmp_path: Path) -> None:
    """Heads are bounded; every payload stays, since geth may need it again."""
    log = filled(tmp_path / "log", HEADS_KEPT + 20)
    newest = log.head()
    assert newest is not None
    assert newest.number == HEADS_KEPT + 20
    assert len(logged(log)) == HEADS_KEPT + 20
    log.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "log")) as database:
        (heads,) = database.execute("SELECT count(*) FROM head").fetchone()
    assert heads == HEADS_KEPT


def test_a_commit_that_contradicts_the_log_is_a_defect(tmp_path: Path) -> None:
    """Gaps, repeated heights, other parents and heads without their block never get in."""
    log = filled(tmp_path / "log", 2)
    last = chain(2)[-1]
    third = payload(3, last.block_hash)
    for wrong_head, wrong_payload in (
        (head(third, height=4), third),
        (head(third, height=2), third),
        (head(third), None),
        (head(last, height=3), last),
        (head(last, height=3), third),
        (head(payload(3)), payload(3)),
        (head(payload(4, last.block_hash), height=3), payload(4, last.block_hash)),
    ):
        with pytest.raises(ValueError, match=r"height|head|block"):
            log.commit(wrong_head, wrong_payload)
    assert log.head() == head(last)
    log.commit(head(third), third)
    log.close()


@pytest.mark.timeout(120)
def test_killed_at_any_moment_the_log_is_consistent(tmp_path: Path) -> None:
    """After kill -9 in the middle of commits: all that was reported is there, and nothing half."""
    path = tmp_path / "log"
    chance = random.Random(20261)
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", COMMITTER, str(path), str(REPOSITORY)], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        with process.stdout as output:
            for _ in range(chance.randrange(1, 30)):
                reported = int(output.readline())
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            reported = max([reported, *map(int, output.read().split())])
        log = PayloadLog(path)
        newest = log.head()
        assert newest is not None
        assert newest.number in (reported, reported + 1)
        assert log.meta("number") == str(newest.number).encode()
        blocks = logged(log)
        assert [block.number for block in blocks] == list(range(1, newest.number + 1))
        parents = [GENESIS_HASH, *(block.block_hash for block in blocks)]
        assert [block.parent_hash for block in blocks] == parents[:-1]
        log.close()


def test_a_newer_log_is_refused_and_left_alone(tmp_path: Path) -> None:
    """What a later release wrote is not touched; the error says which release can."""
    path = tmp_path / "log"
    filled(path, 1).close()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    database.close()
    before = path.read_bytes()
    with pytest.raises(PayloadLogNewer, match="newer Windlass"):
        PayloadLog(path)
    assert path.read_bytes() == before


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """A SQLite file that is no payload log is not written to."""
    path = tmp_path / "log"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    with pytest.raises(PayloadLogCorrupt, match="another program"):
        PayloadLog(path)


def test_a_damaged_file_is_named_as_such(tmp_path: Path) -> None:
    """Garbage instead of a database, and damaged pages in one: both say which file it is."""
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"not a database, but long enough to look like a header" * 50)
    with pytest.raises(PayloadLogCorrupt, match=str(garbage)):
        PayloadLog(garbage)
    path = tmp_path / "log"
    filled(path, 200).close()
    content = bytearray(path.read_bytes())
    for at in range(4096, len(content)):
        content[at] ^= 0xA5
    path.write_bytes(bytes(content))
    with pytest.raises(PayloadLogCorrupt, match="damaged"):
        logged(PayloadLog(path))


def test_a_changed_block_is_noticed_when_read(tmp_path: Path) -> None:
    """A row that holds another block than its number and hash say is corruption, never served."""
    path = tmp_path / "log"
    filled(path, 3).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE payload SET body = (SELECT body FROM payload WHERE number = 1)")
    database.close()
    log = PayloadLog(path)
    assert log.payload(1) is not None
    with pytest.raises(PayloadLogCorrupt, match="block 2"):
        log.payload(2)
    log.close()


def test_a_log_without_its_last_block_is_refused(tmp_path: Path) -> None:
    """Head and blocks that disagree are found at opening."""
    path = tmp_path / "log"
    filled(path, 3).close()
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM payload WHERE number = 3")
    database.close()
    with pytest.raises(PayloadLogCorrupt, match="head differ"):
        PayloadLog(path)


def test_a_failed_write_leaves_nothing_half_written(tmp_path: Path) -> None:
    """The commit fails with a clear error, the log stays at the block before, and goes on later."""
    path = tmp_path / "log"
    log = filled(path, 20)
    last = chain(20)[-1]
    block = payload(21, last.block_hash, transactions=["0x" + random.randbytes(50_000).hex()])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel refuses writes beyond this size as a disk that fails does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.with_name("log-wal").stat().st_size, hard))
    try:
        with pytest.raises(PayloadLogError, match="though there is room") as refused:
            log.commit(head(block), block)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not isinstance(refused.value, PayloadLogFull), "no space that is freed helps"
    assert log.head() == head(last)
    assert log.payload(21) is None
    log.commit(head(block), block)
    log.close()
    log = PayloadLog(path)
    assert log.head() == head(block)
    log.close()


def test_a_full_disk_is_told_from_one_that_fails(tmp_path: Path) -> None:
    """Without room the owner is told to wait for some; what was there stays."""
    log = filled(tmp_path / "log", 20)
    last = chain(20)[-1]
    block = payload(21, last.block_hash, transactions=["0x" + random.randbytes(50_000).hex()])
    # SQLite's own limit on a file ends in the same error as a disk without room.
    log._database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(PayloadLogFull, match="Free some space"):
        log.commit(head(block), block)
    log._database.execute("PRAGMA max_page_count = 1000000")
    log.commit(head(block), block)
    assert log.head() == head(block)
    log.close()


def test_a_log_is_open_in_one_process_only(tmp_path: Path) -> None:
    """A second opener is refused with the reason; after a kill -9 of the first it gets it."""
    path = tmp_path / "log"
    process = subprocess.Popen(
        [sys.executable, "-c", COMMITTER, str(path), str(REPOSITORY)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    with process.stdout as output:
        output.readline()
        try:
            with pytest.raises(PayloadLogError, match="Another process"):
                PayloadLog(path, lock_timeout_s=0.05)
        finally:
            process.kill()
            process.wait(10)
    PayloadLog(path).close()


def test_a_log_of_another_network_is_refused(tmp_path: Path) -> None:
    """Blocks on another genesis are not fed into this network's geth."""
    log = PayloadLog(tmp_path / "log")
    log.require_genesis("0x" + "99" * 32)  # nothing in it yet: nothing to contradict
    (block,) = chain(1)
    log.commit(head(block), block)
    log.require_genesis(GENESIS_HASH)
    with pytest.raises(PayloadLogError, match="another network"):
        log.require_genesis("0x" + "99" * 32)
    log.close()


def test_a_missing_directory_is_a_clear_error(tmp_path: Path) -> None:
    """The sentence names the file, the next step the directory."""
    with pytest.raises(PayloadLogError, match="directory exists"):
        PayloadLog(tmp_path / "absent" / "log")
