"""Block 0 of a private Ethereum network: its file for geth and its hash, both made offline.

The hash is needed before any geth runs: CometBFT's genesis carries it and every bridge refuses a
geth with another one. So the state root and the header are computed here, and a test holds the
result against a real geth.

All forks up to Prague are active from block 0. Osaka is not: its Engine API wants another method,
and its blob fee divides by the largest number of blobs, which is 0 here. No blobs at all: they
would need a second gossip for data that a private network has no use for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from windlass.chains.ethereum import rlp
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.quantities import Address, BlockHash, Wei, to_hex
from windlass.chains.ethereum.system_contracts import NONCE, SYSTEM_CONTRACTS
from windlass.chains.ethereum.trie import EMPTY_ROOT, secure_root

BASE_FEE_WEI = 1_000_000_000
"""Where the fee of a unit of gas starts (EIP-1559's own choice); empty blocks soon lower it."""

_BLOCK_FORKS = (
    "homesteadBlock",
    "eip150Block",
    "eip155Block",
    "eip158Block",
    "byzantiumBlock",
    "constantinopleBlock",
    "petersburgBlock",
    "istanbulBlock",
    "berlinBlock",
    "londonBlock",
)
_TIME_FORKS = ("shanghaiTime", "cancunTime", "pragueTime")

_NO_BLOBS = {"target": 0, "max": 0, "baseFeeUpdateFraction": 5_007_716}
"""geth refuses a fraction of 0; this is Prague's own."""


class Allocation(msgspec.Struct, frozen=True, kw_only=True):
    """What an address has in block 0. `code` is 0x and hex digits; `storage` maps word to word."""

    balance: Wei = Wei(0)
    nonce: int = 0
    code: str = "0x"
    storage: Mapping[str, str] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing that could be in a state (EIP-161)."""
        return not self.balance and not self.nonce and self.code == "0x"


class Genesis(msgspec.Struct, frozen=True, kw_only=True):
    """Block 0. `timestamp` is in unix seconds, `gas_limit` what block 1 starts from."""

    chain_id: int
    timestamp: int
    gas_limit: int
    allocations: Mapping[Address, Allocation]

    def everything(self) -> dict[Address, Allocation]:
        """The allocations with the system contracts, by address; empty ones are left out.

        Raises ValueError if an allocation has a system contract's address.
        """
        system = {
            contract.address: Allocation(nonce=NONCE, code=contract.code)
            for contract in SYSTEM_CONTRACTS
        }
        if taken := system.keys() & self.allocations.keys():
            raise ValueError(f"{min(taken)} is a system contract's address")
        merged = {**system, **self.allocations}
        return {key: merged[key] for key in sorted(merged) if not merged[key].is_empty}

    def file(self) -> bytes:
        """JSON as `geth --override.genesis FILE` reads it; the same input gives the same bytes."""
        config: dict[str, object] = {"chainId": self.chain_id}
        config |= dict.fromkeys(_BLOCK_FORKS, 0)
        config |= {"terminalTotalDifficulty": 0}
        config |= dict.fromkeys(_TIME_FORKS, 0)
        config |= {"blobSchedule": {"cancun": _NO_BLOBS, "prague": _NO_BLOBS}}
        document = {
            "config": config,
            "nonce": "0x0",
            "timestamp": to_hex(self.timestamp),
            "extraData": "0x",
            "gasLimit": to_hex(self.gas_limit),
            "difficulty": "0x0",
            "mixHash": "0x" + "00" * 32,
            "coinbase": "0x" + "00" * 20,
            "baseFeePerGas": to_hex(BASE_FEE_WEI),
            "alloc": {
                address: {
                    "balance": to_hex(allocation.balance),
                    "nonce": to_hex(allocation.nonce),
                    "code": allocation.code,
                    "storage": dict(sorted(allocation.storage.items())),
                }
                for address, allocation in self.everything().items()
            },
        }
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"

    def state_root(self) -> bytes:
        """32 bytes: the root of the trie over all accounts."""
        return secure_root(
            {
                bytes.fromhex(address[2:]): _account(allocation)
                for address, allocation in self.everything().items()
            }
        )

    def hash(self) -> BlockHash:
        """The hash of block 0's header with the fields that Prague has."""
        zero = bytes(32)
        header: list[rlp.Encodable] = [
            zero,  # parent
            keccak256(rlp.encode([])),  # no uncles
            bytes(20),  # coinbase
            self.state_root(),
            EMPTY_ROOT,  # transactions
            EMPTY_ROOT,  # receipts
            bytes(256),  # logs bloom
            0,  # difficulty
            0,  # number
            self.gas_limit,
            0,  # gas used
            self.timestamp,
            b"",  # extra data
            zero,  # mix hash
            bytes(8),  # nonce
            BASE_FEE_WEI,
            EMPTY_ROOT,  # withdrawals (EIP-4895)
            0,  # blob gas used (EIP-4844)
            0,  # excess blob gas
            zero,  # parent beacon block root (EIP-4788)
            hashlib.sha256(b"").digest(),  # no requests (EIP-7685)
        ]
        return BlockHash("0x" + keccak256(rlp.encode(header)).hex())


def _account(allocation: Allocation) -> bytes:
    """An account as the state trie holds it: nonce, balance, storage root, code hash."""
    storage = {
        bytes.fromhex(key[2:]): rlp.encode(int(value, 16))
        for key, value in allocation.storage.items()
        if int(value, 16)  # a slot that holds 0 is a slot that is not there
    }
    code = bytes.fromhex(allocation.code[2:])
    return rlp.encode([allocation.nonce, allocation.balance, secure_root(storage), keccak256(code)])
