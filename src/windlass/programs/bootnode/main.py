"""`windlass run bootnode`: wiring, and the orderly end."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from pathlib import Path

from windlass.chains.ethereum.keys import InvalidKeyError, PrivateKey
from windlass.kit import settings as kit_settings
from windlass.kit.files import FileError, read_hex
from windlass.kit.health import Health
from windlass.kit.http import HttpServer
from windlass.kit.logging import setup
from windlass.kit.running import until_signal
from windlass.kit.settings import SettingsError
from windlass.programs.bootnode.api import Pages
from windlass.programs.bootnode.metrics import Metrics
from windlass.programs.bootnode.responder import Responder
from windlass.programs.bootnode.settings import Settings
from windlass.programs.bootnode.table import Table

SAVE_EVERY_S = 2.0

log = logging.getLogger(__name__)


def main(settings_file: str) -> None:
    """Runs a bootnode until SIGTERM or SIGINT. Raises WindlassError if it can't start."""
    setup("bootnode")
    asyncio.run(run(kit_settings.load(settings_file, Settings)))


async def run(settings: Settings) -> None:
    """Answers discovery until SIGTERM or SIGINT. Raises WindlassError."""
    health = Health()
    key = _key(settings)
    table = _table(settings, key)
    metrics = Metrics(health.registry, table)
    responder = Responder(
        key,
        settings.host,
        settings.port,
        table,
        metrics,
        revalidate_s=settings.revalidate_s,
    )
    table.load()
    await responder.start(settings.bind, settings.port)
    server = HttpServer(Pages(settings, responder, table, health).routes())
    try:
        await server.start(settings.bind, settings.http_port)
        log.info("answering discovery", extra={"enode": str(responder.enode), "known": len(table)})
        await until_signal(responder.run(), _keep_saved(table, metrics))
    finally:
        await server.stop()
        responder.stop()
        _save(table, metrics)
    log.info("stopped", extra={"known": len(table)})


async def _keep_saved(table: Table, metrics: Metrics) -> None:
    while True:
        await asyncio.sleep(SAVE_EVERY_S)
        _save(table, metrics)


def _save(table: Table, metrics: Metrics) -> None:
    """A disk that is full does not keep us from answering."""
    try:
        table.save()
    except FileError as error:
        metrics.save_failures.increment()
        log.warning("the table was not saved", extra={"reason": str(error)})


def _key(settings: Settings) -> PrivateKey:
    path = Path(settings.key_file)
    try:
        return PrivateKey(read_hex(path, length=32))
    except InvalidKeyError as error:
        raise FileError(path, f"{path} does not hold a private key: {error}.") from error


def _table(settings: Settings, key: PrivateKey) -> Table:
    try:
        ipaddress.ip_address(settings.host)
        return Table(Path(settings.table_file), key.public_key, settings.seeds)
    except ValueError as error:
        raise SettingsError(f"The settings of the bootnode are wrong: {error}.") from error
