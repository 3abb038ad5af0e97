"""A block as it travels between the consensus side and geth, and what makes one well-formed.

A payload comes from another validator's machine, from a file, or from geth: all three are read by
the same strict rules. Every field of Prague's ExecutionPayload is there exactly once, hex is lower
case, quantities have no leading zeros, and nothing unknown rides along, so that two payloads are
equal exactly when their fields are. Whether the block is *right* is geth's to say.
Source: execution-apis, src/engine/prague.md (ExecutionPayloadV3 and executionRequests, EIP-7685).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from windlass.chains.ethereum.quantities import BlockHash, Height
from windlass.kit.errors import WindlassError

TRANSACTIONS_MAX = 1 << 20
"""Far above what any gas limit allows (21,000 gas each); bounds the list before it is walked."""
REQUESTS_MAX = 256
"""EIP-7685: the type is one byte and each type occurs once."""
EXTRA_DATA_BYTES_MAX = 32

_DATA = re.compile(r"0x[0-9a-f]*\Z")
_QUANTITY = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]*)\Z")


class MalformedPayload(WindlassError):
    """A payload that no correct program makes; the sentence names the field."""

    code = "payload_malformed"


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed block: make it with `parse`, which checks it.

    `execution_payload` has JSON-RPC's field names and hex strings, exactly as geth takes them;
    `execution_requests` (EIP-7685) and `parent_beacon_block_root` (EIP-4788) belong to the block's
    hash but travel beside it.
    """

    execution_payload: dict[str, Any]
    execution_requests: list[str]
    parent_beacon_block_root: str

    @property
    def number(self) -> Height:
        return Height(int(self.execution_payload["blockNumber"], 16))

    @property
    def block_hash(self) -> BlockHash:
        return BlockHash(self.execution_payload["blockHash"])

    @property
    def parent_hash(self) -> BlockHash:
        return BlockHash(self.execution_payload["parentHash"])

    @property
    def timestamp(self) -> int:
        """Unix seconds."""
        return int(self.execution_payload["timestamp"], 16)

    @property
    def transactions(self) -> list[str]:
        """Raw transactions, hex."""
        transactions: list[str] = self.execution_payload["transactions"]
        return transactions


def parse(
    execution_payload: Mapping[str, object],
    execution_requests: list[str],
    parent_beacon_block_root: str,
) -> Payload:
    """Checks every field; raises MalformedPayload naming the first that is wrong."""
    unknown = execution_payload.keys() - _FIELDS.keys()
    if unknown:
        raise MalformedPayload(f"The payload has the unknown field {min(unknown)!r:.40}.")
    for name, check in _FIELDS.items():
        if name not in execution_payload:
            raise MalformedPayload(f"The payload lacks the field {name}.")
        check(name, execution_payload[name])
    _data_of(32)("parentBeaconBlockRoot", parent_beacon_block_root)
    _data_list(REQUESTS_MAX)("executionRequests", execution_requests)
    return Payload(
        execution_payload=dict(execution_payload),
        execution_requests=execution_requests,
        parent_beacon_block_root=parent_beacon_block_root,
    )


_Check = Callable[[str, object], None]


def _data(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) % 2 or not _DATA.match(value):
        raise MalformedPayload(f"The payload's {name} is not lower-case hex bytes.")
    return value


def _data_of(length: int) -> _Check:
    def check(name: str, value: object) -> None:
        if len(_data(name, value)) != 2 + 2 * length:
            raise MalformedPayload(f"The payload's {name} is not {length} bytes long.")

    return check


def _data_up_to(length: int) -> _Check:
    def check(name: str, value: object) -> None:
        if len(_data(name, value)) > 2 + 2 * length:
            raise MalformedPayload(f"The payload's {name} is longer than {length} bytes.")

    return check


def _quantity_of(bits: int) -> _Check:
    # The length is looked at first: int() of a long string is slow, and Python refuses it.
    digits = bits // 4

    def check(name: str, value: object) -> None:
        fits = isinstance(value, str) and len(value) <= 2 + digits
        if not isinstance(value, str) or not fits or not _QUANTITY.match(value):
            raise MalformedPayload(f"The payload's {name} is not a quantity of {bits} bits.")

    return check


def _data_list(length_max: int) -> _Check:
    def check(name: str, value: object) -> None:
        if not isinstance(value, list) or len(value) > length_max:
            raise MalformedPayload(f"The payload's {name} is not a list of ≤ {length_max} items.")
        for item in value:
            if len(_data(name, item)) == 2:
                raise MalformedPayload(f"The payload's {name} has an empty item.")

    return check


def _empty_list(name: str, value: object) -> None:
    # No beacon chain stands behind these networks, so nothing is ever withdrawn from one.
    if value != []:
        raise MalformedPayload(f"The payload's {name} is not an empty list.")


_FIELDS: dict[str, _Check] = {
    "parentHash": _data_of(32),
    "feeRecipient": _data_of(20),
    "stateRoot": _data_of(32),
    "receiptsRoot": _data_of(32),
    "logsBloom": _data_of(256),
    "prevRandao": _data_of(32),
    "blockNumber": _quantity_of(64),
    "gasLimit": _quantity_of(64),
    "gasUsed": _quantity_of(64),
    "timestamp": _quantity_of(64),
    "extraData": _data_up_to(EXTRA_DATA_BYTES_MAX),
    "baseFeePerGas": _quantity_of(256),
    "blockHash": _data_of(32),
    "transactions": _data_list(TRANSACTIONS_MAX),
    "withdrawals": _empty_list,
    "blobGasUsed": _quantity_of(64),
    "excessBlobGas": _quantity_of(64),
}
