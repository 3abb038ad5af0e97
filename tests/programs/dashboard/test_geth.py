"""Real geths of a real solo network report, without a change or a flag more than the URL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.dashboard import Dashboard
from tests.support.sealing import Solo
from tests.support.wait import until

MakeDashboard = Callable[..., Dashboard]


def test_real_geths_report_and_are_shown(
    geth_binary: Path, tmp_path: Path, make_dashboard: MakeDashboard
) -> None:
    """Two geths log in; blocks, peers, client, latency, processing time and delays are there."""
    dashboard = make_dashboard(
        [{"name": "sealer", "role": "sealer", "fee_recipient": "0x" + "fe" * 20}, "node-0"]
    )
    solo = Solo(geth_binary, tmp_path, followers=1)
    try:
        for geth, name in zip(solo.geths, ("sealer", "node-0"), strict=True):
            geth.ethstats_url = dashboard.ethstats_url(name)
        solo.start()
        dashboard.until("both are online", nodes_online=2, timeout_s=60)
        until(lambda: (dashboard.network()["summary"]["best_block"] or 0) >= 5, "blocks")

        def told() -> bool:
            node = dashboard.node("node-0")
            return node["peers"] == 1 and node["propagation_average_ms"] is not None

        until(told, "a full report and delays", timeout_s=40)
        document = dashboard.network()
        assert document["network"]["name"] == "harbour"
        node = dashboard.node("node-0")
        assert node["client"].startswith("Geth/v1.17.8")
        assert node["network_id"] == str(solo.chain.chain_id)
        assert node["latency_ms"] < 5000
        assert node["processing_ms"] is not None
        assert node["syncing"] is False
        assert abs(node["clock_offset_ms"]) < 5000
        newest = document["blocks"][1]
        assert newest["hash"] == solo.own.block_hash(newest["number"])
        assert newest["miner_name"] == "sealer"
        assert document["blocks"][-1]["number"] == 0, "the first blocks were asked for"
    finally:
        solo.close()
