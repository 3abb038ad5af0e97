"""`windlass run registrar`: wiring, and the orderly end."""

from __future__ import annotations

import asyncio
import logging
import os

from windlass.kit import settings as kit_settings
from windlass.kit.health import Health
from windlass.kit.http import HttpServer
from windlass.kit.http_client import parse_url
from windlass.kit.logging import setup
from windlass.kit.running import until_signal
from windlass.kit.settings import SettingsError
from windlass.programs.registrar.api import Pages
from windlass.programs.registrar.metrics import Metrics
from windlass.programs.registrar.poll import Poller
from windlass.programs.registrar.roll import Roll
from windlass.programs.registrar.settings import Settings
from windlass.programs.registrar.sources import DnsSource, FixedSource, Source

SERVICE_VARIABLE = "BOOTNODE_SERVICE"

log = logging.getLogger(__name__)


def main(settings_file: str) -> None:
    """Runs a registrar until SIGTERM or SIGINT. Raises WindlassError if it can't start."""
    setup("registrar")
    asyncio.run(run(kit_settings.load(settings_file, Settings)))


async def run(settings: Settings) -> None:
    """Serves the list until SIGTERM or SIGINT. Raises WindlassError."""
    source = source_of(settings, os.environ.get(SERVICE_VARIABLE, ""))
    health = Health()
    roll = Roll(settings.keep_s)
    metrics = Metrics(health.registry, roll)
    poller = Poller(
        source,
        roll,
        metrics,
        poll_s=settings.poll_s,
        timeout_s=settings.request_timeout_s,
    )
    server = HttpServer(Pages(settings, roll, health).routes())
    await server.start(settings.bind, settings.port)
    log.info("serving the list of bootnodes", extra={"port": settings.port})
    try:
        await until_signal(poller.run())
    finally:
        await poller.close()
        await server.stop()
    log.info("stopped")


def source_of(settings: Settings, service: str) -> Source:
    """Where the bootnodes are; `service` is the environment's word. Raises WindlassError."""
    name = service or (settings.bootnode_service if not settings.bootnodes else None)
    if name:
        return DnsSource(name, timeout_s=settings.request_timeout_s)
    if not settings.bootnodes:
        raise SettingsError(
            "The settings of the registrar name no bootnode.",
            f"Set bootnodes or bootnode_service, or {SERVICE_VARIABLE} in the environment.",
        )
    for url in settings.bootnodes:
        parse_url(url)
    return FixedSource(settings.bootnodes)
