"""Payload ↔ bytes: what goes into a CometBFT block and into the payload log.

    0x01 ‖ zlib( canonical JSON of {"p": execution payload, "q": requests, "r": beacon root} )

Canonical means: keys sorted, no white space, and the strict forms of `payload.py`. A payload has
exactly one such JSON, and decoding refuses bytes that inflate to anything else, so nothing can be
smuggled past the fields. The compression around it is *not* held to one form: which bytes zlib
makes differs between zlib versions, zlib-ng and processors, and validators that disagreed about a
block for that reason would split. Instead the stream must be whole, alone, and not padded.
"""

from __future__ import annotations

import zlib

import msgspec

from windlass.chains.ethereum.payload import MalformedPayload, Payload, parse
from windlass.kit import json
from windlass.kit.json import JsonError

VERSION = 1
ENCODED_BYTES_MAX = 20_000_000
"""Below CometBFT's block limit of 22,020,096 bytes, with room for its header and votes."""
JSON_BYTES_MAX = 64_000_000
"""Bounds what a small stream may inflate to; a block full of calldata at 200M gas is 40 MB."""
_SLACK_BYTES = 1024
"""How much longer than its content a stream may be: zlib adds 5 bytes per 16 KiB at worst, which
the sixteenth in `decode` covers; this covers the shortest."""
_LEVEL = 1
"""Payloads are mostly hashes and signatures: higher levels cost thrice the time and save 2 %."""


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    p: dict[str, str | list[str]]
    q: list[str]
    r: str


_canonical = msgspec.json.Encoder(order="sorted")


def encode(payload: Payload) -> bytes:
    """The payload as bytes; raises MalformedPayload if they exceed ENCODED_BYTES_MAX."""
    plain = canonical_json(payload)
    if len(plain) > JSON_BYTES_MAX:
        raise MalformedPayload(f"The payload is larger than {JSON_BYTES_MAX} bytes as JSON.")
    data = bytes([VERSION]) + zlib.compress(plain, _LEVEL)
    if len(data) > ENCODED_BYTES_MAX:
        raise MalformedPayload(f"The payload is larger than {ENCODED_BYTES_MAX} bytes.")
    return data


def decode(data: bytes) -> Payload:
    """Reads what `encode` made; raises MalformedPayload for anything else, however hostile."""
    if len(data) > ENCODED_BYTES_MAX:
        raise MalformedPayload(f"The payload is larger than {ENCODED_BYTES_MAX} bytes.")
    if not data or data[0] != VERSION:
        raise MalformedPayload("The payload does not begin with a known version byte.")
    plain = _inflate(data[1:])
    if len(data) > len(plain) + len(plain) // 16 + _SLACK_BYTES:
        raise MalformedPayload("The payload's compressed form is padded.")
    try:
        envelope = json.decode(plain, _Envelope)
    except JsonError as error:
        raise MalformedPayload(f"The payload is not the JSON it should be: {error}.") from error
    payload = parse(envelope.p, envelope.q, envelope.r)
    if canonical_json(payload) != plain:
        raise MalformedPayload("The payload is not in its canonical form.")
    return payload


def canonical_json(payload: Payload) -> bytes:
    """The one JSON text of this payload."""
    return _canonical.encode(
        {
            "p": payload.execution_payload,
            "q": payload.execution_requests,
            "r": payload.parent_beacon_block_root,
        }
    )


def _inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        # One byte more than allowed tells "exactly full" from "too much" without inflating on.
        plain = stream.decompress(data, JSON_BYTES_MAX + 1)
    except zlib.error as error:
        raise MalformedPayload(f"The payload does not inflate: {error}.") from error
    if len(plain) > JSON_BYTES_MAX:
        raise MalformedPayload(f"The payload inflates to more than {JSON_BYTES_MAX} bytes.")
    if not stream.eof or stream.unused_data or stream.unconsumed_tail:
        raise MalformedPayload("The payload's compressed form is cut short or has a tail.")
    return plain
