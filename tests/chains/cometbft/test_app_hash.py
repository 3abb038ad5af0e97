"""The digest by which a chain of heights is tied to its blocks."""

from __future__ import annotations

from windlass.chains.cometbft.app_hash import after_block
from windlass.chains.ethereum.payload_log import Head
from windlass.chains.ethereum.quantities import BlockHash, Height
from windlass.programs.bridge.state import next_head

BLOCK = BlockHash("0x" + "5d" * 32)


def test_the_bytes_never_change() -> None:
    """Networks that run have signed these: another digest could not go on with their blocks."""
    expected = "1364abd7eb34e9d13ba119882550a957c2b65380bab9c0bb09e1a6f6699348f5"
    assert after_block(b"\x07" * 32, BLOCK, 5, 9).hex() == expected


def test_the_bridge_signs_this_digest() -> None:
    """What others work out for a block is what a bridge tells CometBFT after it."""
    head = Head(height=6, app_hash=b"\x07" * 32, number=Height(4), block_hash=BLOCK, timestamp=8)
    after = next_head(head, Height(5), BLOCK, 9)
    assert after.app_hash == after_block(head.app_hash, BLOCK, 5, 9)
    assert after.height == 7
