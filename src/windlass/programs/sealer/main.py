"""Wiring of a sealer: settings → payload log, geth, followers, pages; and its orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from windlass.chains.ethereum.building import Builder
from windlass.chains.ethereum.engine import EngineClient
from windlass.chains.ethereum.payload_log import PayloadLog
from windlass.chains.ethereum.peers import Peers
from windlass.kit import settings as kit_settings
from windlass.kit.health import Health
from windlass.kit.http import HttpServer
from windlass.kit.logging import setup
from windlass.kit.running import until_signal
from windlass.programs.sealer.api import Report
from windlass.programs.sealer.chain import Chain
from windlass.programs.sealer.feed import Feeder
from windlass.programs.sealer.metrics import Metrics
from windlass.programs.sealer.seal import Sealer
from windlass.programs.sealer.settings import Settings

log = logging.getLogger(__name__)


def main(settings_file: str) -> None:
    """Runs a sealer until SIGTERM or SIGINT. Raises WindlassError if it can't start."""
    setup("sealer")
    settings = kit_settings.load(settings_file, Settings)
    asyncio.run(run(settings))


async def run(settings: Settings) -> None:
    """Seals blocks until SIGTERM or SIGINT. Raises WindlassError."""
    async with contextlib.AsyncExitStack() as resources:
        payload_log = PayloadLog(settings.database)
        resources.callback(payload_log.close)
        payload_log.require_genesis(settings.genesis_hash)
        health = Health()
        metrics = Metrics(health.registry)
        chain = Chain(payload_log, settings.genesis_hash, settings.genesis_timestamp)
        engine = EngineClient(settings.engine_url, settings.jwt_file)
        resources.push_async_callback(engine.close)
        builder = Builder(settings.geth_ipc)
        resources.push_async_callback(builder.close)
        peers = Peers(settings.geth_ipc)
        resources.push_async_callback(peers.close)
        sealer = Sealer(settings, chain, engine, builder, peers, metrics)
        feeders: list[Feeder] = []
        for follower in settings.followers:
            client = EngineClient(follower.engine_url, settings.jwt_file)
            resources.push_async_callback(client.close)
            feeders.append(Feeder(follower.name, client, chain, metrics))
        report = Report(settings, sealer, feeders, peers)
        health.alive, health.ready, health.state = report.alive, report.ready, report.state
        server = HttpServer(health.routes())
        await server.start(settings.health_host, settings.health_port)
        resources.push_async_callback(server.stop)
        log.info("sealing", extra={"network": settings.network, "head": chain.head.number})
        await until_signal(sealer.run(), peers.run(), *(feeder.run() for feeder in feeders))
    log.info("stopped", extra={"head": chain.head.number, "at": time.time()})
