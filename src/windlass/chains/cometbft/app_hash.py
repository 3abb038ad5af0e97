"""The app hash after a block: what the bridges agree on, and by which readers of CometBFT's headers
know which block a height had.

Each block is hashed together with the app hash before it, so an app hash stands for all blocks up
to it. A height without a block leaves the app hash as it was.
"""

from __future__ import annotations

import hashlib

_BLOCK_TAG = b"windlass block 1"


def after_block(app_hash: bytes, block_hash: str, number: int, timestamp: int) -> bytes:
    """The app hash after this Ethereum block, given the one before it."""
    digest = hashlib.sha256(
        _BLOCK_TAG
        + app_hash
        + bytes.fromhex(block_hash[2:])
        + number.to_bytes(8, "big")
        + timestamp.to_bytes(8, "big")
    )
    return digest.digest()
