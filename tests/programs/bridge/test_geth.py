"""How a bridge looks after its geth, on a real one: what it says of it, and what it puts right."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from tests.support.geth import Geth as RealGeth
from tests.support.geth import genesis
from tests.support.kept import Kept


@pytest.fixture
def real(tmp_path: Path, geth_binary: Path) -> Generator[RealGeth]:
    """A geth that is not started yet."""
    geth = RealGeth(geth_binary, tmp_path / "geth", genesis(timestamp=int(time.time()) - 100))
    yield geth
    geth.close()


@pytest.fixture
async def kept(real: RealGeth, tmp_path: Path) -> AsyncGenerator[Kept]:
    """Its keeper, at work."""
    kept = Kept(real, tmp_path)
    task = asyncio.create_task(kept.geth.run())
    yield kept
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await kept.close()


async def test_geth_that_starts_later(kept: Kept) -> None:
    """A geth that is not there yet is waited for, and said to be unreachable meanwhile."""
    await kept.until(lambda: "can't be reached" in kept.geth.condition.detail, "it says why")
    assert kept.status() == "unreachable"
    assert not kept.geth.ready
    kept.real.spawn()

    await kept.until(lambda: kept.geth.ready, "geth is ready")
    assert kept.status() == "ok"


async def test_geth_killed_and_wiped(kept: Kept) -> None:
    """A geth that comes back empty gets all blocks again, without anybody asking for it."""
    kept.real.spawn()
    for _ in range(4):
        await kept.make_block()
    await asyncio.to_thread(kept.real.kill)
    kept.real.wipe()
    kept.real.spawn()

    await kept.until(lambda: kept.geth.restored_blocks >= 4, "geth has its blocks again")
    await kept.until(lambda: kept.geth.ready, "geth is ready")
    assert await asyncio.to_thread(kept.real.height) == 4
    await kept.make_block()


async def test_frozen_geth(kept: Kept) -> None:
    """A geth that takes calls and does not answer is called unreachable, and ready when it does."""
    kept.real.spawn()
    await kept.until(lambda: kept.geth.ready, "geth is ready")
    kept.real.freeze()
    kept.geth.lost("a test says so")
    await kept.until(lambda: "in time" in kept.geth.condition.detail, "it says why")
    assert kept.status() == "unreachable"
    assert kept.geth.condition.request is None
    kept.real.thaw()

    await kept.until(lambda: kept.geth.ready, "geth is ready")


async def test_wrong_secret(kept: Kept) -> None:
    """A geth with another JWT secret is told apart from one that is not there."""
    kept.real.spawn()
    await kept.until(lambda: kept.geth.ready, "geth is ready")
    await asyncio.to_thread(kept.real.stop)
    other = kept.real.folder / "other.hex"
    other.write_text("11" * 32)
    kept.real.jwt_file = other
    kept.real.spawn()

    await kept.until(lambda: kept.status() == "unauthorized", "it is unauthorized")
    assert "secret" in kept.geth.condition.detail


async def test_wrong_genesis(kept: Kept, tmp_path: Path, geth_binary: Path) -> None:
    """A geth of another network is never given blocks."""
    other = RealGeth(geth_binary, tmp_path / "other", genesis(timestamp=1_700_000_000))
    other.ports["engine"] = kept.real.ports["engine"]
    try:
        other.spawn()
        await kept.until(lambda: kept.status() == "wrong_genesis", "it is noticed")
        assert not kept.geth.ready
    finally:
        other.close()


async def test_geth_ahead_of_an_empty_log(kept: Kept, tmp_path: Path) -> None:
    """After the loss of our log geth is fed from block 1 again, which it knows."""
    kept.real.spawn()
    for _ in range(3):
        await kept.make_block()
    (tmp_path / "second").mkdir()
    again = Kept(kept.real, tmp_path / "second")
    task = asyncio.create_task(again.geth.run())
    try:
        await again.until(lambda: again.geth.ready, "geth is ready")
        assert again.status() == "syncing"
        payload = kept.payloads.payload(1)
        assert payload is not None
        assert await again.engine.new_payload(payload) == "VALID"
        assert await again.engine.forkchoice(payload.block_hash) == "VALID"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await again.engine.close()
        await again.peers.close()
        again.payloads.close()


async def test_complaints(kept: Kept) -> None:
    """What a decided block showed wins over what geth looks like, until geth takes one again."""
    kept.geth.sticks("it does not move")
    assert kept.request() == "restart_geth"
    kept.geth.disagrees("block 5 is invalid to it")
    assert kept.status() == "invalid_block"
    assert kept.request() is None
    kept.geth.agrees()

    assert kept.status() == "unreachable"
