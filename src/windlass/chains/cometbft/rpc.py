"""CometBFT's RPC, as far as it tells how consensus is doing: GET requests, answered as JSON-RPC.

What a person or the doctor wants to know, and one thing that changes something: a change of the
validator set is handed in here. Numbers come as strings (amino JSON).
Source: CometBFT 0.38, rpc/core/types/responses.go.
"""

from __future__ import annotations

import asyncio
import base64
import re
from typing import TypeVar

import msgspec

from windlass.chains.cometbft import rpc_answers as answers
from windlass.chains.cometbft.membership import Chain
from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.kit.http import HttpClient, HttpError
from windlass.kit.json import JsonError

T = TypeVar("T")

TIMEOUT_S = 2.0
ANSWER_BYTES_MAX = 4 << 20
VALIDATORS_MAX = 100
"""One page of /validators, the most that CometBFT gives at once."""


class CometbftError(WindlassError):
    """CometBFT's RPC gave no usable answer. `unreachable` tells one that is not there."""

    code = "cometbft"

    def __init__(self, sentence: str, next_step: str = "", *, unreachable: bool = False) -> None:
        super().__init__(sentence, next_step)
        self.unreachable = unreachable


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """/status. `address` is this node's validator key's, `power` 0 if that may not vote."""

    node_id: str
    network: str
    version: str
    height: int
    app_hash: str
    catching_up: bool
    address: str
    power: int


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A connected CometBFT."""

    node_id: str
    moniker: str
    address: str


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """Where consensus is: /consensus_state.

    `step` is CometBFT's number (1 new height … 3 propose, 4 prevote, 6 precommit, 8 commit).
    `prevotes` and `precommits` say for each validator, in the order of /validators, whether it
    voted in this round.
    """

    height: int
    round: int
    step: int
    proposer: str
    prevotes: tuple[bool, ...]
    precommits: tuple[bool, ...]


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """/commit: a decided height and who signed it.

    `app_hash` is that of the state *before* the height, as its header has it. `signers` are the
    addresses that signed this block; who signed nothing, or for no block, is not among them.
    `validators_hash` changes when the set of validators does.
    """

    height: int
    round: int
    proposer: str
    app_hash: bytes
    validators_hash: str
    signers: frozenset[str]


class CometbftClient:
    """The RPC of one CometBFT, at http://HOST:PORT."""

    def __init__(self, url: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.url = url
        self._http = HttpClient(url, timeout_s=timeout_s, body_bytes_max=ANSWER_BYTES_MAX)

    async def status(self) -> Status:
        """Who this node is and how far it came. Raises CometbftError."""
        answer = await self._get("/status", answers.Status)
        info, sync, own = answer.node_info, answer.sync_info, answer.validator_info
        return Status(
            node_id=info.id,
            network=info.network,
            version=info.version,
            height=self._number(sync.latest_block_height),
            app_hash=sync.latest_app_hash,
            catching_up=sync.catching_up,
            address=own.address,
            power=self._number(own.voting_power),
        )

    async def peers(self) -> list[Peer]:
        """The CometBFTs that it is connected to. Raises CometbftError."""
        answer = await self._get("/net_info", answers.NetInfo)
        return [
            Peer(node_id=one.node_info.id, moniker=one.node_info.moniker, address=one.remote_ip)
            for one in answer.peers
        ]

    async def validators(self, height: int | None = None) -> dict[str, int]:
        """Address → voting power at that height, else the newest; at most a hundred.

        Raises CometbftError.
        """
        where = "" if height is None else f"&height={height:d}"
        answer = await self._get(
            f"/validators?per_page={VALIDATORS_MAX}{where}", answers.Validators
        )
        return {one.address: self._number(one.voting_power) for one in answer.validators}

    async def public_keys(self) -> dict[str, bytes]:
        """Address → public key of each validator, at most a hundred. Raises CometbftError."""
        answer = await self._get(f"/validators?per_page={VALIDATORS_MAX}", answers.Validators)
        return {one.address: self._base64(one.pub_key.value) for one in answer.validators}

    async def members(self) -> Chain:
        """The validator set as the bridge keeps it, and what a change must name. Raises
        CometbftError, also for a bridge of an earlier release, which knows no changes."""
        answer = await self._get('/abci_query?path="/members"', answers.QueryAnswer)
        value = self._base64(answer.response.value or "")
        try:
            return json.decode(value, Chain)
        except JsonError as error:
            raise CometbftError(
                f"The bridge behind {self.url} does not tell the validator set: {error}.",
                "It may be of an earlier release, or its chain has not begun: `windlass up`.",
            ) from error

    async def broadcast(self, transaction: bytes) -> str:
        """Hands in a transaction; returns why the bridge does not take it, '' if it does or has it
        already. Raises CometbftError."""
        params = {"tx": base64.b64encode(transaction).decode()}
        body = msgspec.json.encode(
            {"jsonrpc": "2.0", "id": 1, "method": "broadcast_tx_sync", "params": params}
        )
        try:
            answer = await self._request("POST", "/", answers.Broadcast, body)
        except _Refused as error:
            if "already exists in cache" in error.data:
                return ""
            raise self._garbled(error.data) from error
        return "" if answer.code == 0 else answer.log or f"code {answer.code}"

    async def round(self) -> Round:
        """The height that is being decided, and who has voted. Raises CometbftError."""
        state = (await self._get("/consensus_state", answers.ConsensusState)).round_state
        try:
            height, number, step = map(self._number, state.position.split("/"))
            votes = next(one for one in state.height_vote_set if one.round == number)
        except (ValueError, StopIteration) as error:
            raise self._garbled(f"position {state.position[:40]!r}") from error
        return Round(
            height=height,
            round=number,
            step=step,
            proposer=state.proposer.address,
            prevotes=tuple(vote != _NO_VOTE for vote in votes.prevotes),
            precommits=tuple(vote != _NO_VOTE for vote in votes.precommits),
        )

    async def commit(self, height: int | None = None) -> Commit:
        """Who signed that height, else the newest one.

        Of the newest height only those signatures are known that this node saw in time; all that
        count stand in the next block, so they are told of the height before. Raises CometbftError.
        """
        where = "" if height is None else f"?height={height:d}"
        signed = (await self._get(f"/commit{where}", answers.SignedCommit)).signed_header
        header, commit = signed.header, signed.commit
        try:
            app_hash = bytes.fromhex(header.app_hash)
        except ValueError as error:
            raise self._garbled(f"app_hash {header.app_hash[:40]!r}") from error
        return Commit(
            height=self._number(header.height),
            round=commit.round,
            proposer=header.proposer_address,
            app_hash=app_hash,
            validators_hash=header.validators_hash,
            signers=frozenset(
                one.validator_address
                for one in commit.signatures
                if one.block_id_flag == _SIGNED_THE_BLOCK
            ),
        )

    async def recent_signers(self, blocks: int) -> set[str]:
        """The addresses that signed one of the newest blocks, so many of them.

        Raises CometbftError.
        """
        newest = await self.commit()
        heights = range(max(1, newest.height - blocks + 1), newest.height)
        older = await asyncio.gather(*(self.commit(height) for height in heights))
        return set(newest.signers).union(*(one.signers for one in older))

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.close()

    async def _get(self, path: str, wanted: type[T]) -> T:
        try:
            return await self._request("GET", path, wanted)
        except _Refused as error:
            raise self._garbled(error.data) from error

    async def _request(self, method: str, path: str, wanted: type[T], body: bytes = b"") -> T:
        headers = {"content-type": "application/json"} if body else {}
        try:
            response = await self._http.request(method, path, body=body, headers=headers)
        except HttpError as error:
            raise CometbftError(
                f"CometBFT at {self.url} can't be asked: {error.sentence}",
                "See whether it is running, and its log.",
                unreachable=error.reason in ("refused", "timeout"),
            ) from error
        try:
            answer = json.decode(response.body, answers.Answer)
            if answer.error is not None:
                raise _Refused(str(answer.error))
            return json.decode(answer.result, wanted)
        except JsonError as error:
            raise self._garbled(str(error)) from error

    def _base64(self, text: str) -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise self._garbled("what should be Base64 is not") from error

    def _number(self, text: str) -> int:
        if not _INTEGER.fullmatch(text):
            raise self._garbled(f"{text[:40]!r} is no number")
        return int(text)

    def _garbled(self, reason: str) -> CometbftError:
        return CometbftError(
            f"What answers at {self.url} is not CometBFT's RPC: {reason[:200]}.",
            "See whether CometBFT, and of which version, listens there.",
        )


class _Refused(Exception):
    """CometBFT answered with an error; `data` is all of it."""

    def __init__(self, data: str) -> None:
        super().__init__(data)
        self.data = data


_NO_VOTE = "nil-Vote"
_SIGNED_THE_BLOCK = 2  # BlockIDFlagCommit; 1 is absent, 3 a vote for no block
_INTEGER = re.compile(r"[0-9]{1,19}", re.ASCII)  # no height or power exceeds an int64
