"""A JSON-RPC client for tests that shares no code with the product's own."""

from __future__ import annotations

import http.client
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 10.0


class RpcError(Exception):
    """The node answered with a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Rpc:
    """Calls one node over HTTP; an OSError means that it is not there (any more).

    Each object is for one thread. A connection is kept and made anew when it breaks.
    """

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        self.url = url
        self._path = parts.path or "/"
        self._connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=timeout_s
        )

    def __call__(self, method: str, *params: object) -> Any:
        """The result of one call."""
        answer = self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        return _result(answer)

    def batch(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Results in order; an RpcError stands where a call was refused."""
        answers = self._post(
            [
                {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
                for number, (method, params) in enumerate(calls)
            ]
        )
        results: list[Any] = []
        for answer in sorted(answers, key=lambda one: one["id"]):
            try:
                results.append(_result(answer))
            except RpcError as error:
                results.append(error)
        return results

    def height(self) -> int:
        """The number of the newest block."""
        return int(self("eth_blockNumber"), 16)

    def block(self, number: int | str) -> dict[str, Any]:
        """A block with its transactions' hashes."""
        name = hex(number) if isinstance(number, int) else number
        found: dict[str, Any] | None = self("eth_getBlockByNumber", name, False)
        if found is None:
            raise LookupError(f"{self.url} has no block {number}")
        return found

    def close(self) -> None:
        """Closes the connection; the next call opens one again."""
        self._connection.close()

    def __del__(self) -> None:
        # A client is often made for one call; its connection must not outlive it.
        self._connection.close()

    def _post(self, body: object) -> Any:
        reused = self._connection.sock is not None
        try:
            return self._exchange(body)
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            # geth closes a connection that was idle for two minutes. Every call may be repeated.
            if not reused:
                raise
            return self._exchange(body)

    def _exchange(self, body: object) -> Any:
        try:
            self._connection.request(
                "POST", self._path, json.dumps(body), {"Content-Type": "application/json"}
            )
            answer = self._connection.getresponse().read()
        except OSError:  # RemoteDisconnected is one, too
            self._connection.close()
            raise
        except http.client.HTTPException as error:
            self._connection.close()
            raise ConnectionError(f"{self.url}: {error!r}") from error
        return json.loads(answer)


def _result(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        raise RpcError(answer["error"].get("code", 0), answer["error"].get("message", ""))
    return answer["result"]
