"""Proposes a block: at the right moment, with the right stamp, or none at all.

Without a block the height passes and the chain goes on: a proposer that is late costs everyone a
timeout, one that proposes nothing costs a block. So everything here ends within `DEADLINE_S`.
"""

from __future__ import annotations

import asyncio
import time

from windlass.chains.cometbft.configuration import TIMEOUT_PROPOSE_S
from windlass.chains.ethereum import payload_codec
from windlass.chains.ethereum.building import (
    FILL_S_MAX,
    Attributes,
    Builder,
    NotBuilding,
    block_timestamp,
    prev_randao,
    wait_before_building,
)
from windlass.chains.ethereum.payload import MalformedPayload
from windlass.kit.metrics import Histogram
from windlass.programs.bridge.gathering import GATHERING_S, Gatherer
from windlass.programs.bridge.geth import Geth
from windlass.programs.bridge.rules import Context

DEADLINE_S = TIMEOUT_PROPOSE_S - 0.15
"""The rest is for signing the proposal and sending it to everyone (some 20 ms for a small block,
100 ms for one of megabytes)."""
BUILD_S_MAX = FILL_S_MAX + 0.2
"""The longest build: after the time to fill it, geth closes the block and hands it over."""


class Proposer:
    """Has geth build blocks on the decided head."""

    def __init__(
        self, geth: Geth, builder: Builder, gatherer: Gatherer, build_s: Histogram
    ) -> None:
        self._geth = geth
        self._builder = builder
        self._gatherer = gatherer
        self._build_s = build_s

    async def propose(self, context: Context, bytes_max: int) -> bytes:
        """An encoded payload of at most `bytes_max` bytes for the height after `context.head`.

        Raises TimeoutError, NotBuilding, MalformedPayload (also for one that is too large) and
        EngineError.
        """
        deadline_s = time.monotonic() + DEADLINE_S
        async with asyncio.timeout(DEADLINE_S):
            await self._geth.wait_ready()
            await self._pace(context, deadline_s)
            try:
                data = await self._build(context)
            except NotBuilding as error:
                self._geth.lost(error.sentence)
                await self._geth.wait_ready()
                data = await self._build(context)
        if len(data) > bytes_max:
            raise MalformedPayload(f"The block has {len(data)} bytes, {bytes_max} are allowed.")
        return data

    async def _pace(self, context: Context, deadline_s: float) -> None:
        """Waits until the block is due, and takes in what is new just before that.

        A block that is late already is most likely full: then nothing more needs to be brought.
        """
        wait_s = wait_before_building(context.head.timestamp, time.time(), context.block_time_s)
        # A clock far behind would have us wait for long; the build still has to fit in.
        latest_s = deadline_s - BUILD_S_MAX
        begin_s = min(time.monotonic() + wait_s, latest_s)
        if wait_s > GATHERING_S:
            await asyncio.sleep(begin_s - GATHERING_S - time.monotonic())
            await self._gatherer.gather()
        await asyncio.sleep(begin_s - time.monotonic())

    async def _build(self, context: Context) -> bytes:
        head = context.head
        stamp = block_timestamp(head.timestamp, time.time(), context.latest)
        attributes = Attributes(
            timestamp=max(stamp, context.earliest),
            prev_randao=prev_randao(context.chain_id, head.number + 1, head.block_hash),
            fee_recipient=context.fee_recipient,
            parent_beacon_block_root="0x" + head.app_hash.hex(),
        )
        began_s = time.monotonic()
        payload = await self._builder.build(head.block_hash, attributes)
        self._build_s.observe(time.monotonic() - began_s)
        return payload_codec.encode(payload)
