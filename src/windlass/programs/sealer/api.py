"""What a sealer says about itself: /healthz, /readyz and /state."""

from __future__ import annotations

import time
from typing import Any

from windlass.chains.ethereum.peers import Peers
from windlass.programs.sealer.feed import Feeder
from windlass.programs.sealer.seal import Sealer
from windlass.programs.sealer.settings import Settings

HUNG_S = 120.0
"""No call of ours takes longer without a sign of progress."""
LATE_BLOCKS = 3
LATE_S = 5.0


class Report:
    """Reads the other parts when asked; keeps nothing itself."""

    def __init__(
        self, settings: Settings, sealer: Sealer, feeders: list[Feeder], peers: Peers
    ) -> None:
        self._settings = settings
        self._sealer = sealer
        self._feeders = feeders
        self._peers = peers

    def alive(self) -> str | None:
        """Whether the sealing loop still turns."""
        limit_s = HUNG_S + self._settings.block_time_s
        if time.monotonic() - self._sealer.ticked_s > limit_s:
            return f"sealing has stood still for more than {limit_s:.0f} s"
        return None

    def ready(self) -> str | None:
        """Whether blocks are coming."""
        sealer = self._sealer
        if sealer.geth.word != "ok":
            return f"geth is {sealer.geth.word}: {sealer.geth.detail}"
        if sealer.problem:
            return sealer.problem
        if sealer.last_commit_s is None:
            return "no block was sealed yet"
        late_s = LATE_BLOCKS * self._settings.block_time_s + LATE_S
        age_s = time.time() - sealer.last_commit_s
        if age_s > late_s:
            return f"the last block was sealed {age_s:.0f} s ago"
        return None

    def state(self) -> dict[str, Any]:
        """The fields that all drivers of a geth have, and the sealer's `followers`.

        `height` is the block's number: nothing else decides here. The fields about proposals and
        validators belong to a bridge and are empty.
        """
        sealer = self._sealer
        head = sealer.chain.head
        return {
            "network": self._settings.network,
            "node": self._settings.node,
            "height": head.number,
            "block_number": head.number,
            "block_hash": head.block_hash,
            "block_timestamp": head.timestamp,
            "clock_offset_s": sealer.clock_offset_s,
            "last_commit": sealer.last_commit_s,
            "peers": self._peers.count,
            "geth": sealer.geth.word,
            "geth_detail": sealer.geth.detail or sealer.problem,
            "request": sealer.geth.request,
            "restored_blocks": sealer.restored_blocks,
            "rejected_proposals": 0,
            "last_rejection": "",
            "proposal_errors": sealer.failures,
            "validators": {},
            "round": 0,
            "followers": [
                {
                    "name": feeder.name,
                    "block_number": feeder.number,
                    "geth": feeder.geth.word,
                    "geth_detail": feeder.geth.detail,
                    "request": feeder.geth.request,
                }
                for feeder in self._feeders
            ],
        }
