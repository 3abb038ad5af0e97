"""Distinct types for what Ethereum counts and names, and their JSON-RPC hex forms.

A height is no amount and an address no hash: giving each its own type lets mypy refuse a mix-up
that would otherwise surface as lost money. All of them are exact; none is ever a float.
"""

from __future__ import annotations

import re
from typing import NewType

Wei = NewType("Wei", int)
"""An amount in wei, the base unit: 10**18 wei are one ether."""

Height = NewType("Height", int)
"""A block's number."""

BlockHash = NewType("BlockHash", str)
"""0x and 64 lower-case hex digits."""

TransactionHash = NewType("TransactionHash", str)
"""0x and 64 lower-case hex digits."""

Address = NewType("Address", str)
"""0x and 40 lower-case hex digits; the checksummed form (EIP-55) is for people only."""

WEI_PER_UNIT = {"wei": 1, "gwei": 10**9, "ether": 10**18}

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}\Z")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}\Z")
# Underscores stand between groups of three only: 1_0 is a slip of the pen, and this is money.
_AMOUNT = re.compile(
    r"([0-9]+|[0-9]{1,3}(?:_[0-9]{3})+)(?:\.([0-9]+))?\s*(wei|gwei|ether)?\Z",
)
AMOUNT_LENGTH_MAX = 120
"""2**256 wei with all its underscores and a unit, and some room."""


def parse_address(text: str) -> Address:
    """Reads an address in any letter case; raises ValueError with the reason."""
    if not _ADDRESS.match(text):
        raise ValueError(f"{text!r} is not an address: 0x and 40 hex digits are needed")
    return Address(text.lower())


def parse_block_hash(text: str) -> BlockHash:
    """Reads a block hash in any letter case; raises ValueError with the reason."""
    if not _HASH.match(text):
        raise ValueError(f"{text!r} is not a block hash: 0x and 64 hex digits are needed")
    return BlockHash(text.lower())


def parse_amount(text: str, default_unit: str = "wei") -> Wei:
    """Reads "12", "1_000 gwei" or "1.5 ether" exactly; raises ValueError with the reason."""
    match = _AMOUNT.match(text.strip()) if len(text) <= AMOUNT_LENGTH_MAX else None
    if not match:
        short = text if len(text) <= AMOUNT_LENGTH_MAX else f"{text[:20]}…"
        raise ValueError(
            f"{short!r} is not an amount: write it like '5 ether', '20 gwei' or '1000'"
        )
    whole, fraction, unit = match.group(1), match.group(2) or "", match.group(3) or default_unit
    scaled = int(whole.replace("_", "") + fraction) * WEI_PER_UNIT[unit]
    amount, rest = divmod(scaled, 10 ** len(fraction))
    if rest:
        raise ValueError(f"{text!r} is finer than one wei, the smallest unit there is")
    return Wei(amount)


def format_ether(amount: Wei) -> str:
    """1500000000000000000 → '1.5 ether', exactly and without a trailing zero."""
    whole, rest = divmod(amount, WEI_PER_UNIT["ether"])
    fraction = f"{rest:018d}".rstrip("0")
    return f"{whole}.{fraction} ether" if fraction else f"{whole} ether"


def to_hex(number: int) -> str:
    """A quantity as JSON-RPC writes it: hex without leading zeros."""
    return hex(number)


def from_hex(text: str) -> int:
    """A quantity as JSON-RPC writes it."""
    return int(text, 16)
