"""All that is served: the page and its files, the JSON, the live events, the probes.

A page elsewhere can make a browser ask a name that it has pointed at this machine, and read the
answer (DNS rebinding); so all that shows something answers only to an IP address or localhost.
Files are read at start, by the list of what is there, so no path of a request is ever opened.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

import windlass.web
from windlass.kit.files import read_bytes
from windlass.kit.health import Health
from windlass.kit.web import Handler, Request, Response, StreamResponse, probe
from windlass.programs.dashboard.live import Live
from windlass.programs.dashboard.reports import Reporters

PAGE = Path(__file__).parent / "page"
SHARED = Path(windlass.web.__file__).parent / "assets"
START_PAGE = "index.html"
FILE_BYTES_MAX = 2 << 20
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
SECURITY = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
OPEN_TO_NAMES = ("/healthz", "/readyz")
"""Pages that tell nothing, asked by cluster's names too."""

GetHistory: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Response]]


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the page as it is served."""

    body: bytes
    kind: str
    tag: str


def read_assets(*folders: Path) -> dict[str, Asset]:
    """The files below these folders by their path there; an earlier folder wins."""
    assets: dict[str, Asset] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            kind = KINDS.get(path.suffix)
            name = path.relative_to(folder).as_posix()
            if kind is None or name in assets or not path.is_file():
                continue
            body = read_bytes(path, bytes_max=FILE_BYTES_MAX)
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            assets[name] = Asset(body=body, kind=kind, tag=tag)
    return assets


class Pages:
    """The handler of every request."""

    def __init__(
        self,
        health: Health,
        live: Live,
        reporters: Reporters,
        history: GetHistory,
        assets: Mapping[str, Asset],
    ) -> None:
        self._live = live
        self._reporters = reporters
        self._history = history
        self._assets = assets
        self._routes: dict[str, Handler] = {
            "/": self._page,
            "/api": self._api,
            "/api/network": self._network,
            "/api/live": live.serve,
            "/api/history": self._past,
            **probe(health.routes()),
        }

    async def handle(self, request: Request) -> StreamResponse:
        """Answers a request, or says why not."""
        if request.method not in ("GET", "HEAD"):
            return _guarded(_text(405, "only GET is answered here", {"allow": "GET, HEAD"}))
        path = request.path
        is_report = path == "/api" and "upgrade" in request.headers
        # A node may know us by a name of its cluster, and proves itself in another way.
        if not is_report and path not in OPEN_TO_NAMES and not is_plain_host(request.host):
            return _guarded(_text(421, "use the IP address of this server, or localhost"))
        route = self._routes.get(path)
        if route is not None:
            response = await route(request)
        elif path.startswith("/assets/"):
            response = self._asset(request, path.removeprefix("/assets/"))
        else:
            response = _text(404, "there is no such page")
        return _guarded(response)

    async def _page(self, request: Request) -> StreamResponse:
        return self._asset(request, START_PAGE)

    async def _api(self, request: Request) -> StreamResponse:
        if "upgrade" not in request.headers:
            return _text(426, "nodes report here, over a WebSocket", {"upgrade": "websocket"})
        return await self._reporters.serve(request)

    async def _network(self, _: Request) -> StreamResponse:
        return json_response(self._live.snapshot())

    async def _past(self, request: Request) -> StreamResponse:
        return await self._history(request.query)

    def _asset(self, request: Request, name: str) -> StreamResponse:
        asset = self._assets.get(name)
        if asset is None:
            return _text(404, "there is no such file")
        # Used, but asked for each time: a new release shows at once.
        headers = {"etag": asset.tag, "cache-control": "no-cache", "content-type": asset.kind}
        known = {part.strip() for part in request.headers.get("if-none-match", "").split(",")}
        if asset.tag in known:
            return Response(status=304, headers=headers)
        return Response(body=asset.body, headers=headers)


def json_response(body: bytes | dict[str, Any], status: int = 200) -> Response:
    """A JSON answer that nobody keeps."""
    encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(status=status, body=encoded, headers=headers)


def is_plain_host(host: str) -> bool:
    """Whether a Host header is an IP address or localhost, which no stranger's DNS can give."""
    name = host.strip().lower()
    if name.startswith("["):
        name, _, port = name[1:].partition("]")
        port = port.removeprefix(":")
    else:
        name, _, port = name.partition(":")
    if port and not (port.isascii() and port.isdigit()):
        return False
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _text(status: int, sentence: str, headers: Mapping[str, str] = {}) -> Response:
    return Response(status=status, text=sentence + "\n", headers=headers)


def _guarded(response: StreamResponse) -> StreamResponse:
    """With the headers that keep a browser from doing what the page never asked for."""
    if not response.prepared:
        for name, value in SECURITY.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("cache-control", "no-store")
    return response
