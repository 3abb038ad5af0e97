"""What a dashboard counts: its own work, and the figures of the network that it watches."""

from __future__ import annotations

from collections.abc import Callable

from windlass.kit.metrics import Registry
from windlass.programs.dashboard.network import Network
from windlass.programs.dashboard.propagation import Propagation

UNKNOWN = float("nan")


class Metrics:
    """Counters of the dashboard; gauges of the network are read at each scrape."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.messages = registry.counter(
            "windlass_dashboard_messages_total", "Reports of nodes that were taken in."
        )
        self.dropped = registry.counter(
            "windlass_dashboard_messages_dropped_total",
            "Reports that were not taken in, by reason.",
            ("reason",),
        )
        self.refused = registry.counter(
            "windlass_dashboard_reporters_refused_total",
            "Connections that were not let in, by reason.",
            ("reason",),
        )
        self.deltas = registry.counter(
            "windlass_dashboard_deltas_total", "Changes that were sent to browsers."
        )
        self.resyncs = registry.counter(
            "windlass_dashboard_browsers_resynchronised_total",
            "Browsers that were too slow and got the whole state anew.",
        )
        self.history_failures = registry.counter(
            "windlass_dashboard_history_failures_total", "Writes to the history that failed."
        )
        self.questions_failed = registry.counter(
            "windlass_dashboard_cometbft_failures_total",
            "Questions to CometBFT without a good answer.",
        )
        self.alerts = registry.gauge(
            "windlass_dashboard_alerts", "Alerts that are on, by kind.", ("kind",)
        )
        self.missed_rounds = registry.counter(
            "windlass_dashboard_missed_rounds_total", "Rounds that brought no block."
        )

    def watch(self, network: Network, propagation: Propagation) -> None:
        """The gauges of the network."""
        gauges: dict[str, tuple[str, Callable[[], float | None]]] = {
            "height": ("Number of the best block.", lambda: _number(network)),
            "nodes_online": (
                "Nodes that are connected.",
                lambda: sum(node.online for node in network.nodes.values()),
            ),
            "nodes": ("Nodes that are expected or connected.", lambda: len(network.nodes)),
            "propagation_p50_ms": ("Half of the reports come sooner.", lambda: propagation.p50_ms),
            "propagation_p90_ms": ("Nine of ten come sooner.", lambda: propagation.p90_ms),
            "forked_heights": (
                "Heights at which nodes differ.",
                lambda: len(network.blocks.forked),
            ),
        }
        for name, (text, read) in gauges.items():
            self._registry.gauge(f"windlass_dashboard_{name}", text, read=_known(read))


def _number(network: Network) -> float | None:
    return None if network.best is None else network.best.number


def _known(read: Callable[[], float | None]) -> Callable[[], float]:
    def known() -> float:
        value = read()
        return UNKNOWN if value is None else value

    return known
