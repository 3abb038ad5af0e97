"""`windlass run dashboard`: wiring, and the orderly end."""

from __future__ import annotations

import asyncio
import contextlib
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
from windlass.kit.web import WebServer, allow_connections
from windlass.programs.dashboard.alerts import Alerts
from windlass.programs.dashboard.api import PAGE, SHARED, Pages, read_assets
from windlass.programs.dashboard.history import History, open_history
from windlass.programs.dashboard.live import Live
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.network import Network
from windlass.programs.dashboard.propagation import Propagation
from windlass.programs.dashboard.refusals import Refusals
from windlass.programs.dashboard.reports import Reporters
from windlass.programs.dashboard.settings import Nodes, Settings
from windlass.programs.dashboard.validators import Validators

SECRET_BYTES = 32
BODY_BYTES_MAX = 1024
CONNECTIONS_MAX = 4096
"""Each node and each browser has one for hours, and a browser some more for moments."""
TICK_S = 1.0

log = logging.getLogger(__name__)


def main(settings_file: str) -> None:
    """Runs a dashboard until SIGTERM or SIGINT. Raises WindlassError if it can't start."""
    setup("dashboard")
    asyncio.run(run(kit_settings.load(settings_file, Settings)))


async def run(settings: Settings) -> None:
    """Watches the network until SIGTERM or SIGINT. Raises WindlassError."""
    dashboard = Dashboard(settings)
    async with contextlib.AsyncExitStack() as resources:
        resources.push_async_callback(dashboard.history.close)
        resources.push_async_callback(dashboard.validators.close)
        server = WebServer(
            dashboard.pages.handle,
            body_bytes_max=BODY_BYTES_MAX,
            connections_max=allow_connections(CONNECTIONS_MAX),
        )
        await server.start(settings.host, settings.port)
        resources.push_async_callback(server.stop)
        resources.callback(dashboard.reporters.stop)
        resources.callback(dashboard.live.stop)
        log.info("watching", extra={"network": settings.network, "port": server.port})
        await until_signal(
            dashboard.reporters.run(),
            dashboard.live.run(),
            dashboard.history.run(),
            dashboard.validators.run(),
            dashboard.run(),
        )
    log.info("stopped")


class Dashboard:
    """All parts, and the clock that drives them."""

    def __init__(self, settings: Settings) -> None:
        secret = read_hex(Path(settings.secret_file), length=SECRET_BYTES)
        self._settings = settings
        self._nodes = LiveFile(settings.nodes_file, Nodes)
        health = Health(state=self._state)
        metrics = Metrics(health.registry)
        self.network = Network(settings, _now_ms())
        self.network.expect(self._nodes.content.nodes, _now_ms())
        propagation = Propagation()
        metrics.watch(self.network, propagation)
        self.refusals = Refusals()
        self.alerts = Alerts(metrics)
        self.validators = Validators(self.network, metrics)
        self.live = Live(self.network, propagation, self.validators, self.alerts, metrics, _now_ms)
        self.history: History = open_history(
            Path(settings.database), self.network, self.alerts, metrics, settings.history_hours
        )
        self.history.load(_now_ms())
        self.reporters = Reporters(self.network, secret, self.refusals, metrics, self.live.notice)
        assets = read_assets(PAGE, SHARED)
        self.pages = Pages(health, self.live, self.reporters, self.history.answer, assets)

    async def run(self) -> None:
        """Once a second: the file of nodes, uptimes, alerts; runs for ever."""
        while True:
            await asyncio.sleep(TICK_S)
            now_ms = _now_ms()
            if self._nodes.refresh():
                self.network.expect(self._nodes.content.nodes, now_ms)
                log.info("the expected nodes have changed")
            self.refusals.tick(now_ms)
            self.network.tick(now_ms)
            self.alerts.tick(self.network, self.refusals.of_expected(), now_ms)
            self.live.notice()

    def _state(self) -> dict[str, Any]:
        best = self.network.best
        nodes = self.network.nodes.values()
        return {
            "network": self._settings.network,
            "node": self._settings.node,
            "best_block": best.number if best else None,
            "nodes": {node.name: node.online for node in nodes},
            "refused": self.refusals.documents(),
            "alerts": self.alerts.documents(),
            "browsers": self.live.browsers,
            "history_problem": self.history.problem,
        }


def _now_ms() -> int:
    return int(time.time() * 1000)
