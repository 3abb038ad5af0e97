"""The request and response that client and server share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import msgspec

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


class Response(msgspec.Struct, kw_only=True):
    """An HTTP answer. Header names are lower-case; repeated ones are joined by ", " (RFC 9110)."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class Request(msgspec.Struct, kw_only=True):
    """An HTTP question as a handler sees it. `path` is without the query."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
Routes: TypeAlias = Mapping[str | tuple[str, str], Handler]
"""Path → handler of GET and HEAD, or (method, path) → handler of that method."""


def text_response(text: str, status: int = 200) -> Response:
    """A plain-text answer."""
    return Response(status=status, body=text.encode(), headers={"content-type": TEXT})


def json_response(value: Any, status: int = 200) -> Response:
    """A JSON answer of anything that msgspec can encode."""
    return Response(status=status, body=msgspec.json.encode(value), headers={"content-type": JSON})
