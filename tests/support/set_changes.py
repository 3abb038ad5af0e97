"""Changes of the validator set, made from nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Literal

from windlass.chains.cometbft.configuration import VOTING_POWER
from windlass.chains.cometbft.keys import ValidatorKey
from windlass.chains.cometbft.membership import Chain, Members
from windlass.chains.cometbft.set_change import SetChange
from windlass.chains.ethereum.quantities import Address

NETWORK = "trade-20261"
GENESIS = "0x" + "ab" * 32


def key(name: str) -> ValidatorKey:
    """The key of a validator by that name."""
    return ValidatorKey(hashlib.sha256(name.encode()).digest())


def recipient(name: str) -> Address:
    """Where that one's fees go."""
    return Address("0x" + hashlib.sha256(name.encode()).hexdigest()[:40])


def members(*names: str) -> Members:
    """A set of these, as a genesis makes it."""
    return Members(
        powers={key(name).address: VOTING_POWER for name in names},
        fee_recipients={key(name).address: recipient(name) for name in names},
    )


def chain(found: Members, height: int = 10) -> Chain:
    """A chain with that set."""
    return Chain(network=NETWORK, genesis=GENESIS, members=found, height=height)


def change(
    action: Literal["add", "remove"],
    subject: ValidatorKey,
    *,
    name: str = "someone",
    network: str = NETWORK,
    genesis: str = GENESIS,
    sequence: int = 1,
    expires: int = 1_000_000,
    signers: Iterable[ValidatorKey] = (),
) -> SetChange:
    """A change, signed by these."""
    made = SetChange(
        network=network,
        genesis=genesis,
        action=action,
        public_key=base64.b64encode(subject.public).decode(),
        name=name,
        fee_recipient=recipient(name) if action == "add" else "",
        power=VOTING_POWER if action == "add" else 0,
        sequence=sequence,
        expires=expires,
    )
    for signer in signers:
        made = made.signed(signer)
    return made
