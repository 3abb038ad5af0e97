"""Numbers that a program counts while it works, and their Prometheus form when someone asks.

Counting is plain arithmetic. `prometheus_client` costs a tenth of a second and some MiB to import,
so that is done at the first scrape: most networks on a laptop are never scraped.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric as Family

SERIES_MAX = 500  # per metric: label values may come from a stranger
OTHER = "other"  # where the label values beyond that are counted
DURATION_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _Metric:
    def __init__(self, name: str, help_text: str, labels: tuple[str, ...]) -> None:
        self.name = name
        self.help_text = help_text
        self.labels = labels

    def _key(self, known: dict[tuple[str, ...], Any], values: tuple[str, ...]) -> tuple[str, ...]:
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {values}")
        if values in known or len(known) < SERIES_MAX:
            return values
        return (OTHER,) * len(values)


class Counter(_Metric):
    """A number that only grows. Its name ends in `_total`."""

    def __init__(self, name: str, help_text: str, labels: tuple[str, ...]) -> None:
        super().__init__(name, help_text, labels)
        self.values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}

    def increment(self, *labels: str, by: float = 1) -> None:
        key = self._key(self.values, labels)
        self.values[key] = self.values.get(key, 0.0) + by

    def value(self, *labels: str) -> float:
        return self.values.get(labels, 0.0)

    def family(self) -> Family:
        from prometheus_client.core import CounterMetricFamily

        family = CounterMetricFamily(self.name, self.help_text, labels=self.labels)
        for labels, value in self.values.items():
            family.add_metric(labels, value)
        return family


class Gauge(_Metric):
    """A number that goes up and down; with `read` it is asked for at each scrape."""

    def __init__(
        self, name: str, help_text: str, labels: tuple[str, ...], read: Callable[[], float] | None
    ) -> None:
        super().__init__(name, help_text, labels)
        self.values: dict[tuple[str, ...], float] = {}
        self._read = read

    def set(self, value: float, *labels: str) -> None:
        self.values[self._key(self.values, labels)] = value

    def value(self, *labels: str) -> float:
        return self._read() if self._read else self.values.get(labels, 0.0)

    def family(self) -> Family:
        from prometheus_client.core import GaugeMetricFamily

        family = GaugeMetricFamily(self.name, self.help_text, labels=self.labels)
        if self._read:
            family.add_metric((), self._read())
        for labels, value in self.values.items():
            family.add_metric(labels, value)
        return family


class Histogram(_Metric):
    """How often a number fell below each bound."""

    def __init__(
        self, name: str, help_text: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> None:
        super().__init__(name, help_text, labels)
        self._buckets = buckets
        self._counts: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}

    def observe(self, value: float, *labels: str) -> None:
        key = self._key(self._counts, labels)
        counts = self._counts.setdefault(key, [0] * (len(self._buckets) + 1))
        counts[bisect_left(self._buckets, value)] += 1
        self._sums[key] = self._sums.get(key, 0.0) + value

    def family(self) -> Family:
        from prometheus_client.core import HistogramMetricFamily

        family = HistogramMetricFamily(self.name, self.help_text, labels=self.labels)
        bounds = [*(str(bound) for bound in self._buckets), "+Inf"]
        for labels, counts in self._counts.items():
            sums = [sum(counts[: i + 1]) for i in range(len(counts))]
            family.add_metric(labels, list(zip(bounds, sums, strict=True)), self._sums[labels])
        return family


class Registry:
    """All metrics of a program."""

    def __init__(self) -> None:
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        self._prometheus: CollectorRegistry | None = None

    def counter(self, name: str, help_text: str, labels: tuple[str, ...] = ()) -> Counter:
        metric = Counter(name, help_text, labels)
        self._add(metric)
        return metric

    def gauge(
        self,
        name: str,
        help_text: str,
        labels: tuple[str, ...] = (),
        read: Callable[[], float] | None = None,
    ) -> Gauge:
        metric = Gauge(name, help_text, labels, read)
        self._add(metric)
        return metric

    def histogram(
        self,
        name: str,
        help_text: str,
        labels: tuple[str, ...] = (),
        buckets: tuple[float, ...] = DURATION_BUCKETS_S,
    ) -> Histogram:
        metric = Histogram(name, help_text, labels, buckets)
        self._add(metric)
        return metric

    def _add(self, metric: Counter | Gauge | Histogram) -> None:
        if metric.name in self._metrics:
            raise ValueError(f"there are two metrics named {metric.name}")
        self._metrics[metric.name] = metric

    def collect(self) -> Iterator[Family]:
        """What prometheus_client asks a collector for."""
        for metric in self._metrics.values():
            yield metric.family()

    def render(self) -> bytes:
        """The Prometheus text format, with this process's CPU, memory and files."""
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        if self._prometheus is None:
            self._prometheus = CollectorRegistry(auto_describe=False)
            ProcessCollector(registry=self._prometheus)
            self._prometheus.register(self)
        return generate_latest(self._prometheus)
