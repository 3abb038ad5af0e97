"""Each rule by which a proposal is refused: a good block is changed in one place."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from windlass.chains.ethereum import payload_codec
from windlass.chains.ethereum.building import prev_randao
from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.payload_log import Head
from windlass.chains.ethereum.quantities import Address, BlockHash, Height
from windlass.programs.bridge.rules import (
    RULES,
    Context,
    Rejected,
    check,
    no_withdrawals,
    not_ahead_of_the_clock,
    short_extra_data,
)

PARENT = BlockHash("0x" + "aa" * 32)
RECIPIENT = Address("0x" + "0f" * 20)
CHAIN_ID = 20261
NOW = 1_800_000_000

CONTEXT = Context(
    chain_id=CHAIN_ID,
    block_time_s=1,
    head=Head(height=12, app_hash=b"\x07" * 32, number=Height(9), block_hash=PARENT, timestamp=NOW),
    header_time=NOW,
    fee_recipient=RECIPIENT,
)


def _payload(**changes: Any) -> Payload:
    fields: dict[str, Any] = {
        "parentHash": PARENT,
        "feeRecipient": RECIPIENT,
        "stateRoot": "0x" + "01" * 32,
        "receiptsRoot": "0x" + "02" * 32,
        "logsBloom": "0x" + "00" * 256,
        "prevRandao": prev_randao(CHAIN_ID, 10, PARENT),
        "blockNumber": "0xa",
        "gasLimit": "0x1c9c380",
        "gasUsed": "0x5208",
        "timestamp": hex(NOW + 1),
        "extraData": "0x",
        "baseFeePerGas": "0x7",
        "blockHash": "0x" + "03" * 32,
        "transactions": ["0x02f8"],
        "withdrawals": [],
        "blobGasUsed": "0x0",
        "excessBlobGas": "0x0",
    }
    root = changes.pop("root", "0x" + "07" * 32)
    return Payload(
        execution_payload={**fields, **changes},
        execution_requests=[],
        parent_beacon_block_root=root,
    )


def test_good_block_passes() -> None:
    """A block as honest validators make it breaks no rule."""
    payload = _payload()

    assert check([payload_codec.encode(payload)], CONTEXT) == payload


def test_no_block_passes() -> None:
    """A proposer that could build nothing is not refused: the height passes without a block."""
    assert check([], CONTEXT) is None


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("next_number", {"blockNumber": "0x9"}),
        ("next_number", {"blockNumber": "0xb"}),
        ("on_our_head", {"parentHash": "0x" + "ab" * 32}),
        ("not_too_early", {"timestamp": hex(NOW)}),
        ("not_too_late", {"timestamp": hex(NOW + 2)}),
        ("agreed_prev_randao", {"prevRandao": "0x" + "00" * 32}),
        ("own_fee_recipient", {"feeRecipient": "0x" + "66" * 20}),
        ("no_blobs", {"blobGasUsed": "0x20000"}),
        ("no_blobs", {"excessBlobGas": "0x20000"}),
        ("app_hash_as_beacon_root", {"root": "0x" + "08" * 32}),
        ("sane_gas", {"gasLimit": "0x1387", "gasUsed": "0x0"}),
        ("sane_gas", {"gasLimit": "0x8000000000000000"}),
        ("sane_gas", {"gasUsed": "0x1c9c381"}),
        # These two can't even be encoded, so they fall to the codec's rule.
        ("well_formed", {"withdrawals": ["0x00"]}),
        ("well_formed", {"extraData": "0x" + "00" * 33}),
    ],
)
def test_rule_refuses(rule: str, changes: dict[str, Any]) -> None:
    """Each rule refuses the block that breaks it, under its own name."""
    with pytest.raises(Rejected) as refused:
        check([payload_codec.encode(_payload(**changes))], CONTEXT)

    assert refused.value.rule == rule


def test_second_lines() -> None:
    """Two rules hold even for a payload that did not come through the codec."""
    assert no_withdrawals(_payload(withdrawals=[{"amount": "0x1"}]), CONTEXT)
    assert short_extra_data(_payload(extraData="0x" + "00" * 33), CONTEXT)


def test_more_than_one_transaction() -> None:
    """A CometBFT block carries one payload, not two and not one with something beside it."""
    data = payload_codec.encode(_payload())

    with pytest.raises(Rejected) as refused:
        check([data, data], CONTEXT)
    assert refused.value.rule == "one_transaction"


def _compressed(plain: bytes) -> bytes:
    return bytes([payload_codec.VERSION]) + zlib.compress(plain)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(_compressed))
@example(_compressed(b'{"p":{"gasUsed":"\xff"},"q":[],"r":""}'))
@example(_compressed(b'{"p":{},"q":["\xc3("],"r":""}'))
@example(_compressed(b'{"p":{"gasUsed":' + b"[" * 100_000))
def test_undecodable(data: bytes) -> None:
    """Whatever bytes a proposer sends, the answer is a refusal and never a crash."""
    with pytest.raises(Rejected) as refused:
        check([data], CONTEXT)

    assert refused.value.rule == "well_formed"


def test_oversize() -> None:
    """A payload above the size limit is refused before it is inflated."""
    with pytest.raises(Rejected) as refused:
        check([b"\x01" + bytes(payload_codec.ENCODED_BYTES_MAX)], CONTEXT)

    assert refused.value.rule == "well_formed"


@pytest.mark.parametrize("name", [rule.__name__ for rule in RULES])
def test_every_rule_says_what_it_wants(name: str) -> None:
    """A rejection is shown to people: each rule's name stands for a sentence."""
    rule = next(one for one in RULES if one.__name__ == name)

    assert rule.__doc__
    assert rule.__doc__.endswith(".")


def test_stamp_after_a_pause() -> None:
    """After a standstill the stamp comes back to the agreed time in one block."""
    paused = msgspec.structs.replace(CONTEXT, header_time=NOW + 600)

    assert (paused.earliest, paused.latest) == (NOW + 600, NOW + 601)


def test_stamp_with_a_longer_block_time() -> None:
    """With 5 s blocks a stamp may be up to 5 s above the time of the last decision."""
    slow = msgspec.structs.replace(CONTEXT, block_time_s=5)

    assert (slow.earliest, slow.latest) == (NOW + 1, NOW + 5)


@given(
    parent=st.integers(0, 2**40), header=st.integers(0, 2**40), block_time_s=st.integers(1, 3600)
)
def test_there_is_always_an_allowed_stamp(parent: int, header: int, block_time_s: int) -> None:
    """Whatever the clocks did, an honest proposer finds a stamp that nobody refuses."""
    head = msgspec.structs.replace(CONTEXT.head, timestamp=parent)
    context = msgspec.structs.replace(
        CONTEXT, head=head, header_time=header, block_time_s=block_time_s
    )

    assert parent < context.earliest <= context.latest


def test_ahead_of_our_clock() -> None:
    """A stamp more than 2 s ahead of this machine's clock is refused while voting."""
    slow = msgspec.structs.replace(CONTEXT, block_time_s=5)
    payload = _payload(timestamp=hex(NOW + 4))

    not_ahead_of_the_clock(payload, slow, NOW + 2.1)
    with pytest.raises(Rejected) as refused:
        not_ahead_of_the_clock(payload, slow, NOW + 1.9)
    assert refused.value.rule == "not_ahead_of_the_clock"


def test_clock_set_back() -> None:
    """The earliest stamp of all is taken even by a clock that was set back an hour."""
    not_ahead_of_the_clock(_payload(), CONTEXT, NOW - 3600)
