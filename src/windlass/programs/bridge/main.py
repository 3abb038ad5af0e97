"""`windlass run bridge`: wiring, and the order of the start.

The ABCI socket comes first, before the libraries that take a tenth of a second to load: CometBFT
sleeps 3 s when it finds nobody there, and a connection that waits for its first answer costs
nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Coroutine

from windlass.chains.cometbft.abci_socket import listen
from windlass.kit import logging as kit_logging
from windlass.kit import settings as kit_settings
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
    from windlass.chains.ethereum.building import BuildDelay
    from windlass.chains.ethereum.engine import EngineClient
    from windlass.chains.ethereum.payload_log import PayloadLog
    from windlass.chains.ethereum.peers import Peers
    from windlass.kit.http import HttpServer
    from windlass.programs.bridge.application import Bridge
    from windlass.programs.bridge.geth import Geth
    from windlass.programs.bridge.metrics import Metrics
    from windlass.programs.bridge.proposer import Proposer
    from windlass.programs.bridge.state import Chain
    from windlass.programs.bridge.status import StatusPages

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
        delay = BuildDelay(settings.build_delay_s, settings.build_delay_s_max)
        proposer = Proposer(geth, settings.rpc_url, delay)
        stack.push_async_callback(proposer.close)
        bridge = Bridge(settings, chain, geth, proposer, Metrics())
        server = AbciServer(bridge)
        status = StatusPages(bridge, chain, geth, peers, server)
        pages = HttpServer(status.health().routes())
        await pages.start(settings.health_host, settings.health_port)
        stack.push_async_callback(pages.stop)
        await _until_signal(server.serve(listening), geth.run(), peers.run())


async def _until_signal(*work: Coroutine[None, None, None]) -> None:
    """Runs all of `work` until SIGTERM or SIGINT; raises what one of them raises."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(coroutine) for coroutine in (*work, _wait(stop))]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
