"""What a sealer counts."""

from __future__ import annotations

from windlass.kit.metrics import Registry


class Metrics:
    """The sealer's Prometheus series; names begin with `windlass_sealer_`."""

    def __init__(self, registry: Registry) -> None:
        prefix = "windlass_sealer"
        self.blocks = registry.counter(f"{prefix}_blocks_total", "Blocks sealed.")
        self.transactions = registry.counter(
            f"{prefix}_transactions_total", "Transactions in the blocks sealed."
        )
        self.failures = registry.counter(
            f"{prefix}_failures_total", "Attempts to seal a block that failed.", ("reason",)
        )
        self.restored = registry.counter(
            f"{prefix}_restored_blocks_total", "Blocks given again to a geth.", ("geth",)
        )
        self.number = registry.gauge(f"{prefix}_block_number", "Number of the newest block.")
        self.clock_offset_s = registry.gauge(
            f"{prefix}_clock_offset_seconds", "Newest block's timestamp minus wall clock, then."
        )
        self.seal_s = registry.histogram(
            f"{prefix}_seal_seconds", "From asking for a block to having it recorded."
        )
        self.behind = registry.gauge(
            f"{prefix}_follower_behind_blocks", "Blocks that a follower lacks.", ("follower",)
        )
