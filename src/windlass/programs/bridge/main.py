"""`windlass run bridge`: wiring, and the order of the start.

The ABCI socket comes first, before the libraries that take a tenth of a second to load: CometBFT
sleeps 3 s when it finds nobody there, and a connection that waits for its first answer costs
nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

from windlass.chains.cometbft.abci_socket import listen
from windlass.kit import logging as kit_logging
from windlass.kit import settings as kit_settings
from windlass.kit.running import until_signal
from windlass.programs.bridge.settings import Settings


def main(settings_file: str) -> None:
    """Runs until SIGTERM or SIGINT. Raises WindlassError for what keeps it from starting."""
    kit_logging.setup("bridge")
    settings = kit_settings.load(settings_file, Settings)
    listening = listen(settings.abci_socket)
    with contextlib.closing(listening):
        asyncio.run(run(settings, listening))


async def run(settings: Settings, listening: socket.socket) -> None:
    """Serves CometBFT and the status pages until a signal; raises what ended it otherwise."""
    from windlass.chains.cometbft.abci_server import AbciServer
    from windlass.chains.ethereum.building import Builder
    from windlass.chains.ethereum.engine import EngineClient
    from windlass.chains.ethereum.payload_log import PayloadLog
    from windlass.chains.ethereum.peers import Peers
    from windlass.kit.http import HttpServer
    from windlass.programs.bridge.api import StatusPages
    from windlass.programs.bridge.application import Bridge
    from windlass.programs.bridge.gathering import Gatherer
    from windlass.programs.bridge.geth import Geth
    from windlass.programs.bridge.metrics import Metrics
    from windlass.programs.bridge.proposer import Proposer
    from windlass.programs.bridge.state import Chain

    async with contextlib.AsyncExitStack() as stack:
        payloads = stack.enter_context(contextlib.closing(PayloadLog(settings.database)))
        payloads.require_genesis(settings.genesis_hash)
        chain = Chain(payloads)
        engine = EngineClient(settings.engine_url, settings.jwt_file)
        stack.push_async_callback(engine.close)
        peers = Peers(settings.geth_ipc, settings.registrar_url)
        stack.push_async_callback(peers.close)
        geth = Geth(
            engine,
            chain,
            peers,
            settings.genesis_hash,
            may_have_peers=bool(settings.static_peers or settings.registrar_url),
        )
        builder = Builder(settings.geth_ipc)
        stack.push_async_callback(builder.close)
        metrics = Metrics()
        gatherer = Gatherer(settings.rpc_url, settings.gather_from, metrics.gathered)
        stack.push_async_callback(gatherer.close)
        proposer = Proposer(geth, builder, gatherer, metrics.build_s)
        bridge = Bridge(settings, chain, geth, proposer, metrics)
        server = AbciServer(bridge)
        status = StatusPages(bridge, chain, geth, peers, server)
        pages = HttpServer(status.health().routes())
        await pages.start(settings.health_host, settings.health_port)
        stack.push_async_callback(pages.stop)
        await until_signal(server.serve(listening), geth.run(), peers.run())
