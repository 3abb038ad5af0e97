"""Bringing real geths back to our head after each way in which they can lose it."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.support.geth import Geth, genesis
from tests.support.maker import build, extend, genesis_head
from tests.support.payloads import logged
from tests.support.wait import eventually
from windlass.chains.ethereum.engine import EngineClient, EngineUnreachable
from windlass.chains.ethereum.payload import Payload, parse
from windlass.chains.ethereum.payload_log import Head, PayloadLog
from windlass.chains.ethereum.restore import FAR_BEHIND_BLOCKS, Outcome, Progress, Restored, restore

BLOCKS = FAR_BEHIND_BLOCKS + 8


class Scene:
    """A log of BLOCKS blocks, the geth that made them, and geths to restore from it."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.binary = binary
        self.folder = folder
        self.chain = genesis()
        self.genesis_hash = self.chain.hash()
        self.start = genesis_head(self.genesis_hash, self.chain.timestamp)
        self.maker = Geth(binary, folder / "maker", self.chain)
        self.log_file = folder / "log"

    async def fill(self) -> None:
        """Makes the blocks."""
        self.maker.start()
        engine = EngineClient(self.maker.engine_url, self.maker.jwt_file, timeout_s=30)
        log = PayloadLog(self.log_file)
        await extend(self.maker, engine, log, self.start, BLOCKS)
        log.close()
        await engine.close()


@pytest.fixture(scope="module")
def scene(geth_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Made once; tests copy the log and leave the maker as it is."""
    scene = Scene(geth_binary, tmp_path_factory.mktemp("restore"))
    try:
        yield scene
    finally:
        scene.maker.close()


class Patient:
    """A geth that is to be restored, and a log of its own to restore it from."""

    def __init__(self, scene: Scene, folder: Path, geth: Geth) -> None:
        self.geth = geth
        # A busy disk can hold a block for longer than is good for a validator.
        self.engine = EngineClient(geth.engine_url, geth.jwt_file, timeout_s=30)
        self.log = PayloadLog(shutil.copy(scene.log_file, folder / "log"))
        self.genesis_hash = scene.genesis_hash
        self.told: list[Progress] = []
        self.hashes = [block.block_hash for block in logged(self.log)]

    @property
    def head(self) -> Head:
        head = self.log.head()
        assert head is not None
        return head

    async def restore(self, *, peers: bool = False) -> Restored:
        """One call, as bridge and sealer make it."""
        return await restore(
            self.engine,
            self.log,
            self.head,
            self.genesis_hash,
            peers=peers,
            progress=self.told.append,
        )

    async def assert_whole(self) -> None:
        """Its head is ours and final, and every block up to it is the log's."""
        finalized = await self.engine.block("finalized")
        latest = await self.engine.latest()
        assert latest.block_hash == self.head.block_hash
        assert finalized == latest
        blocks = [self.geth.block_hash(number) for number in range(1, len(self.hashes) + 1)]
        assert blocks == self.hashes


@pytest.fixture
async def patient(scene: Scene, tmp_path: Path) -> AsyncIterator[Patient]:
    """A geth that has the genesis block only."""
    if not scene.log_file.exists():
        await scene.fill()
    patient = Patient(scene, tmp_path, Geth(scene.binary, tmp_path / "geth", scene.chain))
    try:
        patient.geth.start()
        yield patient
    finally:
        await patient.engine.close()
        patient.log.close()
        patient.geth.close()


async def test_an_empty_geth_is_fed_from_the_log(patient: Patient) -> None:
    """A wiped geth without peers gets every block, is told of as it goes, and then needs none."""
    restored = await patient.restore()
    assert restored == Restored(outcome=Outcome.COMPLETE, blocks=BLOCKS)
    assert patient.told[-1] == Progress(BLOCKS, BLOCKS, "log")
    await patient.assert_whole()
    assert await patient.restore() == Restored(outcome=Outcome.COMPLETE, blocks=0)


@pytest.mark.timeout(120)
async def test_a_killed_geth_gets_back_what_it_forgot(patient: Patient) -> None:
    """After kill -9 at any moment, bodies without state included, the head is ours again."""
    await patient.restore()
    # Clean stop in between: what a kill takes is then more than a moment's worth.
    patient.geth.stop()
    patient.geth.start()
    lost = 0
    for _ in range(2):
        await extend(patient.geth, patient.engine, patient.log, patient.head, 7)
        patient.geth.kill()
        patient.geth.start()
        restored = await patient.restore()
        assert restored.complete, restored.reason
        lost += restored.blocks
        await patient.assert_whole()
    assert lost > 0, "kill -9 was expected to cost something; is this still a test?"


async def test_a_geth_killed_while_it_is_fed_is_fed_on(patient: Patient) -> None:
    """Killed in the middle of a restore, geth is unreachable, and the next restore ends it."""

    def kill_at_ten(progress: Progress) -> None:
        if progress.number == 10:
            patient.geth.kill()

    with pytest.raises(EngineUnreachable):
        await restore(
            patient.engine,
            patient.log,
            patient.head,
            patient.genesis_hash,
            peers=False,
            progress=kill_at_ten,
        )
    patient.geth.start()
    assert (await patient.restore()).complete
    await patient.assert_whole()


async def test_peers_are_asked_first_when_far_behind(scene: Scene, patient: Patient) -> None:
    """With a peer that has the chain, one forkchoice brings geth to the head."""
    patient.geth.stop()
    patient.geth.static_peers = [scene.maker.enode]
    patient.geth.start()

    async def connected() -> bool:
        return bool(int(patient.geth.rpc("net_peerCount"), 16))

    await eventually(connected, "geth has its peer")
    restored = await patient.restore(peers=True)
    assert restored == Restored(outcome=Outcome.COMPLETE, blocks=BLOCKS)
    assert {told.source for told in patient.told} == {"peers"}
    await patient.assert_whole()


async def test_without_answering_peers_the_log_steps_in(patient: Patient) -> None:
    """Peers that bring nothing cost a bounded wait."""
    restored = await patient.restore(peers=True)
    assert restored == Restored(outcome=Outcome.COMPLETE, blocks=BLOCKS)
    assert patient.told[-1].source == "log"
    await patient.assert_whole()


async def test_what_the_log_lacks_comes_from_peers(scene: Scene, patient: Patient) -> None:
    """A log with a gap is not complete without peers, and says which block; with one it is."""
    gap = BLOCKS - 3
    patient.log.close()
    with contextlib.closing(sqlite3.connect(patient.log.path)) as database, database:
        database.execute("DELETE FROM payload WHERE number = ?", (gap,))
    patient.log = PayloadLog(patient.log.path)
    restored = await patient.restore()
    assert restored.outcome is Outcome.INCOMPLETE
    assert f"lacks block {gap}" in restored.reason
    assert restored.blocks == gap - 1
    patient.geth.stop()
    patient.geth.static_peers = [scene.maker.enode]
    patient.geth.start()

    async def complete() -> bool:
        return (await patient.restore(peers=True)).complete

    await eventually(complete, "the peer brings the missing block")
    await patient.assert_whole()


async def test_one_block_ahead_of_the_log_is_fine(patient: Patient) -> None:
    """Killed between telling geth and committing: geth keeps its block, which will come again."""
    await patient.restore()
    block = await _make_head(patient)
    assert block.number == BLOCKS + 1
    restored = await patient.restore()
    assert restored.complete
    assert (await patient.engine.latest()).block_hash == block.block_hash
    # The consensus side decides it again: nothing stands in its way.
    assert await patient.engine.new_payload(block) == "VALID"
    assert await patient.engine.forkchoice(block.block_hash) == "VALID"


@pytest.mark.parametrize("height", [3, BLOCKS + 2])
async def test_another_history_is_left_alone(patient: Patient, height: int) -> None:
    """A geth whose head no log of ours has is not touched; the reason names that head."""
    other_log = PayloadLog(patient.geth.folder / "other")
    start = genesis_head(patient.genesis_hash, patient.geth.chain.timestamp)
    theirs = await extend(patient.geth, patient.engine, other_log, start, height, stride_s=2)
    other_log.close()
    restored = await patient.restore()
    assert restored.outcome is Outcome.FOREIGN
    assert theirs.block_hash in restored.reason
    assert (await patient.engine.latest()).block_hash == theirs.block_hash


async def test_a_block_that_geth_calls_invalid_is_told(patient: Patient) -> None:
    """A decided block that geth refuses ends the restore with geth's reason: never skipped."""
    log = PayloadLog(patient.geth.folder / "invalid")
    for payload in logged(patient.log):
        if payload.number < 5:
            log.commit(_head(payload), payload)
    fifth = patient.log.payload(5)
    assert fifth is not None
    changed = parse({**fifth.execution_payload, "gasUsed": "0x5208"}, [], "0x" + "00" * 32)
    log.commit(_head(changed), changed)
    patient.log.close()
    patient.log = log
    restored = await patient.restore()
    assert restored.outcome is Outcome.INVALID
    assert restored.blocks == 4
    assert "block 5" in restored.reason
    assert "blockhash mismatch" in restored.reason


async def test_a_geth_in_snap_sync_is_stuck(patient: Patient) -> None:
    """A geth that takes no blocks is reported as stuck; started in full sync it takes them."""
    patient.geth.stop()
    patient.geth.sync_mode = "snap"
    patient.geth.start()
    restored = await patient.restore()
    assert restored.stuck
    assert "SYNCING" in restored.reason
    patient.geth.stop()
    patient.geth.sync_mode = "full"
    patient.geth.start()
    assert (await patient.restore()).complete
    await patient.assert_whole()


def _head(payload: Payload) -> Head:
    start = genesis_head(payload.block_hash, payload.timestamp)
    return msgspec.structs.replace(start, height=payload.number, number=payload.number)


async def _make_head(patient: Patient) -> Payload:
    block = await build(patient.geth, patient.head)
    assert await patient.engine.new_payload(block) == "VALID"
    assert await patient.engine.forkchoice(block.block_hash) == "VALID"
    return block
