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
    BuildDelay,
    NotBuilding,
    block_timestamp,
    build,
    pool_pending,
    prev_randao,
    wait_before_building,
)
from windlass.chains.ethereum.engine import Attributes
from windlass.chains.ethereum.payload import MalformedPayload
from windlass.kit.http import HttpClient
from windlass.kit.json_rpc import JsonRpc
from windlass.programs.bridge.gathering import GATHERING_S, Gatherer
from windlass.programs.bridge.geth import Geth
from windlass.programs.bridge.rules import Context

DEADLINE_S = TIMEOUT_PROPOSE_S - 0.15
"""The rest is for signing the proposal and sending it to everyone (some 20 ms for a small block,
100 ms for one of megabytes)."""
TAKING_S = 0.2
"""For taking the block out of geth, after the time that it had to fill it."""


class Proposer:
    """Has geth build blocks on the decided head."""

    def __init__(self, geth: Geth, rpc_url: str, delay: BuildDelay, gatherer: Gatherer) -> None:
        self.delay = delay
        self._geth = geth
        self._gatherer = gatherer
        self._rpc = JsonRpc(HttpClient(rpc_url))

    async def propose(self, context: Context, bytes_max: int) -> bytes:
        """An encoded payload of at most `bytes_max` bytes for the height after `context.head`.

        Raises TimeoutError, NotBuilding, MalformedPayload (also for one that is too large) and
        EngineError.
        """
        deadline_s = time.monotonic() + DEADLINE_S
        async with asyncio.timeout(DEADLINE_S):
            await self._geth.wait_ready()
            self.delay.before_build(await pool_pending(self._rpc))
            begin_s = self._begin_s(context, deadline_s)
            await asyncio.sleep(begin_s - GATHERING_S - time.monotonic())
            await self._gatherer.gather()
            # Asked early to know when to begin, and again because half a second has passed.
            self.delay.before_build(await pool_pending(self._rpc))
            await asyncio.sleep(begin_s - time.monotonic())
            try:
                data = await self._build(context, deadline_s)
            except NotBuilding as error:
                self._geth.lost(error.sentence)
                await self._geth.wait_ready()
                data = await self._build(context, deadline_s)
        if len(data) > bytes_max:
            raise MalformedPayload(f"The block has {len(data)} bytes, {bytes_max} are allowed.")
        return data

    async def close(self) -> None:
        """Closes the connections to the geths' RPC."""
        await asyncio.gather(self._rpc.close(), self._gatherer.close())

    def _begin_s(self, context: Context, deadline_s: float) -> float:
        """When to begin to build; both times are of the monotonic clock."""
        wait_s = wait_before_building(
            context.head.timestamp, time.time(), self.delay.current_s, context.block_time_s
        )
        # A clock far behind would have us wait for long; the build still has to fit in.
        latest_s = deadline_s - self.delay.current_s - TAKING_S
        return min(time.monotonic() + wait_s, latest_s)

    async def _build(self, context: Context, deadline_s: float) -> bytes:
        head = context.head
        stamp = block_timestamp(head.timestamp, time.time(), self.delay.current_s, context.latest)
        attributes = Attributes(
            timestamp=max(stamp, context.earliest),
            prev_randao=prev_randao(context.chain_id, head.number + 1, head.block_hash),
            fee_recipient=context.fee_recipient,
            parent_beacon_block_root="0x" + head.app_hash.hex(),
        )
        engine = self._geth.engine
        left_s = deadline_s - TAKING_S - time.monotonic()
        payload = await build(engine, head.block_hash, attributes, self.delay, left_s)
        return payload_codec.encode(payload)
