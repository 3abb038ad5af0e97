"""`windlass run gateway`: wiring, and the orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from windlass.kit import settings as kit_settings
from windlass.kit.health import Health
from windlass.kit.http import HttpServer
from windlass.kit.live_file import LiveFile
from windlass.kit.logging import setup
from windlass.kit.running import until_signal
from windlass.kit.web import WebServer
from windlass.programs.gateway.api import BODY_BYTES_MAX, HttpApi
from windlass.programs.gateway.calls import Caller
from windlass.programs.gateway.dispatch import Dispatcher
from windlass.programs.gateway.fleet import Fleet
from windlass.programs.gateway.head import Head
from windlass.programs.gateway.local import Local
from windlass.programs.gateway.metrics import Metrics
from windlass.programs.gateway.relay import Relay
from windlass.programs.gateway.settings import Nodes, Settings

log = logging.getLogger(__name__)


def main(settings_file: str) -> None:
    """Runs a gateway until SIGTERM or SIGINT. Raises WindlassError if it can't start."""
    setup("gateway")
    asyncio.run(run(kit_settings.load(settings_file, Settings)))


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises WindlassError."""
    async with contextlib.AsyncExitStack() as resources:
        health = Health()
        metrics = Metrics(health.registry)

        async def store(number: int, block_hash: str) -> None:
            del number, block_hash

        head = Head(-1, "", store)
        fleet = Fleet(settings, LiveFile(settings.nodes_file, Nodes), head)
        caller = Caller(fleet)
        local = Local(settings, head, caller)
        dispatcher = Dispatcher(local.methods(), Relay(caller, head).call, metrics)
        health.ready = fleet.problem
        pages = HttpServer(health.routes())
        await pages.start(settings.health_host, settings.health_port)
        resources.push_async_callback(pages.stop)
        http = WebServer(HttpApi(dispatcher).handle, body_bytes_max=BODY_BYTES_MAX)
        await http.start(settings.host, settings.http_port)
        resources.push_async_callback(http.stop)
        log.info("serving", extra={"network": settings.network, "port": http.port})
        await until_signal(fleet.run())
    log.info("stopped")
