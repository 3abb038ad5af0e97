"""What is killed, frozen, wiped or late comes back, and no decided block ever changes."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.logs import register
from tests.support.sealing import Solo
from tests.support.wait import until

POINTS = ("after-build", "after-new-payload", "after-commit", "after-forkchoice")


class Shared:
    """A network that the tests hand on to one another, replaced when one left it broken."""

    def __init__(
        self, binary: Path, factory: pytest.TempPathFactory, config: pytest.Config
    ) -> None:
        self._binary = binary
        self._factory = factory
        self._config = config
        self.solo: Solo | None = None

    def healthy(self) -> Solo:
        """The network, at block 2 or later."""
        if self.solo is None or not _is_whole(self.solo):
            self.close()
            folder = self._factory.mktemp("solo")
            register(self._config, folder)
            self.solo = Solo(self._binary, folder, followers=1).start()
            self.solo.until_block(2)
        return self.solo

    def close(self) -> None:
        """Ends it."""
        if self.solo is not None:
            self.solo.close()


def _is_whole(solo: Solo) -> bool:
    assert solo.process is not None
    if solo.process.poll() is not None or not all(geth.process for geth in solo.geths):
        return False
    return bool(solo.page("/readyz")[0] == 200)


@pytest.fixture(scope="module")
def shared(
    geth_binary: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Shared]:
    """Starting real geths takes longer than what is done to them here."""
    shared = Shared(geth_binary, tmp_path_factory, request.config)
    try:
        yield shared
    finally:
        shared.close()


@pytest.fixture
def solo(shared: Shared) -> Solo:
    """A sealer, its geth and one follower, at block 2 or later."""
    return shared.healthy()


def test_killed_at_every_point_it_loses_nothing(solo: Solo) -> None:
    """After SIGKILL between any two steps: what anybody could see stays, and blocks go on."""
    for point in POINTS:
        before = solo.assert_same_chain()
        solo.kill_sealer()
        solo.start_sealer(fault=f"{point}:2")
        assert solo.died() == -signal.SIGKILL, point
        seen = {geth: solo.chain_of(geth, geth.height()) for geth in solo.geths}
        solo.start_sealer()
        solo.more_blocks(2)
        after = solo.assert_same_chain()
        assert after[: len(before)] == before, point
        for chain in seen.values():
            assert after[: len(chain)] == chain, point


def test_both_killed_at_the_worst_point_lose_nothing(solo: Solo) -> None:
    """Sealer and geth killed with a block in the log only: that block is the next one shown."""
    solo.kill_sealer()
    solo.start_sealer(fault="after-commit:2")
    assert solo.died() == -signal.SIGKILL
    for geth in solo.geths:
        geth.kill()
    solo.start()
    solo.more_blocks(2)
    chain = solo.assert_same_chain()
    log = (solo.folder / "sealer.log").read_text()
    assert len(chain) == len(set(chain))
    assert "Traceback" not in log


def test_a_killed_geth_is_fed_again(solo: Solo) -> None:
    """After kill -9 of the sealer's geth the decided blocks are the same ones, and it goes on."""
    for _ in range(2):
        before = solo.assert_same_chain()
        solo.own.kill()
        until(lambda: solo.state()["geth"] == "unreachable", "the loss is noticed")
        solo.own.start()
        solo.more_blocks(2)
        assert solo.assert_same_chain()[: len(before)] == before
    assert solo.state()["geth"] == "ok"


def test_wiped_geths_get_the_whole_chain_again(solo: Solo) -> None:
    """Both geths without data: the log has all of it."""
    before = solo.assert_same_chain()
    for geth in solo.geths:
        geth.kill()
        geth.wipe()
    for geth in solo.geths:
        geth.spawn()
    solo.more_blocks(2)
    assert solo.assert_same_chain()[: len(before)] == before
    assert solo.state()["restored_blocks"] >= len(before) - 1


def test_a_frozen_follower_delays_nobody_and_catches_up(solo: Solo) -> None:
    """While one geth hangs, blocks go on without it; when it wakes it gets them all."""
    follower = solo.geths[1]
    follower.freeze()
    start = solo.state()["block_number"]
    solo.more_blocks(4, solo.own)
    assert solo.state()["followers"][0]["block_number"] <= start + 1
    follower.thaw()
    solo.more_blocks(1)
    solo.assert_same_chain()


def test_a_follower_that_was_away_or_wiped_is_fed_again(solo: Solo) -> None:
    """A dead follower is told in the state and delays nobody; wiped, it gets the whole chain."""
    follower = solo.geths[1]
    follower.kill()
    follower.wipe()
    until(lambda: solo.state()["followers"][0]["geth"] == "unreachable", "its absence is told")
    assert solo.page("/readyz")[0] == 200
    solo.more_blocks(2, solo.own)
    follower.start()
    solo.more_blocks(1)
    solo.assert_same_chain()
    assert solo.state()["followers"][0]["geth"] == "ok"


def test_a_frozen_sealers_geth_ends_in_blocks_again(solo: Solo) -> None:
    """A geth that hangs and wakes up takes up sealing where it was, without a second history."""
    before = solo.assert_same_chain()
    solo.own.freeze()
    until(lambda: solo.page("/readyz")[0] == 503, "it is told", timeout_s=20)
    solo.own.thaw()
    solo.more_blocks(2)
    assert solo.assert_same_chain()[: len(before)] == before


def test_a_foreign_history_is_not_built_on(solo: Solo) -> None:
    """Without its log a sealer does not guess: it says so, and geth is left as it is."""
    solo.kill_sealer()
    for file in solo.folder.glob("payloads.sqlite*"):
        file.rename(solo.folder / f"kept-{file.name}")
    height = solo.own.height()
    solo.start_sealer()
    solo.until_state("the other history is seen", geth="stuck", request=None)
    assert "another history" in solo.state()["geth_detail"]
    assert solo.own.height() == height
    solo.kill_sealer()
    for file in solo.folder.glob("kept-*"):
        file.rename(solo.folder / file.name.removeprefix("kept-"))
    solo.start_sealer()
    solo.more_blocks(1)


def test_a_geth_that_takes_no_blocks_asks_for_its_restart(solo: Solo) -> None:
    """A geth in snap sync is stuck: /state asks for a clean restart, and after it blocks come."""
    before = solo.assert_same_chain()
    solo.own.kill()
    solo.own.wipe()
    peers, solo.own.static_peers = solo.own.static_peers, []
    solo.geths[1].stop()  # else it would be snap-synced by its peer and be well
    solo.own.sync_mode = "snap"
    solo.own.start()
    solo.until_state("the request is made", geth="stuck", request="restart_geth")
    solo.geths[1].start()
    solo.own.stop()
    solo.own.sync_mode = "full"
    solo.own.static_peers = peers
    solo.own.start()
    solo.more_blocks(1)
    assert solo.assert_same_chain()[: len(before)] == before
    assert solo.state()["request"] is None


def test_a_second_sealer_on_the_same_log_is_refused(solo: Solo) -> None:
    """Two that seal would make two histories: the second ends with the reason."""
    first = solo.process
    try:
        solo.start_sealer()
        assert solo.died() == 1
        assert "Another process" in (solo.folder / "sealer.log").read_text()
    finally:
        solo.process = first
    solo.more_blocks(1)
