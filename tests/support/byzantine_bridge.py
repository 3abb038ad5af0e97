"""A bridge whose proposals are wrong on purpose: `python -m tests.support.byzantine_bridge FILE`.

Everything but the proposing is the real bridge. What is wrong is read from the file named in
WINDLASS_TEST_MISCHIEF before each proposal, so that one process can do it all; without the file, or
with an empty one, it is honest.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec

from windlass.chains.ethereum.building import Attributes, Builder
from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.quantities import BlockHash
from windlass.kit.running import enter
from windlass.programs.bridge import proposer
from windlass.programs.bridge.main import main
from windlass.programs.bridge.rules import Context

VARIABLE = "WINDLASS_TEST_MISCHIEF"
LATE_S = 3.0
"""Longer than anyone waits for a proposal in round 0."""
THIEF = "0x" + "66" * 20

honest = proposer.Proposer.propose
honest_build = Builder.build


def mischief() -> str:
    """What to do wrong now."""
    path = Path(os.environ[VARIABLE])
    return path.read_text() if path.exists() else ""


async def propose(self: proposer.Proposer, context: Context, bytes_max: int) -> bytes:
    """The real proposal, or one that is garbage, or late."""
    kind = mischief()
    if kind == "garbage":
        return b"\x01" + os.urandom(2000)
    data = await honest(self, context, bytes_max)
    if kind == "late":
        await asyncio.sleep(LATE_S)
    return data


async def crooked_build(self: Builder, parent: BlockHash, attributes: Attributes) -> Payload:
    """A block that geth calls valid and that breaks one of our rules."""
    kind = mischief()
    changed: dict[str, Any] = {
        "fee_recipient": {"fee_recipient": THIEF},
        "future": {"timestamp": attributes.timestamp + 1000},
        "randao": {"prev_randao": "0x" + "11" * 32},
        "beacon_root": {"parent_beacon_block_root": "0x" + "22" * 32},
    }
    attributes = msgspec.structs.replace(attributes, **changed.get(kind, {}))
    payload = await honest_build(self, parent, attributes)
    if kind == "tampered":
        fields = {**payload.execution_payload, "stateRoot": "0x" + "33" * 32}
        payload = msgspec.structs.replace(payload, execution_payload=fields)
    return payload


if __name__ == "__main__":
    proposer.Proposer.propose = propose  # type: ignore[method-assign]
    Builder.build = crooked_build  # type: ignore[assignment,method-assign]
    enter(main)
