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
from windlass.kit.web import WebServer, allow_connections
from windlass.programs.gateway.api import BODY_BYTES_MAX, HttpApi
from windlass.programs.gateway.calls import Caller
from windlass.programs.gateway.database import Database
from windlass.programs.gateway.dispatch import Dispatcher
from windlass.programs.gateway.filters import Filters
from windlass.programs.gateway.fleet import Fleet
from windlass.programs.gateway.following import Follower
from windlass.programs.gateway.head import Head
from windlass.programs.gateway.journal import Journal, StoredHead
from windlass.programs.gateway.local import Local
from windlass.programs.gateway.metrics import Metrics
from windlass.programs.gateway.own_writes import OwnWrites
from windlass.programs.gateway.pending_feed import PendingFeed
from windlass.programs.gateway.relay import Relay
from windlass.programs.gateway.report import Report
from windlass.programs.gateway.resending import Resender
from windlass.programs.gateway.sending import Sender
from windlass.programs.gateway.settings import Nodes, Settings
from windlass.programs.gateway.subscriptions import Subscriptions
from windlass.programs.gateway.websocket_api import WebSocketApi

CONNECTIONS_MAX = 2000
"""Of each of the two servers: each client is an open file."""

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
        nodes_file = LiveFile(settings.nodes_file, Nodes)
        database = Database(settings.database, settings.genesis_hash)
        resources.callback(database.close)
        journal = Journal(
            database,
            limit=settings.journal_transactions_max,
            sender_limit=settings.journal_sender_transactions_max,
        )
        stored = StoredHead(database)
        head = Head(*stored.load(), stored.store)
        fleet = Fleet(settings, nodes_file, head)
        caller = Caller(fleet)
        relay = Relay(caller, head)
        sender = Sender(
            journal, caller, chain_id=settings.chain_id, block_time_s=settings.block_time_s
        )
        # The nodes are left last: whoever is being answered at the end still gets an answer.
        nodes = asyncio.create_task(fleet.run())
        resources.push_async_callback(_cancelled, nodes)
        resources.push_async_callback(sender.drain)
        resender = Resender(journal, fleet, metrics, block_time_s=settings.block_time_s)
        fleet.on_change = resender.urge
        feed = PendingFeed(fleet)
        subscriptions = Subscriptions(caller, feed)
        filters = Filters(head, caller, relay, feed)
        follower = Follower(head, caller, journal, resender, subscriptions)
        report = Report(settings, fleet, journal, metrics)
        own = {
            **Local(settings, head, caller).methods(),
            **OwnWrites(journal, relay, sender, head).methods(),
            **subscriptions.methods(),
            **filters.methods(),
        }
        dispatcher = Dispatcher(own, relay.call, metrics)
        health.ready, health.state = report.ready, report.state
        pages = HttpServer({**health.routes(), "/transaction": report.transaction})
        await pages.start(settings.health_host, settings.health_port)
        resources.push_async_callback(pages.stop)
        connections_max = allow_connections(2 * CONNECTIONS_MAX) // 2
        http = WebServer(
            HttpApi(dispatcher).handle,
            body_bytes_max=BODY_BYTES_MAX,
            connections_max=connections_max,
        )
        await http.start(settings.host, settings.http_port)
        resources.push_async_callback(http.stop)
        websocket_api = WebSocketApi(dispatcher, subscriptions)
        websocket = WebServer(
            websocket_api.handle, body_bytes_max=0, connections_max=connections_max
        )
        await websocket.start(settings.host, settings.ws_port)
        resources.push_async_callback(websocket.stop)
        resources.push_async_callback(websocket_api.stop)
        metrics.watch(http, websocket_api, subscriptions, filters)
        log.info("serving", extra={"network": settings.network, "head": head.number})
        await until_signal(_end_of(nodes), follower.run(), resender.run(), filters.run())
    log.info("stopped", extra={"head": head.number, "journal": len(journal)})


async def _end_of(task: asyncio.Task[None]) -> None:
    """Waits for it, and leaves it alone when nobody waits any more."""
    await asyncio.shield(task)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
