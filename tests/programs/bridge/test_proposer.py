"""When a proposer hands in its block, on a real geth."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.geth import Geth as RealGeth
from tests.support.geth import genesis
from tests.support.kept import Kept
from windlass.chains.cometbft.configuration import PACE_S
from windlass.chains.ethereum import payload_codec
from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.quantities import Address
from windlass.programs.bridge.gathering import Gatherer
from windlass.programs.bridge.metrics import Metrics
from windlass.programs.bridge.proposer import BUILD_S_MAX, DEADLINE_S, Proposer
from windlass.programs.bridge.rules import Context

BYTES_MAX = 1 << 20


@pytest.fixture
def silent() -> Generator[socket.socket]:
    """It takes connections and never answers, as a frozen geth does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.mark.parametrize("ahead_s", [-100, 0, 2, 60])
async def test_a_block_whatever_the_clock_says(
    ahead_s: int, geth_binary: Path, tmp_path: Path
) -> None:
    """A clock far behind the chain's, or far ahead, costs a wait within the deadline, no block."""
    parent = int(time.time()) + ahead_s
    began = int(time.time())
    payload = await _proposed(geth_binary, tmp_path, parent)
    ended = int(time.time())

    assert payload.timestamp > parent
    assert payload.timestamp == parent + 1 or began <= payload.timestamp <= ended + 1


async def test_another_geth_that_does_not_answer(
    geth_binary: Path, tmp_path: Path, silent: socket.socket
) -> None:
    """A frozen geth of another validator is asked, and does not cost the proposal."""
    parent = int(time.time()) + 60
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    payload = await _proposed(geth_binary, tmp_path, parent, url)

    assert payload.number == 1
    silent.setblocking(False)
    silent.accept()[0].close()


def test_the_longest_proposal_is_in_time() -> None:
    """Waiting for the second, with a clock somewhat behind the chain's, leaves time for the longest
    build: else blocks would come early, and the chain's clock run away, or be missing under load.
    """
    assert DEADLINE_S - BUILD_S_MAX >= PACE_S + 0.04


async def _proposed(geth_binary: Path, folder: Path, parent: int, other_url: str = "") -> Payload:
    """What a proposer hands in on a fresh geth whose genesis has that stamp."""
    real = RealGeth(geth_binary, folder / "geth", genesis(timestamp=parent))
    with contextlib.closing(real):
        real.start()
        kept = Kept(real, folder)
        metrics = Metrics()
        gatherer = Gatherer(real.rpc_url, (other_url or real.rpc_url,), metrics.gathered)
        proposer = Proposer(kept.geth, kept.builder, gatherer, metrics.build_s)
        task = asyncio.create_task(kept.geth.run())
        try:
            await kept.geth.wait_ready()
            return payload_codec.decode(await proposer.propose(_context(kept), BYTES_MAX))
        finally:
            task.cancel()
            await asyncio.wait([task])
            await gatherer.close()
            await kept.close()


def _context(kept: Kept) -> Context:
    head = kept.chain.require().head
    return Context(
        chain_id=1,
        block_time_s=1,
        head=head,
        header_time=head.timestamp,
        fee_recipient=Address("0x" + "0f" * 20),
    )
