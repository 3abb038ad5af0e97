"""HTTP/1.1 for everything that Windlass runs: a client and a server on h11 and asyncio.

Both are small on purpose: a validator's programs must start in a quarter of a second, and the
well-known libraries take longer than that to import. Every wait, body and queue is bounded.
"""

from windlass.kit.http_client import HttpClient, get
from windlass.kit.http_messages import (
    Handler,
    Request,
    Response,
    Routes,
    json_response,
    text_response,
)
from windlass.kit.http_server import HttpServer
from windlass.kit.transport import HttpError

__all__ = [
    "Handler",
    "HttpClient",
    "HttpError",
    "HttpServer",
    "Request",
    "Response",
    "Routes",
    "get",
    "json_response",
    "text_response",
]
