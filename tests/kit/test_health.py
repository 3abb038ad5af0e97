"""The pages of every program, and its metrics in the form that Prometheus reads."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from windlass.kit.health import Health
from windlass.kit.http import HttpServer, Response, get
from windlass.kit.metrics import OTHER, SERIES_MAX, Registry


async def _page(health: Health, path: str) -> Response:
    server = HttpServer(health.routes())
    await server.start("127.0.0.1", 0)
    try:
        return await get(f"http://127.0.0.1:{server.port}{path}", timeout_s=10)
    finally:
        await server.stop()


async def test_ready_and_not() -> None:
    """Readiness is 200 or 503, with the reason for people and machines."""
    reasons = iter([None, "waiting for geth"])
    health = Health(ready=lambda: next(reasons))
    assert (await _page(health, "/readyz")).status == 200
    answer = await _page(health, "/readyz")
    assert answer.status == 503
    assert msgspec.json.decode(answer.body) == {"ready": False, "reason": "waiting for geth"}


async def test_alive_and_state() -> None:
    """A program is alive unless it says otherwise; its state carries the schema."""
    health = Health(state=lambda: {"height": 3})
    assert msgspec.json.decode((await _page(health, "/healthz")).body) == {"alive": True}
    assert msgspec.json.decode((await _page(health, "/state")).body) == {"schema": 1, "height": 3}
    assert (await _page(Health(alive=lambda: "stuck"), "/healthz")).status == 503


async def test_metrics_are_what_prometheus_reads() -> None:
    """Counters, gauges and histograms come out with the values that were put in."""
    registry = Registry()
    packets = registry.counter("packets_total", "Packets by kind.", ("kind",))
    packets.increment("ping")
    packets.increment("ping", by=2)
    registry.gauge("nodes", "Nodes.", read=lambda: 7)
    registry.gauge("height", "Height.", ("chain",)).set(9, 'a"b\n')
    seconds = registry.histogram("seconds", "Seconds.", buckets=(0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 3.0):
        seconds.observe(value)
    page = await _page(Health(registry=registry), "/metrics")
    families = text_string_to_metric_families(page.body.decode())
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert samples["packets_total", "ping"] == 3
    assert samples[("nodes",)] == 7
    assert samples["height", 'a"b\n'] == 9
    assert [samples["seconds_bucket", bound] for bound in ("0.1", "1.0", "+Inf")] == [2, 3, 4]
    assert samples[("seconds_sum",)] == pytest.approx(3.65)
    assert samples[("process_resident_memory_bytes",)] > 0


def test_number_of_series_is_bounded() -> None:
    """Labels that a stranger chooses cannot grow the memory without end."""
    counter = Registry().counter("x_total", "x", ("who",))
    for number in range(3 * SERIES_MAX):
        counter.increment(str(number))
    assert len(counter.values) == SERIES_MAX + 1
    assert counter.value(OTHER) == 2 * SERIES_MAX


def test_names_and_labels_are_checked() -> None:
    """Two metrics of one name, and a wrong number of labels, are defects and say so."""
    registry = Registry()
    counter = registry.counter("x_total", "x", ("a",))
    with pytest.raises(ValueError, match="x_total"):
        counter.increment()
    with pytest.raises(ValueError, match="two metrics"):
        registry.counter("x_total", "x")


def test_counting_does_not_import_prometheus() -> None:
    """A program that is never scraped never pays for the library."""
    code = (
        "import sys, windlass.kit.health, windlass.kit.http, windlass.kit.json_rpc\n"
        "assert not {'prometheus_client', 'rich', 'cryptography', 'httpx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
