"""A sealer and real geths: blocks come evenly, all agree, and its pages say what is wrong."""

from __future__ import annotations

import hashlib
import json
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.geth import genesis
from tests.support.sealing import Solo
from tests.support.small_disk import SmallDisk
from tests.support.wait import until
from windlass.chains.ethereum.keys import address_from_private_key
from windlass.chains.ethereum.quantities import Address, Wei
from windlass.chains.ethereum.transactions import Transaction, sign

MakeSolo = Callable[..., Solo]
KEY = hashlib.sha256(b"an account of a test").digest()


@pytest.fixture
def make_solo(geth_binary: Path, tmp_path: Path) -> Iterator[MakeSolo]:
    """Makes solo networks that end with the test."""
    made: list[Solo] = []

    def make(**options: Any) -> Solo:
        made.append(Solo(geth_binary, tmp_path, **options))
        return made[-1]

    yield make
    for solo in made:
        solo.close()


def test_blocks_are_final_everywhere_at_once(make_solo: MakeSolo) -> None:
    """All geths have the same blocks, latest = safe = finalized, a transfer is in one of them."""
    solo = make_solo(followers=2, accounts=(address_from_private_key(KEY),)).start()
    solo.until_block(2)
    transfer = Transaction(
        chain_id=solo.chain.chain_id,
        nonce=0,
        to=Address("0x" + "ab" * 20),
        value=Wei(7),
        max_fee_wei=10**11,
        max_priority_fee_wei=1,
    )
    signed = sign(transfer, KEY)
    solo.own.rpc("eth_sendRawTransaction", "0x" + signed.raw.hex())
    solo.more_blocks(4)
    state = solo.state()
    solo.assert_same_chain()
    for geth in solo.geths:
        tags = ("latest", "safe", "finalized")
        latest = geth.rpc.batch([("eth_getBlockByNumber", (tag, False)) for tag in tags])
        assert len({block["hash"] for block in latest}) == 1
        assert geth.rpc("eth_getBalance", transfer.to, "latest") == "0x7"
    blocks = [solo.own.rpc.block(number) for number in range(1, state["block_number"] + 1)]
    assert [block for block in blocks if signed.hash in block["transactions"]] != []
    assert sum(block["transactions"].count(signed.hash) for block in blocks) == 1
    stamps = [int(block["timestamp"], 16) for block in blocks]
    assert stamps == sorted(set(stamps))
    assert abs(state["clock_offset_s"]) < 5, "a busy machine is late, but never by this much"
    assert {block["miner"] for block in blocks} == {"0x" + "fe" * 20}
    assert state["geth"] == "ok"
    assert [one["geth"] for one in state["followers"]] == ["ok", "ok"]
    assert solo.page("/readyz")[0] == solo.page("/healthz")[0] == 200
    assert "windlass_sealer_blocks_total" in solo.page("/metrics")[1]
    assert solo.stop_sealer() == 0


def test_a_wrong_secret_is_said_and_mended_without_a_restart(make_solo: MakeSolo) -> None:
    """With another JWT secret the state is unauthorized with geth's words; then sealing begins."""
    solo = make_solo(followers=0)
    secret = solo.own.jwt_file.read_text()
    other = solo.folder / "other.hex"
    other.write_text("12" * 32)
    solo.configure(jwt_file=str(other))
    solo.start()
    solo.until_state("geth refuses the secret", geth="unauthorized")
    assert "signature is invalid" in solo.state()["geth_detail"]
    status, text = solo.page("/readyz")
    assert status == 503
    assert "another JWT secret" in json.loads(text)["reason"]
    assert solo.page("/healthz")[0] == 200, "waiting for a person is no reason to be restarted"
    other.write_text(secret)
    solo.until_block(1)


def test_another_networks_geth_is_not_driven(make_solo: MakeSolo) -> None:
    """A geth with another genesis is left alone and named."""
    solo = make_solo(followers=0)
    solo.configure(genesis_hash="0x" + "12" * 32)
    solo.start()
    solo.until_state("the genesis is seen to be wrong", geth="wrong_genesis")
    assert solo.chain.hash() in solo.state()["geth_detail"]
    assert solo.own.height() == 0


def test_a_log_of_another_network_ends_the_sealer(make_solo: MakeSolo) -> None:
    """Blocks of another chain are never fed: the sealer ends and says which file it is."""
    solo = make_solo(followers=0).start()
    solo.until_block(1)
    solo.kill_sealer()
    solo.configure(genesis_hash="0x" + "12" * 32)
    solo.start_sealer()
    assert solo.died() == 1
    assert "another network" in (solo.folder / "sealer.log").read_text()


def test_a_clock_behind_the_chain_does_not_stop_it(make_solo: MakeSolo) -> None:
    """With the newest block in the future, blocks go on, each a second later than its parent."""
    ahead_s = 50
    start = int(time.time()) + ahead_s
    solo = make_solo(followers=0, chain=genesis(timestamp=start)).start()
    solo.until_block(4)
    stamps = [int(solo.own.rpc.block(number)["timestamp"], 16) for number in range(5)]
    assert stamps == list(range(start, start + 5))
    assert 10 < solo.state()["clock_offset_s"] < ahead_s + 5


def test_a_full_disk_stops_sealing_and_nothing_else(make_solo: MakeSolo) -> None:
    """Nothing undecided is shown to anybody; with room again it goes on by itself."""
    solo = make_solo(followers=1)
    with SmallDisk(solo.folder / "disk") as disk:
        solo.configure(database=str(disk.path / "payloads.sqlite"))
        solo.enter = disk.enter
        solo.start()
        solo.until_block(2)
        disk.fill()
        until(lambda: "Free some space" in solo.state()["geth_detail"], "the reason is said")
        assert solo.page("/readyz")[0] == 503
        decided = solo.state()["block_number"]
        assert max(geth.height() for geth in solo.geths) <= decided
        disk.free()
        solo.more_blocks(2)
        solo.assert_same_chain()
        assert solo.page("/readyz")[0] == 200
        solo.kill_sealer()


def test_a_disk_that_fails_ends_the_sealer(make_solo: MakeSolo) -> None:
    """What no freed space would help against is said in one line; nothing is lost."""
    solo = make_solo(followers=0).start()
    solo.until_block(2)
    assert solo.process is not None
    wal = solo.folder / "payloads.sqlite-wal"
    _, hard = resource.prlimit(solo.process.pid, resource.RLIMIT_FSIZE)
    # The kernel refuses writes beyond this size, and SQLite calls that an I/O error.
    resource.prlimit(solo.process.pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, hard))
    assert solo.died() == 1
    log = (solo.folder / "sealer.log").read_text()
    assert log.splitlines()[-1].startswith("error: Can't write the payload log")
    assert "Traceback" not in log
    solo.start_sealer()
    solo.more_blocks(2)
    solo.assert_same_chain()


def test_slower_blocks_stand_on_multiples_of_the_block_time(make_solo: MakeSolo) -> None:
    """With 2 s blocks every stamp is even, and a follower that starts late is not kept waiting."""
    solo = make_solo(followers=1, block_time_s=2)
    solo.start(solo.own)
    solo.until_block(2, solo.own)
    solo.geths[1].start()
    solo.until_block(3)
    stamps = [int(solo.own.rpc.block(number)["timestamp"], 16) for number in range(1, 4)]
    assert all(stamp % 2 == 0 for stamp in stamps)
    solo.assert_same_chain()
