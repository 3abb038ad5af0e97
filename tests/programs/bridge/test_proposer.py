"""When a proposer hands in its block, on a real geth."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from tests.support.geth import Geth as RealGeth
from tests.support.geth import genesis
from tests.support.kept import Kept
from windlass.chains.ethereum import payload_codec
from windlass.chains.ethereum.building import BuildDelay
from windlass.chains.ethereum.quantities import Address
from windlass.programs.bridge.gathering import Gatherer
from windlass.programs.bridge.metrics import Metrics
from windlass.programs.bridge.proposer import Proposer
from windlass.programs.bridge.rules import Context

BYTES_MAX = 1 << 20


@pytest.mark.parametrize("ahead_s", [-100, 0, 2, 60])
async def test_a_block_whatever_the_clock_says(
    ahead_s: int, geth_binary: Path, tmp_path: Path
) -> None:
    """A clock far behind the chain's, or far ahead, costs a wait within the deadline, no block."""
    parent = int(time.time()) + ahead_s
    real = RealGeth(geth_binary, tmp_path / "geth", genesis(timestamp=parent))
    with contextlib.closing(real):
        real.start()
        kept = Kept(real, tmp_path)
        gatherer = Gatherer(real.rpc_url, (real.rpc_url,), Metrics().gathered)
        proposer = Proposer(kept.geth, real.rpc_url, BuildDelay(0.05, 1.2), gatherer)
        task = asyncio.create_task(kept.geth.run())
        try:
            await kept.geth.wait_ready()
            payload = payload_codec.decode(await proposer.propose(_context(kept), BYTES_MAX))
        finally:
            task.cancel()
            await asyncio.wait([task])
            await proposer.close()
            await kept.close()

    assert payload.timestamp > parent
    assert payload.timestamp in (parent + 1, int(time.time()), int(time.time()) - 1)


def _context(kept: Kept) -> Context:
    head = kept.chain.require().head
    return Context(
        chain_id=1,
        block_time_s=1,
        head=head,
        header_time=head.timestamp,
        fee_recipient=Address("0x" + "0f" * 20),
    )
