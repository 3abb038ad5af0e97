"""JSON-RPC 2.0 over HTTP or over a unix socket: calls, batches and what the other side refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.kit.http_client import HttpClient
from windlass.kit.ipc import IpcClient
from windlass.kit.json import JsonError
from windlass.kit.transport import HttpError, TransportError

__all__ = ["HttpStatusError", "IpcClient", "JsonRpc", "JsonRpcError"]

SHOWN_CHARACTERS_MAX = 300  # of what the other side says, in a sentence for people


class JsonRpcError(WindlassError):
    """The other side understood the call and refused it; `rpc_code` is its number for that."""

    code = "json_rpc"

    def __init__(self, method: str, rpc_code: int, message: str, data: Any = None) -> None:
        shown = message[:SHOWN_CHARACTERS_MAX]
        super().__init__(f"{method} was refused: {shown} (code {rpc_code}).")
        self.method = method
        self.rpc_code = rpc_code
        self.message = message
        self.data = data


class HttpStatusError(HttpError):
    """The HTTP status is not 200: no JSON-RPC took place (401 and 403: not authenticated)."""

    code = "http_status"

    def __init__(self, url: str, status: int, body: bytes) -> None:
        self.status = status
        self.text = body[:SHOWN_CHARACTERS_MAX].decode("utf-8", "replace").strip()
        super().__init__("protocol", f"{url} answered with the HTTP status {status}: {self.text}")


class _Refusal(msgspec.Struct):
    code: int
    message: str
    data: Any = None


class _Answer(msgspec.Struct):
    id: int | str | None = None
    result: Any = None
    error: _Refusal | None = None


class JsonRpc:
    """Calls on one server. `headers` is asked before each HTTP request (for a fresh token)."""

    def __init__(
        self,
        transport: HttpClient | IpcClient,
        *,
        headers: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self.transport = transport
        self._headers = headers
        self._id = 0

    @property
    def url(self) -> str:
        """Where the calls go."""
        return self.transport.url

    async def call(self, method: str, *params: Any, timeout_s: float | None = None) -> Any:
        """The result, as plain JSON values. Raises JsonRpcError and TransportError."""
        question = self._question(method, params)
        data = await self._exchange(msgspec.json.encode(question), timeout_s)
        try:
            answer = json.decode(data, _Answer)
        except JsonError as error:
            raise self._malformed(str(error)) from error
        if answer.id != question["id"] and answer.error is None:
            raise self._malformed("it answers another question")
        if answer.error is not None:
            raise _refusal(method, answer.error)
        return answer.result

    async def batch(
        self, calls: Sequence[tuple[str, Sequence[Any]]], *, timeout_s: float | None = None
    ) -> list[Any]:
        """The results in the order of the calls; a refused one is its JsonRpcError, not raised.

        Raises TransportError, and JsonRpcError if the batch as a whole is refused.
        """
        if not calls:
            return []
        questions = [self._question(method, params) for method, params in calls]
        data = await self._exchange(msgspec.json.encode(questions), timeout_s)
        try:
            if data.lstrip()[:1] == b"{":
                whole = json.decode(data, _Answer)
                if whole.error is not None:
                    raise _refusal("batch", whole.error)
                raise self._malformed("one answer to a batch")
            answers = {answer.id: answer for answer in json.decode(data, list[_Answer])}
        except JsonError as error:
            raise self._malformed(str(error)) from error
        results: list[Any] = []
        for question in questions:
            answer = answers.get(question["id"])
            if answer is None:
                raise self._malformed("an answer of the batch is missing")
            refused = answer.error
            results.append(_refusal(question["method"], refused) if refused else answer.result)
        return results

    async def close(self) -> None:
        """Closes the transport's connections."""
        await self.transport.close()

    def _question(self, method: str, params: Sequence[Any]) -> dict[str, Any]:
        self._id += 1
        return {"jsonrpc": "2.0", "id": self._id, "method": method, "params": list(params)}

    async def _exchange(self, body: bytes, timeout_s: float | None) -> bytes:
        if isinstance(self.transport, IpcClient):
            return await self.transport.exchange(body, timeout_s)
        headers = {"content-type": "application/json", **(self._headers() if self._headers else {})}
        response = await self.transport.request(
            "POST", body=body, headers=headers, timeout_s=timeout_s
        )
        if response.status != 200:
            raise HttpStatusError(self.transport.url, response.status, response.body)
        return response.body

    def _malformed(self, why: str) -> TransportError:
        return TransportError(
            "protocol",
            f"{self.url} does not answer as JSON-RPC does: {why}.",
            "See whether another program has taken that place.",
        )


def _refusal(method: str, refusal: _Refusal) -> JsonRpcError:
    return JsonRpcError(method, refusal.code, refusal.message, refusal.data)
