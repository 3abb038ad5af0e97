"""`windlass run dashboard`: wiring, and the orderly end."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

from windlass.kit import settings as kit_settings
from windlass.kit.files import read_hex
from windlass.kit.health import Health
from windlass.kit.live_file import LiveFile
from windlass.kit.logging import setup
from windlass.kit.running import until_signal
from windlass.kit.web import WebServer
from windlass.programs.dashboard.api import PAGE, SHARED, Pages, json_response, read_assets
from windlass.programs.dashboard.live import Live
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.network import Network
from windlass.programs.dashboard.propagation import Propagation
from windlass.programs.dashboard.refusals import Refusals
from windlass.programs.dashboard.reports import Reporters
from windlass.programs.dashboard.settings import Nodes, Settings

SECRET_BYTES = 32
BODY_BYTES_MAX = 1024

log = logging.getLogger(__name__)


def main(settings_file: str) -> None:
    """Runs a dashboard until SIGTERM or SIGINT. Raises WindlassError if it can't start."""
    setup("dashboard")
    asyncio.run(run(kit_settings.load(settings_file, Settings)))


class _Nobody:
    def documents(self) -> list[dict[str, Any]]:
        return []

    def summary(self) -> dict[str, Any] | None:
        return None


async def run(settings: Settings) -> None:
    """Watches the network until SIGTERM or SIGINT. Raises WindlassError."""
    secret = read_hex(Path(settings.secret_file), length=SECRET_BYTES)
    nodes = LiveFile(settings.nodes_file, Nodes)
    health = Health()
    metrics = Metrics(health.registry)
    network = Network(settings, _now_ms())
    network.expect(nodes.content.nodes, _now_ms())
    propagation = Propagation()
    metrics.watch(network, propagation)
    refusals = Refusals()
    live = Live(network, propagation, _Nobody(), _Nobody(), metrics, _now_ms)
    reporters = Reporters(network, secret, refusals, metrics, live.notice)

    async def history(_: object) -> Any:
        return json_response({"schema": 1, "step_s": 60, "minutes": [], "alerts": []})

    async def tick() -> None:
        while True:
            await asyncio.sleep(1)
            network.tick(_now_ms())
            live.notice()

    pages = Pages(health, live, reporters, history, read_assets(PAGE, SHARED))
    server = WebServer(pages.handle, body_bytes_max=BODY_BYTES_MAX)
    await server.start(settings.host, settings.port)
    try:
        await until_signal(reporters.run(), live.run(), tick())
    finally:
        reporters.stop()
        await server.stop()
    log.info("stopped")


def _now_ms() -> int:
    return int(time.time() * 1000)
