"""What a bridge counts; read by /metrics, and the totals by /state."""

from __future__ import annotations

from windlass.kit.metrics import Registry


class Metrics:
    """All metrics of a bridge. Durations are in seconds."""

    def __init__(self) -> None:
        self.registry = Registry()
        self.height = self.registry.gauge(
            "windlass_bridge_height", "Height of the last commit (CometBFT's)."
        )
        self.block_number = self.registry.gauge(
            "windlass_bridge_block_number", "Ethereum block of the last commit."
        )
        self.clock_offset_s = self.registry.gauge(
            "windlass_bridge_clock_offset_seconds",
            "Stamp of the last block minus this machine's clock at its commit.",
        )
        self.build_s = self.registry.histogram(
            "windlass_bridge_build_seconds", "From asking geth for a block to having it."
        )
        self.gathered = self.registry.counter(
            "windlass_bridge_gathered_transactions_total",
            "Transactions that our geth got from another validator's just before a build.",
        )
        self.rejected = self.registry.counter(
            "windlass_bridge_rejected_proposals_total", "Proposals voted against.", ("rule",)
        )
        self.proposal_errors = self.registry.counter(
            "windlass_bridge_proposal_errors_total", "Own proposals that brought no block."
        )
        self.extra_rounds = self.registry.counter(
            "windlass_bridge_extra_rounds_total", "Rounds that decided nothing."
        )
        self.seconds = self.registry.histogram(
            "windlass_bridge_request_seconds", "Duration of CometBFT's requests.", ("request",)
        )
