"""What a bootnode counts."""

from __future__ import annotations

from windlass.kit.metrics import Registry
from windlass.programs.bootnode.table import Table


class Metrics:
    """Packets by kind and by what was wrong with them; nodes by state."""

    def __init__(self, registry: Registry, table: Table) -> None:
        self.received = registry.counter(
            "windlass_bootnode_packets_received_total", "Valid packets by kind.", ("kind",)
        )
        self.sent = registry.counter(
            "windlass_bootnode_packets_sent_total", "Packets sent by kind.", ("kind",)
        )
        self.refused = registry.counter(
            "windlass_bootnode_packets_refused_total",
            "Packets that were not answered, by reason.",
            ("reason",),
        )
        self.save_failures = registry.counter(
            "windlass_bootnode_table_save_failures_total",
            "Times that the table could not be written to disk.",
        )
        registry.gauge(
            "windlass_bootnode_nodes_known", "Nodes in the table.", read=lambda: len(table)
        )
        registry.gauge(
            "windlass_bootnode_nodes_live",
            "Nodes that answered their last ping.",
            read=lambda: len(table.live()),
        )
