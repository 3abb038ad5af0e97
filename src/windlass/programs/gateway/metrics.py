"""What a gateway counts."""

from __future__ import annotations

from collections.abc import Sized
from typing import Protocol

from windlass.kit.metrics import Registry

BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)


class Connected(Protocol):
    """A server that counts its connections."""

    @property
    def connections(self) -> int:
        """How many are open."""


class Metrics:
    """The gateway's Prometheus series; names begin with `windlass_gateway_`."""

    def __init__(self, registry: Registry) -> None:
        prefix = "windlass_gateway"
        self.registry = registry
        self.requests = registry.counter(
            f"{prefix}_requests_total", "Calls answered.", ("method", "outcome")
        )
        self.refused = registry.counter(
            f"{prefix}_refused_total", "Messages that were no calls.", ("reason",)
        )
        self.resent = registry.counter(
            f"{prefix}_resent_total",
            "Times that accepted transactions were offered to a node again.",
        )
        self.dropped = registry.counter(
            f"{prefix}_dropped_total", "Accepted transactions that could no longer become final."
        )
        self.request_s = registry.histogram(
            f"{prefix}_request_seconds",
            "From having a call to having its answer.",
            buckets=BUCKETS_S,
        )

    def called(self, method: str, refused: bool, duration_s: float) -> None:
        """Counts a call."""
        self.requests.increment(method, "error" if refused else "result")
        self.request_s.observe(duration_s)

    def watch(
        self, http: Connected, websocket: Connected, subscriptions: Sized, filters: Sized
    ) -> None:
        """Adds what is counted elsewhere."""
        prefix = "windlass_gateway"
        for name, help_text, read in (
            ("http_connections", "Open HTTP connections.", lambda: http.connections),
            ("websocket_connections", "Open WebSockets.", lambda: websocket.connections),
            ("subscriptions", "Subscriptions.", lambda: len(subscriptions)),
            ("filters", "Filters.", lambda: len(filters)),
        ):
            self.registry.gauge(f"{prefix}_{name}", help_text, read=read)
