"""The HTTP side: our enode as one line, and the nodes we know."""

from __future__ import annotations

from typing import Any

from windlass.kit.health import Health
from windlass.kit.http import Request, Response, Routes, json_response, text_response
from windlass.programs.bootnode.responder import Responder
from windlass.programs.bootnode.settings import Settings
from windlass.programs.bootnode.table import Table


class Pages:
    """`GET /` is what registrars read: `enode://…` and a newline, nothing else."""

    def __init__(
        self, settings: Settings, responder: Responder, table: Table, health: Health
    ) -> None:
        self._settings = settings
        self._responder = responder
        self._table = table
        self._health = health
        health.ready = self._ready
        health.state = self._state

    def routes(self) -> Routes:
        """All pages."""
        return {"/": self._line, "/json": self._json, **self._health.routes()}

    async def _line(self, _: Request) -> Response:
        return text_response(f"{self._responder.enode}\n")

    async def _json(self, _: Request) -> Response:
        nodes = [
            {"enode": str(node.enode), "last_seen": int(node.last_pong)}
            for node in self._table.live()
            if node.enode.tcp
        ]
        nodes.sort(key=lambda node: str(node["enode"]))
        return json_response({"schema": 1, "enode": str(self._responder.enode), "nodes": nodes})

    def _ready(self) -> str | None:
        return None if self._responder.is_listening else "the discovery port is not open"

    def _state(self) -> dict[str, Any]:
        return {
            "network": self._settings.network,
            "node": self._settings.node,
            "enode": str(self._responder.enode),
            "known": len(self._table),
            "live": len(self._table.live()),
        }
