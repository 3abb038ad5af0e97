"""JSON-RPC messages of clients: taken apart no further than needed, and put together from parts.

Parameters and results are passed through as the bytes that they came as. A message that is no call
is treated as geth treats it: what is valid JSON gets "invalid request", what is not a parse error.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from windlass.kit import json
from windlass.kit.json import JsonError
from windlass.programs.gateway.errors import PARSE, RpcRefusal

NULL = b"null"
_BLANK = b" \t\r\n"


class Call(msgspec.Struct, gc=False):
    """One message of a client. An empty `id` is a notification: it gets no answer."""

    jsonrpc: str = ""
    id: msgspec.Raw = msgspec.Raw()
    method: str = ""
    params: msgspec.Raw = msgspec.Raw()

    @property
    def is_valid(self) -> bool:
        """Whether it is a call or a notification."""
        return self.jsonrpc == "2.0" and bool(self.method) and _is_plain(self.id)

    @property
    def answer_id(self) -> bytes:
        """The id as it stands in the answer."""
        return bytes(self.id) if self.id and _is_plain(self.id) else NULL


def parse(body: bytes, calls_max: int) -> Call | list[Call]:
    """A call, or the calls of a batch. Raises RpcRefusal if it is not JSON.

    Of a batch of more than `calls_max` one more is read: it is refused, and millions of messages
    that are no calls, which fit into one body, would keep everybody else waiting.
    """
    try:
        if not body.isascii():
            body.decode()  # what is passed through unread must be text all the same
        if body.lstrip(_BLANK)[:1] == b"[":
            found = json.decode(body, list[msgspec.Raw])
            return [_call(bytes(one)) for one in found[: calls_max + 1]]
        return _call(body)
    except UnicodeError as error:
        raise RpcRefusal(PARSE, "invalid JSON: it is not UTF-8") from error
    except JsonError as error:
        raise RpcRefusal(PARSE, f"invalid JSON: {error}"[:300]) from error


def _call(body: bytes) -> Call:
    try:
        return json.decode(body, Call)
    except JsonError:
        pass
    # A field has another type than it should: geth takes what it can, if it is JSON at all.
    try:
        found = json.decode(body, dict[str, msgspec.Raw])
    except JsonError:
        json.decode(body)
        return Call()
    return Call(
        jsonrpc=_text(found.get("jsonrpc")),
        id=found.get("id", msgspec.Raw()),
        method=_text(found.get("method")),
        params=found.get("params", msgspec.Raw()),
    )


def positional(params: msgspec.Raw | bytes) -> list[bytes] | None:
    """The parameters one by one, None if they are not a list."""
    if not params or bytes(params).strip(_BLANK) == NULL:
        return []
    try:
        return [bytes(one) for one in json.decode(params, list[msgspec.Raw])]
    except JsonError:
        return None


def joined(params: Iterable[bytes]) -> bytes:
    """Parameters as a JSON list."""
    return b"[" + b",".join(params) + b"]"


def result(call_id: bytes, value: bytes | msgspec.Raw) -> bytes:
    """An answer."""
    return b'{"jsonrpc":"2.0","id":' + call_id + b',"result":' + value + b"}"


def error(call_id: bytes, value: bytes | msgspec.Raw) -> bytes:
    """A refusal; `value` is the error object."""
    return b'{"jsonrpc":"2.0","id":' + call_id + b',"error":' + value + b"}"


def notification(subscription: str, value: bytes | msgspec.Raw) -> bytes:
    """What a subscriber is sent."""
    head = b'{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"'
    return head + subscription.encode() + b'","result":' + value + b"}}"


def _is_plain(value: msgspec.Raw) -> bool:
    return not bytes(value).startswith((b"{", b"["))


def _text(value: msgspec.Raw | None) -> str:
    try:
        found: Any = json.decode(value) if value is not None else ""
    except JsonError:
        return ""
    return found if isinstance(found, str) else ""
