"""What a registrar counts."""

from __future__ import annotations

from windlass.kit.metrics import Registry
from windlass.programs.registrar.roll import Roll


class Metrics:
    """Failures by kind; bootnodes by state."""

    def __init__(self, registry: Registry, roll: Roll) -> None:
        self.poll_failures = registry.counter(
            "windlass_registrar_poll_failures_total",
            "Questions to bootnodes without a good answer.",
        )
        self.lookup_failures = registry.counter(
            "windlass_registrar_lookup_failures_total", "DNS look-ups that failed."
        )
        self.bad_nodes = registry.counter(
            "windlass_registrar_bad_nodes_total", "Nodes reported by bootnodes that are no enodes."
        )
        registry.gauge(
            "windlass_registrar_bootnodes_known",
            "Bootnodes that are asked.",
            read=lambda: len(roll.bootnodes()),
        )
        registry.gauge(
            "windlass_registrar_bootnodes_alive",
            "Bootnodes that answer.",
            read=lambda: roll.alive,
        )
        registry.gauge(
            "windlass_registrar_nodes",
            "Live nodes that are reported.",
            read=lambda: len(roll.nodes()),
        )
