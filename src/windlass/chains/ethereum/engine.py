"""geth's Engine API: the calls by which the consensus side says what the chain is.

JSON-RPC over HTTP with a token per call (jwt.py). The versions are those of the Prague fork, which
is active from genesis on: forkchoiceUpdatedV3 and newPayloadV4. The same port answers
`eth_*`, so one client is enough to drive a geth. Every call has a time limit, and every answer is
checked before it is believed.
Source: execution-apis, src/engine/{common,authentication,paris,prague}.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from windlass.chains.ethereum.engine_errors import (
    EngineError,
    EngineGarbled,
    EngineRefused,
    EngineUnauthorized,
    EngineUnreachable,
    WrongGenesis,
)
from windlass.chains.ethereum.jwt import Tokens
from windlass.chains.ethereum.payload import Payload
from windlass.chains.ethereum.quantities import (
    BlockHash,
    Height,
    from_hex,
    parse_block_hash,
    to_hex,
)
from windlass.kit import json
from windlass.kit.files import FileError
from windlass.kit.http import HttpClient, HttpError, Response
from windlass.kit.json import JsonError

__all__ = [
    "Block",
    "EngineClient",
    "EngineError",
    "EngineGarbled",
    "EngineRefused",
    "EngineUnauthorized",
    "EngineUnreachable",
    "Payload",
    "WrongGenesis",
]

T = TypeVar("T")

CLOCK_SKEW_S_MAX = 60
"""geth refuses tokens further than this from its own clock (node/jwt_handler.go)."""
_EXCERPT = 200
STATUSES = ("VALID", "INVALID", "SYNCING", "ACCEPTED")


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """What we ever need to know of a block that geth has. `timestamp` is in unix seconds."""

    number: Height
    block_hash: BlockHash
    parent_hash: BlockHash
    timestamp: int


class _Error(msgspec.Struct):
    code: int
    message: str


class _Answer(msgspec.Struct):
    id: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Error | None = None


class _PayloadStatus(msgspec.Struct, rename="camel"):
    status: str
    validation_error: str | None = None


class _ForkchoiceResult(msgspec.Struct, rename="camel"):
    payload_status: _PayloadStatus


class _Header(msgspec.Struct, rename="camel"):
    number: str
    hash: str
    parent_hash: str
    timestamp: str


class EngineClient:
    """The Engine API of one geth. Safe to use from several tasks.

    `validation_error` is what geth said about the last payload that it called INVALID.
    """

    def __init__(
        self,
        url: str,
        jwt_file: str | Path,
        *,
        timeout_s: float = 8,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.url = url
        self._clock = clock
        self.validation_error = ""
        self._tokens = Tokens(Path(jwt_file))
        self._timeout_s = timeout_s
        self._http = HttpClient(url, timeout_s=timeout_s)
        self._id = 0

    async def new_payload(self, payload: Payload, timeout_s: float | None = None) -> str:
        """Has geth check and store a block: VALID, INVALID, SYNCING or ACCEPTED.

        Does not make it the head. VALID for a block that geth already knows says nothing about
        whether geth still has its state. Raises EngineError.
        """
        answer = await self._typed(
            _PayloadStatus,
            "engine_newPayloadV4",
            payload.execution_payload,
            [],
            payload.parent_beacon_block_root,
            payload.execution_requests,
            timeout_s=timeout_s,
        )
        return self._status(answer)

    async def forkchoice(self, head: BlockHash, timeout_s: float | None = None) -> str:
        """Makes `head` the latest, safe and finalized block; returns the status.

        geth says VALID also where it skips an older head. Raises EngineError.
        """
        state = {"headBlockHash": head, "safeBlockHash": head, "finalizedBlockHash": head}
        answer = await self._typed(
            _ForkchoiceResult, "engine_forkchoiceUpdatedV3", state, None, timeout_s=timeout_s
        )
        return self._status(answer.payload_status)

    async def block(self, tag_or_number: str | int) -> Block | None:
        """The block at a number or tag ("latest", "finalized" …); None if geth has none."""
        if isinstance(tag_or_number, int):
            tag_or_number = to_hex(tag_or_number)
        method = "eth_getBlockByNumber"
        header = await self._typed(_Header | None, method, tag_or_number, False)
        if header is None:
            return None
        try:
            return Block(
                number=Height(_quantity(header.number)),
                block_hash=parse_block_hash(header.hash),
                parent_hash=parse_block_hash(header.parent_hash),
                timestamp=_quantity(header.timestamp),
            )
        except ValueError as error:
            raise self._garbled(method, str(error)) from error

    async def latest(self) -> Block:
        """The block that geth calls its head. Raises EngineError."""
        block = await self.block("latest")
        if block is None:
            raise self._garbled("eth_getBlockByNumber", "there is no latest block")
        return block

    async def check_genesis(self, genesis_hash: str) -> None:
        """Raises WrongGenesis if geth's block 0 is another than this."""
        block = await self.block(0)
        if block is None or block.block_hash != genesis_hash:
            raise WrongGenesis(self.url, block.block_hash if block else "none", genesis_hash)

    async def close(self) -> None:
        """Closes the connections; a later call opens new ones."""
        await self._http.close()

    def _status(self, answer: _PayloadStatus) -> str:
        if answer.status not in STATUSES:
            raise self._garbled("the Engine API", f"unknown status {answer.status!r:.40}")
        if answer.status == "INVALID":
            self.validation_error = (answer.validation_error or "no reason given")[:_EXCERPT]
        return answer.status

    async def _typed(
        self, wanted: Any, method: str, *params: Any, timeout_s: float | None = None
    ) -> Any:
        result = await self._request(method, params, timeout_s)
        try:
            return json.decode(result, wanted)
        except JsonError as error:
            raise self._garbled(method, str(error)) from error

    async def _request(
        self, method: str, params: tuple[Any, ...], timeout_s: float | None
    ) -> msgspec.Raw:
        self._id += 1
        call = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        expected_id = self._id
        now = self._clock()
        headers = {"content-type": "application/json", **self._authorization(now)}
        try:
            response = await self._http.request(
                "POST", body=msgspec.json.encode(call), headers=headers, timeout_s=timeout_s
            )
        except HttpError as error:
            raise self._failed(method, error) from error
        if response.status in (401, 403):
            self._tokens.forget()
            raise self._unauthorized(response, now)
        if response.status != 200:
            raise self._garbled(method, f"HTTP status {response.status}: {_text(response.body)}")
        try:
            answer = json.decode(response.body, _Answer)
        except JsonError as error:
            raise self._garbled(method, str(error)) from error
        if answer.error is not None:
            raise EngineRefused(method, answer.error.code, answer.error.message[:_EXCERPT])
        if answer.id != expected_id:
            raise self._garbled(method, "the answer belongs to another call")
        return answer.result

    def _authorization(self, now: float) -> dict[str, str]:
        try:
            return {"authorization": f"Bearer {self._tokens.current(now)}"}
        except FileError as error:
            raise EngineUnauthorized(
                f"There is no JWT secret to call geth at {self.url} with: {error.sentence}",
                "geth and the program that drives it must share this file.",
                cause="secret",
                detail=error.sentence,
            ) from error

    def _failed(self, method: str, error: HttpError) -> EngineError:
        if error.reason == "timeout":
            return EngineUnreachable(
                f"geth at {self.url} did not answer {method} in time.",
                "It is overloaded, frozen, or its disk is very slow: see its log.",
                timed_out=True,
            )
        if error.reason == "refused":
            return EngineUnreachable(
                f"geth at {self.url} can't be reached: {error.sentence}",
                "See whether it is running, and its log.",
            )
        return self._garbled(method, error.sentence)

    def _garbled(self, method: str, reason: str) -> EngineGarbled:
        return EngineGarbled(
            f"What answers at {self.url} is no usable Engine API ({method}): {reason[:_EXCERPT]}.",
            "See whether geth, and of which version, listens there.",
        )

    def _unauthorized(self, response: Response, now: float) -> EngineUnauthorized:
        detail = _text(response.body) or f"HTTP status {response.status}"
        if detail in ("stale token", "future token"):
            return EngineUnauthorized(
                f"geth at {self.url} refuses our token because the clocks differ by more than "
                f"{CLOCK_SKEW_S_MAX} s: it says {detail!r}{_clock_evidence(response, now)}.",
                "Set the clocks of both machines, best with NTP.",
                cause="clock",
                detail=detail,
            )
        if "signature" in detail:
            return EngineUnauthorized(
                f"geth at {self.url} was started with another JWT secret than ours: it says "
                f"{detail!r}.",
                "Give both the same secret file, then restart geth.",
                cause="secret",
                detail=detail,
            )
        return EngineUnauthorized(
            f"geth at {self.url} refuses our calls: it says {detail!r}.",
            "Compare the JWT secret, --authrpc.vhosts and the clocks on both sides.",
            cause="other",
            detail=detail,
        )


def _quantity(text: str) -> int:
    """A JSON-RPC quantity of 64 bits; raises ValueError."""
    if not text.startswith("0x") or len(text) > 18:
        raise ValueError(f"{text[:20]!r} is not a 64-bit quantity")
    return from_hex(text)


def _text(body: bytes) -> str:
    return body[:_EXCERPT].decode("utf-8", "replace").strip()


def _clock_evidence(response: Response, now: float) -> str:
    """What geth's Date header says its clock shows, beside ours."""
    import email.utils  # half as heavy as all the rest of this module, and needed next to never

    date = response.headers.get("date", "")
    try:
        theirs = email.utils.parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return ""
    return f", its clock shows {date}, which is {theirs - now:+.0f} s from ours"
