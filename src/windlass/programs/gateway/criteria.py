"""Which logs somebody wants: read as geth reads it, and held against logs as geth does."""

from __future__ import annotations

from typing import Any

import msgspec

from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.programs.gateway.errors import RpcRefusal, invalid_params
from windlass.programs.gateway.rewriting import PENDING, TAGS, number_of

TOPICS_MAX = 4
ALTERNATIVES_MAX = 1000
"""geth's limits."""
_ADDRESS_BYTES = 20
_TOPIC_BYTES = 32


class LogFields(msgspec.Struct, rename="camel", gc=False):
    """A log as far as it is matched."""

    address: str
    topics: list[str]


class _Wanted(msgspec.Struct, rename={"from_block": "fromBlock", "to_block": "toBlock",
                                      "block_hash": "blockHash"}):  # fmt: skip
    from_block: str | None = None
    to_block: str | None = None
    block_hash: str | None = None
    address: Any = None
    topics: list[Any] | None = None


class Criteria(msgspec.Struct, frozen=True):
    """`addresses` and each of `topics` empty: any. A bound that is None is the head of its time."""

    addresses: frozenset[str] = frozenset()
    topics: tuple[frozenset[str], ...] = ()
    first: int | None = None
    last: int | None = None
    block_hash: str | None = None

    def matches(self, log: LogFields) -> bool:
        """Whether it is wanted, wherever it lies."""
        if self.addresses and log.address not in self.addresses:
            return False
        if len(self.topics) > len(log.topics):
            return False
        return all(
            not wanted or topic in wanted
            for wanted, topic in zip(self.topics, log.topics, strict=False)
        )

    def query(self, first: int, last: int) -> dict[str, Any]:
        """The same for eth_getLogs, over these blocks."""
        return {
            "fromBlock": hex(first),
            "toBlock": hex(last),
            "address": sorted(self.addresses),
            "topics": [sorted(one) or None for one in self.topics],
        }


def parse(parameter: bytes, place: int) -> Criteria:
    """Reads a parameter, the one at this place. Raises RpcRefusal."""
    try:
        wanted = json.decode(parameter, _Wanted)
        return _criteria(wanted)
    except JsonError as error:
        raise invalid_params(f"invalid argument {place}: {error}") from error


def require_live(criteria: Criteria) -> None:
    """Refuses what can't be waited for, in geth's words."""
    first, last = criteria.first, criteria.last
    if last is not None and (first is None or first > last):
        raise invalid_params("invalid block range params")


def _criteria(wanted: _Wanted) -> Criteria:
    if wanted.block_hash is not None and (wanted.from_block or wanted.to_block):
        raise JsonError(
            "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other"
        )
    return Criteria(
        addresses=_addresses(wanted.address),
        topics=_topics(wanted.topics or []),
        first=_bound(wanted.from_block),
        last=_bound(wanted.to_block),
        block_hash=wanted.block_hash,
    )


def _bound(text: str | None) -> int | None:
    if text is None or text in TAGS:
        return None
    quoted = msgspec.json.encode(text)
    if quoted == PENDING:
        raise RpcRefusal(-32602, "pending logs are not supported")
    number = number_of(quoted)
    if number is None:
        raise JsonError(f"{text[:70]!r} is no block")
    return number


def _addresses(value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    if isinstance(value, str):
        return frozenset([_hex(value, _ADDRESS_BYTES, "address")])
    if not isinstance(value, list):
        raise JsonError("invalid addresses in query")
    if len(value) > ALTERNATIVES_MAX:
        raise JsonError("exceed max addresses or topics per search position")
    return frozenset(_hex(one, _ADDRESS_BYTES, "address") for one in value)


def _topics(values: list[Any]) -> tuple[frozenset[str], ...]:
    if len(values) > TOPICS_MAX:
        raise JsonError("exceed max topics")
    topics: list[frozenset[str]] = []
    for value in values:
        if value is None:
            topics.append(frozenset())
        elif isinstance(value, str):
            topics.append(frozenset([_hex(value, _TOPIC_BYTES, "topic")]))
        elif not isinstance(value, list):
            raise JsonError("invalid topic(s)")
        elif len(value) > ALTERNATIVES_MAX:
            raise JsonError("exceed max topics")
        elif None in value:
            topics.append(frozenset())
        else:
            topics.append(frozenset(_hex(one, _TOPIC_BYTES, "topic") for one in value))
    return tuple(topics)


def _hex(value: Any, length: int, what: str) -> str:
    if not isinstance(value, str):
        raise JsonError(f"non-string {what}")
    digits = value[2:].lower()
    try:
        size = len(bytes.fromhex(digits)) if value[:2] in ("0x", "0X") else -1
    except ValueError:
        size = -1
    if size < 0 or " " in digits:
        raise JsonError(f"invalid {what}: not a hex string with 0x in front")
    if size != length:
        raise JsonError(
            f"hex has invalid length {size} after decoding; expected {length} for {what}"
        )
    return "0x" + digits
