"""The kinds of values that a field can be declared to hold: its reading and its JSON Schema.

Both stand side by side because an editor that checks the file against the schema must accept what
the loader accepts. A field names its kind in `models._field`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from windlass.spec import values, values_ethereum
from windlass.spec.models import SCHEMA


class Kind(msgspec.Struct, frozen=True):
    """`read` returns the value or raises ValueError(reason); `schema` is what an editor checks."""

    read: Callable[[str], Any]
    schema: dict[str, Any]


INTEGER_PATTERN = r"^(0x[0-9a-fA-F][0-9a-fA-F_]*|[0-9][0-9_]*)$"
"""YAML 1.2 reads 30_000_000 as text, so a number may be text for an editor."""


def _integer_schema(minimum: int, maximum: int) -> dict[str, Any]:
    return {
        "type": ["integer", "string"],
        "pattern": INTEGER_PATTERN,
        "minimum": minimum,
        "maximum": maximum,
    }


def _text_schema(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": pattern}


_HEX_TYPES = ["string", "integer"]
"""Without quotes an address or a word is a hexadecimal number to YAML."""

KINDS = {
    "label": Kind(values.label, _text_schema(r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$")),
    "schema": Kind(values.schema_version, _integer_schema(1, SCHEMA)),
    "consensus": Kind(values_ethereum.consensus, {"enum": ["bft", "solo"]}),
    "chain_id": Kind(values_ethereum.chain_id, _integer_schema(1, values_ethereum.CHAIN_ID_MAX)),
    "block_time": Kind(
        values_ethereum.block_time, _integer_schema(1, values_ethereum.BLOCK_TIME_S_MAX)
    ),
    "gas_limit": Kind(
        values_ethereum.gas_limit,
        _integer_schema(values_ethereum.GAS_LIMIT_MIN, values_ethereum.GAS_LIMIT_MAX),
    ),
    "amount": Kind(
        values_ethereum.amount,
        {
            "type": ["string", "integer"],
            "pattern": r"^[0-9][0-9_]*(\.[0-9]+)?\s*(wei|gwei|ether)$|^0$",
            "maximum": 0,
        },
    ),
    "address": Kind(
        values_ethereum.address, {"type": _HEX_TYPES, "pattern": "^0x[0-9a-fA-F]{40}$"}
    ),
    "code": Kind(values_ethereum.code, {"type": _HEX_TYPES, "pattern": "^0x([0-9a-fA-F]{2})+$"}),
    "word": Kind(values_ethereum.word, {"type": _HEX_TYPES, "pattern": "^0x[0-9a-fA-F]{1,64}$"}),
    "geth_version": Kind(values_ethereum.geth_version, _text_schema(r"^v?1\.17\.[0-9]+$")),
    "cometbft_version": Kind(values_ethereum.cometbft_version, _text_schema(r"^v?0\.38\.[0-9]+$")),
    "port": Kind(
        values.port,
        {
            "anyOf": [
                {"type": "integer", "minimum": 1024, "maximum": 65535},
                {"enum": ["auto", None]},
            ]
        },
    ),
    "host": Kind(values.host, {"type": "string", "format": "ipv4"}),
    "bind": Kind(values.bind, {"type": "string", "format": "ipv4"}),
    "cpu": Kind(
        values.cpu,
        {
            "type": ["number", "string", "null"],
            "pattern": r"^([0-9]{1,6}(\.[0-9]{1,3})?|[0-9]{1,6}m)$",
            "exclusiveMinimum": 0,
        },
    ),
    "size": Kind(
        values.size,
        {
            "type": ["integer", "string", "null"],
            "pattern": r"^[0-9]{1,15}(Ki|Mi|Gi|Ti|k|M|G|T)?$",
            "minimum": 1,
        },
    ),
}
"""Name → kind."""

PLAIN_INTEGER = Kind(values.integer, {})
"""A whole number whose bounds the field itself states."""
