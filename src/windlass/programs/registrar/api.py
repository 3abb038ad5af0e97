"""The pages. `GET /` is byte for byte what bootnode-registrar answered: enodes, commas, a newline.

Where that one published an empty or a cut list, this one keeps the last good list, and before there
is any it says so with 503: a node must not start with nothing and believe that it is all there is.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

import msgspec

from windlass.kit.health import Health
from windlass.kit.http import Request, Response, Routes, json_response, text_response
from windlass.programs.registrar.roll import Roll
from windlass.programs.registrar.settings import Settings

NOTHING_YET = "no bootnode has answered yet"


class Pages:
    """All pages of a registrar."""

    def __init__(self, settings: Settings, roll: Roll, health: Health) -> None:
        self._settings = settings
        self._roll = roll
        self._health = health
        health.ready = self._ready
        health.state = self._state

    def routes(self) -> Routes:
        """All pages."""
        return {
            "/": self._list,
            "/static-nodes.json": self._static_nodes,
            "/json": self._json,
            **self._health.routes(),
        }

    async def _list(self, request: Request) -> Response:
        enodes = self._enodes()
        if not enodes:
            return text_response(NOTHING_YET + "\n", 503)
        return _tagged(request, text_response(",".join(enodes) + "\n"))

    async def _static_nodes(self, request: Request) -> Response:
        enodes = self._enodes()
        if not enodes:
            return json_response({"reason": NOTHING_YET}, 503)
        return _tagged(request, json_response(enodes))

    async def _json(self, request: Request) -> Response:
        bootnodes = [
            {
                "enode": None if known.enode is None else str(known.enode),
                "url": known.url,
                "alive": known.is_alive,
                "last_seen": int(known.last_seen) or None,
            }
            for known in self._roll.bootnodes()
        ]
        nodes = [str(node) for node in self._roll.nodes()]
        return _tagged(
            request, json_response({"schema": 1, "bootnodes": bootnodes, "nodes": nodes})
        )

    def _enodes(self) -> list[str]:
        return [str(enode) for enode in self._roll.listed(time.time())]

    def _ready(self) -> str | None:
        return None if self._roll.listed(time.time()) else NOTHING_YET

    def _state(self) -> dict[str, Any]:
        return {
            "network": self._settings.network,
            "node": self._settings.node,
            "alive": self._roll.alive,
            "listed": self._enodes(),
            "bootnodes": [
                {**msgspec.to_builtins(known), "enode": str(known.enode), "nodes": len(known.nodes)}
                for known in self._roll.bootnodes()
            ],
        }


def _tagged(request: Request, response: Response) -> Response:
    """The response with an ETag, or 304 if the client has it already (RFC 9110 section 13)."""
    tag = f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    asked = request.headers.get("if-none-match", "")
    known = {part.strip().removeprefix("W/") for part in asked.split(",")}
    if tag in known or "*" in known:
        response = Response(status=304)
    response.headers["etag"] = tag
    response.headers["cache-control"] = "no-cache"  # use it, but ask each time
    return response
