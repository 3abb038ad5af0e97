"""JSON-RPC over HTTP, at any path, as geth serves it."""

from __future__ import annotations

from windlass.kit.web import BodyRefused, Request, Response, StreamResponse, read_body
from windlass.programs.gateway import messages, origins
from windlass.programs.gateway.dispatch import Dispatcher
from windlass.programs.gateway.errors import INVALID_REQUEST, RpcRefusal
from windlass.programs.gateway.session import Session

BODY_BYTES_MAX = 5 << 20
"""geth's limit."""
CONTENT_TYPES = ("application/json", "application/json-rpc", "application/jsonrequest")
JSON = "application/json"
_VARY = "Origin"


class HttpApi:
    """`handle` is the WebServer's handler."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    async def handle(self, request: Request) -> StreamResponse:
        """Any request."""
        headers = request.headers
        if not origins.is_own_name(headers.get("Host", "")):
            return Response(status=403, text="invalid host specified\n")
        response = await self._answer(request)
        origin = headers.get("Origin")
        if origin is not None:
            response.headers["Vary"] = _VARY
            if origins.may_read(origin):
                response.headers["Access-Control-Allow-Origin"] = origin
        return response

    async def _answer(self, request: Request) -> Response:
        if request.method == "GET" and not request.can_read_body and not request.query_string:
            return Response()  # load balancers ask so whether anybody is there
        if request.method == "OPTIONS":
            return _preflight(request)
        if request.method != "POST":
            return Response(status=405, text="method not allowed\n", headers={"Allow": "GET, POST"})
        try:
            if request.content_type not in CONTENT_TYPES:
                text = f"invalid content type, only {JSON} is supported\n"
                return Response(status=415, text=text)
            body = await read_body(request)
        except BodyRefused as refused:
            refusal = RpcRefusal(INVALID_REQUEST, refused.sentence)
            return Response(
                status=refused.status,
                body=messages.error(messages.NULL, refusal.encoded()),
                content_type=JSON,
            )
        if not body.strip():
            return Response(content_type=JSON)
        session = Session()
        answer = await self._dispatcher.answer(body, session)
        session.answered()
        return Response(body=answer, content_type=JSON)


def _preflight(request: Request) -> Response:
    """What a browser asks before it lets a page of another origin send JSON."""
    response = Response(status=204)
    wanted = request.headers.get("Access-Control-Request-Method", "")
    if origins.may_read(request.headers.get("Origin", "")) and wanted in ("POST", "GET"):
        response.headers["Access-Control-Allow-Methods"] = wanted
        response.headers["Access-Control-Allow-Headers"] = "content-type"
        response.headers["Access-Control-Max-Age"] = "600"
    return response
