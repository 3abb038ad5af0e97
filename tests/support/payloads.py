"""Well-formed payloads that no geth made: for what only moves and stores them."""

from __future__ import annotations

import hashlib
from typing import Any

from windlass.chains.ethereum.payload import Payload, parse
from windlass.chains.ethereum.payload_log import Head, PayloadLog

GENESIS_HASH = "0x" + "11" * 32


def fields(number: int, parent_hash: str, **changes: Any) -> dict[str, Any]:
    """The fields of an execution payload, in JSON-RPC's names."""
    seed = hashlib.sha256(f"{number} {parent_hash}".encode()).hexdigest()
    return {
        "parentHash": parent_hash,
        "feeRecipient": "0x" + "fe" * 20,
        "stateRoot": "0x" + "22" * 32,
        "receiptsRoot": "0x" + "33" * 32,
        "logsBloom": "0x" + "00" * 256,
        "prevRandao": "0x" + "44" * 32,
        "blockNumber": hex(number),
        "gasLimit": hex(30_000_000),
        "gasUsed": "0x0",
        "timestamp": hex(1_700_000_000 + number),
        "extraData": "0x",
        "baseFeePerGas": "0x7",
        "blockHash": "0x" + seed,
        "transactions": [],
        "withdrawals": [],
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
        **changes,
    }


def logged(log: PayloadLog) -> list[Payload]:
    """All the payloads in a log, from block 1 on."""
    head = log.head()
    payloads = [log.payload(number + 1) for number in range(head.number if head else 0)]
    assert None not in payloads
    return [one for one in payloads if one is not None]


def payload(number: int, parent_hash: str = GENESIS_HASH, **changes: Any) -> Payload:
    """A payload of that number on that parent."""
    return parse(fields(number, parent_hash, **changes), [], "0x" + "00" * 32)


def chain(length: int) -> list[Payload]:
    """Blocks 1 … length, each on the one before."""
    blocks: list[Payload] = []
    parent = GENESIS_HASH
    for number in range(1, length + 1):
        blocks.append(payload(number, parent))
        parent = blocks[-1].block_hash
    return blocks


def head(block: Payload, height: int | None = None) -> Head:
    """What a log's head is once it has that block."""
    return Head(
        height=block.number if height is None else height,
        app_hash=b"app",
        number=block.number,
        block_hash=block.block_hash,
        timestamp=block.timestamp,
    )
