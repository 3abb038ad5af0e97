"""What a proposal must be for this validator to vote for it: one small function per rule.

A block has a payload or nothing, and beside it at most one change of the validator set, whose rules
are in chains/cometbft/membership.py. These and the rules in `RULES` depend on consensus data only
(the proposal, its CometBFT header, the state after the height before), so every validator comes to
the same verdict, and they hold again when a block is decided. `not_ahead_of_the_clock` looks at
this machine's clock and is asked only while voting. What a block *does* is geth's to judge
(newPayload), after all of these.

Timestamps. CometBFT's header time is the weighted median of the clocks of those who decided the
previous block, so no single validator can move it. A block's stamp must lie between that second
and one block time later, and above its parent's. Thus a lone proposer can neither run the chain's
clock ahead nor let it fall behind, and a clock that fell behind while the chain stood still is
right again after one block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from windlass.chains.cometbft import set_change
from windlass.chains.ethereum import payload_codec
from windlass.chains.ethereum.building import prev_randao
from windlass.chains.ethereum.payload import MalformedPayload, Payload
from windlass.chains.ethereum.payload_log import Head
from windlass.chains.ethereum.quantities import Address, from_hex

AHEAD_OF_CLOCK_S_MAX = 2
"""How far ahead of a validator's own clock a stamp may be: well-kept clocks differ by less."""
GAS_LIMIT_MIN = 5_000  # the protocol's own (yellow paper, section 4.3.4)
GAS_LIMIT_MAX = 2**63 - 1  # EIP-1985: above it no client can execute
EXTRA_DATA_BYTES_MAX = 32  # the protocol's own


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The consensus data that a proposal is held against. `header_time` is in unix seconds."""

    chain_id: int
    block_time_s: int
    head: Head
    header_time: int
    fee_recipient: Address

    @property
    def earliest(self) -> int:
        """The lowest stamp that a block at this height may have."""
        return max(self.head.timestamp + 1, self.header_time)

    @property
    def latest(self) -> int:
        """The highest."""
        return max(self.header_time, self.head.timestamp) + self.block_time_s


class Rejected(Exception):
    """A proposal breaks a rule: `rule` is the rule's name, stable and for metrics."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"{rule}: {reason}")
        self.rule = rule


Rule = Callable[[Payload, Context], str | None]
"""None if the rule holds, else what is wrong."""


def split(txs: Sequence[bytes]) -> tuple[Sequence[bytes], bytes | None]:
    """The transactions that must be a payload, and the change of the validator set: the last one,
    if it is there. Blocks of earlier releases have none."""
    if txs and txs[-1][:1] == set_change.TAG:
        return txs[:-1], txs[-1]
    return txs, None


def check(txs: Sequence[bytes], context: Context) -> Payload | None:
    """The payload among the transactions beside a change, None if there is no block. Raises
    Rejected by the first rule."""
    if not txs:
        return None
    if len(txs) > 1:
        raise Rejected("one_transaction", f"the block has {len(txs)} transactions")
    try:
        payload = payload_codec.decode(txs[0])
    except MalformedPayload as error:
        raise Rejected("well_formed", error.sentence) from error
    for rule in RULES:
        reason = rule(payload, context)
        if reason is not None:
            raise Rejected(rule.__name__, reason)
    return payload


def next_number(payload: Payload, context: Context) -> str | None:
    """The block's number is its parent's plus one."""
    wanted = context.head.number + 1
    return None if payload.number == wanted else f"block {payload.number} instead of {wanted}"


def on_our_head(payload: Payload, context: Context) -> str | None:
    """Its parent is the block that was decided last."""
    wanted = context.head.block_hash
    return (
        None if payload.parent_hash == wanted else f"built on {payload.parent_hash}, not {wanted}"
    )


def not_too_early(payload: Payload, context: Context) -> str | None:
    """Its stamp is above the parent's and not below the second that consensus agreed on."""
    if payload.timestamp >= context.earliest:
        return None
    return f"stamp {payload.timestamp} is below {context.earliest}"


def not_too_late(payload: Payload, context: Context) -> str | None:
    """Its stamp is at most one block time above the second that consensus agreed on."""
    if payload.timestamp <= context.latest:
        return None
    return f"stamp {payload.timestamp} is above {context.latest}"


def agreed_prev_randao(payload: Payload, context: Context) -> str | None:
    """Its prevRandao is the one that follows from the chain."""
    wanted = prev_randao(context.chain_id, context.head.number + 1, context.head.block_hash)
    found = payload.execution_payload["prevRandao"]
    return None if found == wanted else f"prevRandao {found}, not {wanted}"


def own_fee_recipient(payload: Payload, context: Context) -> str | None:
    """Its fees go to the address that genesis gives the proposer."""
    found = payload.execution_payload["feeRecipient"]
    wanted = context.fee_recipient
    return None if found == wanted else f"fees to {found}, not {wanted}"


def no_withdrawals(payload: Payload, context: Context) -> str | None:
    """It withdraws nothing: there is no beacon chain to withdraw from."""
    del context
    return "it has withdrawals" if payload.execution_payload["withdrawals"] else None


def no_blobs(payload: Payload, context: Context) -> str | None:
    """It uses no blob gas: nothing here could serve the blobs."""
    del context
    fields = payload.execution_payload
    if from_hex(fields["blobGasUsed"]) or from_hex(fields["excessBlobGas"]):
        return "it uses blob gas"
    return None


def app_hash_as_beacon_root(payload: Payload, context: Context) -> str | None:
    """Its parentBeaconBlockRoot is the app hash after the height before."""
    wanted = "0x" + context.head.app_hash.hex()
    found = payload.parent_beacon_block_root
    return None if found == wanted else f"parentBeaconBlockRoot {found}, not {wanted}"


def sane_gas(payload: Payload, context: Context) -> str | None:
    """Its gas limit is one that the protocol knows, and not exceeded."""
    del context
    limit = from_hex(payload.execution_payload["gasLimit"])
    used = from_hex(payload.execution_payload["gasUsed"])
    if not GAS_LIMIT_MIN <= limit <= GAS_LIMIT_MAX:
        return f"gas limit {limit}"
    return f"{used} of {limit} gas used" if used > limit else None


def short_extra_data(payload: Payload, context: Context) -> str | None:
    """Its extra data is at most 32 bytes."""
    del context
    length = len(payload.execution_payload["extraData"]) // 2 - 1
    return None if length <= EXTRA_DATA_BYTES_MAX else f"{length} bytes of extra data"


RULES: tuple[Rule, ...] = (
    next_number,
    on_our_head,
    not_too_early,
    not_too_late,
    agreed_prev_randao,
    own_fee_recipient,
    no_withdrawals,
    no_blobs,
    app_hash_as_beacon_root,
    sane_gas,
    short_extra_data,
)


def not_ahead_of_the_clock(payload: Payload, context: Context, now: float) -> None:
    """Raises Rejected if the stamp is more than 2 s ahead of this machine's clock (unix seconds).

    The lowest stamp that is allowed at all is never refused: nobody could do better, and a network
    whose clocks were all set back would stand still until they have caught up.
    """
    if payload.timestamp > max(now + AHEAD_OF_CLOCK_S_MAX, context.earliest):
        ahead_s = payload.timestamp - now
        raise Rejected("not_ahead_of_the_clock", f"stamp is {ahead_s:.1f} s ahead of our clock")
