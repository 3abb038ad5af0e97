"""Makes blocks with a real geth and our own parts, as fast as geth can: material for tests."""

from __future__ import annotations

from tests.support.geth import Geth
from windlass.chains.ethereum import building
from windlass.chains.ethereum.building import Attributes, Builder
from windlass.chains.ethereum.engine import EngineClient
from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.payload_log import Head, PayloadLog
from windlass.chains.ethereum.quantities import Address, BlockHash, Height

FEE_RECIPIENT = Address("0x" + "fe" * 20)


def attributes(parent: Head, timestamp: int | None = None) -> Attributes:
    """Attributes of the block after `parent`, one second later unless another time is given."""
    return Attributes(
        timestamp=parent.timestamp + 1 if timestamp is None else timestamp,
        prev_randao=building.prev_randao(1, parent.number + 1, parent.block_hash),
        fee_recipient=FEE_RECIPIENT,
        parent_beacon_block_root=building.ZERO_ROOT,
    )


def genesis_head(genesis_hash: str, timestamp: int) -> Head:
    """The head of a chain that has only its genesis."""
    return Head(
        height=0,
        app_hash=b"",
        number=Height(0),
        block_hash=BlockHash(genesis_hash),
        timestamp=timestamp,
    )


async def build(geth: Geth, parent: Head, timestamp: int | None = None) -> Payload:
    """A block on `parent` that geth has built but not taken in."""
    builder = Builder(str(geth.ipc))
    try:
        return await builder.build(parent.block_hash, attributes(parent, timestamp))
    finally:
        await builder.close()


async def extend(
    geth: Geth,
    engine: EngineClient,
    log: PayloadLog,
    start: Head,
    blocks: int,
    stride_s: int = 1,
) -> Head:
    """Builds, commits and makes the head so many blocks; returns the last."""
    head = log.head() or start
    for _ in range(blocks):
        payload = await build(geth, head, head.timestamp + stride_s)
        assert await engine.new_payload(payload) == "VALID"
        head = Head(
            height=head.height + 1,
            app_hash=b"",
            number=payload.number,
            block_hash=payload.block_hash,
            timestamp=payload.timestamp,
        )
        log.commit(head, payload)
        assert await engine.forkchoice(head.block_hash) == "VALID"
    return head
