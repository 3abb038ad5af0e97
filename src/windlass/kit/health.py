"""The pages that every program has: is it alive, is it fit for work, what is it doing.

Alive means: leave it running. Ready means: send it work. A program that waits for another one is
alive and not ready, and says what it waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from windlass.kit.http_messages import Handler, Request, Response, json_response
from windlass.kit.metrics import Registry

Check = Callable[[], str | None]


def _fine() -> None:
    return None


def _nothing() -> dict[str, Any]:
    return {}


class Health(msgspec.Struct, kw_only=True):
    """`alive` and `ready` give None if all is well, else the reason; `state` a JSON object."""

    alive: Check = _fine
    ready: Check = _fine
    state: Callable[[], dict[str, Any]] = _nothing
    registry: Registry = msgspec.field(default_factory=Registry)

    def routes(self) -> dict[str | tuple[str, str], Handler]:
        """/healthz, /readyz, /state and /metrics, for an HttpServer."""
        return {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/state": self._state,
            "/metrics": self._metrics,
        }

    async def _healthz(self, _: Request) -> Response:
        return _verdict("alive", self.alive())

    async def _readyz(self, _: Request) -> Response:
        return _verdict("ready", self.ready())

    async def _state(self, _: Request) -> Response:
        return json_response({"schema": 1, **self.state()})

    async def _metrics(self, _: Request) -> Response:
        return Response(
            body=self.registry.render(),
            headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"},
        )


def _verdict(name: str, reason: str | None) -> Response:
    if reason is None:
        return json_response({name: True})
    return json_response({name: False, "reason": reason}, 503)
