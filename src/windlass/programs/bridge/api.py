"""What a bridge tells about itself: `/state` for machines, and why it is not ready, in a sentence.

`request` asks the runtime for something that only it can do; it polls the page.
"""

from __future__ import annotations

from typing import Any

from windlass.chains.cometbft.abci_server import AbciServer
from windlass.chains.ethereum.peers import Peers
from windlass.kit.health import Health
from windlass.programs.bridge.application import Bridge
from windlass.programs.bridge.geth import Geth
from windlass.programs.bridge.state import Chain


class StatusPages:
    """Reads the parts of a running bridge."""

    def __init__(
        self, bridge: Bridge, chain: Chain, geth: Geth, peers: Peers, server: AbciServer
    ) -> None:
        self._bridge = bridge
        self._chain = chain
        self._geth = geth
        self._peers = peers
        self._server = server

    def health(self) -> Health:
        """/healthz, /readyz, /state, /metrics. A bridge that waits for something is alive."""
        return Health(
            ready=self.not_ready, state=self.state, registry=self._bridge.metrics.registry
        )

    def not_ready(self) -> str | None:
        """Why this node can't take part now; None if it can."""
        condition = self._geth.condition
        if condition.status == "invalid_block":
            return f"invalid_block: {condition.detail}"
        if self._bridge.log_full:
            return self._bridge.log_full
        if condition.status != "ok":
            return condition.detail
        if not self._server.connected:
            return "Waiting for CometBFT."
        if self._bridge.last_commit is None:
            return "No block since this program started."
        return None

    def state(self) -> dict[str, Any]:
        """The fields of /state; `clock_offset_s` is the last block's stamp minus our clock then."""
        bridge, condition = self._bridge, self._geth.condition
        state = self._chain.state
        head = state.head if state else None
        offset_s = None
        if head is not None and bridge.last_commit is not None:
            offset_s = round(head.timestamp - bridge.last_commit, 3)
        return {
            "network": bridge.settings.network,
            "node": bridge.settings.node,
            "height": head.height if head else 0,
            "block_number": head.number if head else 0,
            "block_hash": head.block_hash if head else bridge.settings.genesis_hash,
            "block_timestamp": head.timestamp if head else None,
            "clock_offset_s": offset_s,
            "last_commit": bridge.last_commit,
            "peers": self._peers.count,
            "geth": condition.status,
            "geth_detail": condition.detail,
            "request": condition.request,
            "restored_blocks": self._geth.restored_blocks,
            "rejected_proposals": bridge.rejected_proposals,
            "last_rejection": bridge.last_rejection,
            "proposal_errors": bridge.proposal_errors,
            "validators": state.members.powers if state else {},
            "validator_changes": state.members.changes if state else 0,
            "round": bridge.round,
        }
