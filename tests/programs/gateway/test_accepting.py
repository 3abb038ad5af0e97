"""Accepting transactions, with a node that says what the test wants."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.support.transfers import Sender as Account
from windlass.chains.ethereum.raw_transaction import MalformedTransaction, decode
from windlass.programs.gateway.calls import Caller
from windlass.programs.gateway.database import Database
from windlass.programs.gateway.errors import LIMIT, RpcRefusal
from windlass.programs.gateway.journal import Journal
from windlass.programs.gateway.node import Node
from windlass.programs.gateway.sending import Sender
from windlass.programs.gateway.session import Session
from windlass.programs.gateway.upstream import Answer

CHAIN_ID = 20261
GENESIS = "0x" + "00" * 32
TO = "0x" + "77" * 20
METHOD = "eth_sendRawTransaction"


class _Fleet:
    """One node, or several."""

    def __init__(self, *, choice: bool) -> None:
        self.choice = choice

    def has_no_choice(self) -> bool:
        return not self.choice


class _Caller(Caller):
    """Counts what reaches a node, which refuses it with `refusal` once it is `open`."""

    def __init__(self, *, choice: bool, refusal: bytes = b"") -> None:
        super().__init__(_Fleet(choice=choice))  # type: ignore[arg-type]
        self.open = asyncio.Event()
        self.asked = 0
        self._refusal = msgspec.Raw(refusal)

    async def first_node(self, spread: int | None = None) -> None:
        del spread

    async def ask(
        self,
        method: bytes,
        params: bytes,
        *,
        spread: int | None = None,
        has_block: bool = False,
        null_lacks: bool = False,
        tried: list[Node] | None = None,
    ) -> tuple[Answer, Node]:
        del method, params, spread, has_block, null_lacks, tried
        self.asked += 1
        await self.open.wait()
        return Answer(error=self._refusal), None  # type: ignore[return-value]


@asynccontextmanager
async def _journal(path: Path, limit: int, sender_limit: int) -> AsyncGenerator[Journal]:
    database = Database(path, GENESIS)
    try:
        yield Journal(database, limit=limit, sender_limit=sender_limit)
    finally:
        database.close()


def _params(account: Account) -> msgspec.Raw:
    return msgspec.Raw(json.dumps([account.transfer(TO).raw]).encode())


@pytest.mark.parametrize("choice", [False, True])
@pytest.mark.parametrize(("limit", "sender_limit"), [(5, 100), (100, 5)])
async def test_nothing_without_room_reaches_a_node(
    tmp_path: Path, limit: int, sender_limit: int, choice: bool
) -> None:
    """However many come at the same moment: so many as there is room for are asked for, the others
    are refused."""
    account = Account("crowd", CHAIN_ID)
    caller = _Caller(choice=choice)
    async with _journal(tmp_path / "j.sqlite", limit, sender_limit) as journal:
        sender = Sender(journal, caller, chain_id=CHAIN_ID, block_time_s=1)
        sent = [
            asyncio.create_task(sender.send(METHOD, _params(account), Session())) for _ in range(20)
        ]
        _, waiting = await asyncio.wait(sent, timeout=1)
        assert len(waiting) == caller.asked == len(journal) == 5
        caller.open.set()
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
    refusals = [one for one in outcomes if isinstance(one, BaseException)]
    assert len(refusals) == 15
    assert {one.rpc_code for one in refusals if isinstance(one, RpcRefusal)} == {LIMIT}


@pytest.mark.parametrize("choice", [False, True])
async def test_a_refused_one_does_not_come_back_after_a_crash(tmp_path: Path, choice: bool) -> None:
    """Once its client was told, the disk has forgotten it, too."""
    account = Account("poor", CHAIN_ID)
    refusal = b'{"code":-32000,"message":"insufficient funds"}'
    caller = _Caller(choice=choice, refusal=refusal)
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    async with _journal(tmp_path / "j.sqlite", 100, 100) as journal:
        sender = Sender(journal, caller, chain_id=CHAIN_ID, block_time_s=1)
        sending = asyncio.create_task(sender.send(METHOD, _params(account), Session()))
        await asyncio.wait([sending], timeout=0.2)  # it is on disk now, and the node thinks
        caller.open.set()
        assert bytes((await sending).error) == refusal
        # What is there at this moment is what a killed gateway would leave.
        for name in ("j.sqlite", "j.sqlite-wal"):
            shutil.copy(tmp_path / name, crashed)
        assert len(journal) == 0
    async with _journal(crashed / "j.sqlite", 100, 100) as left:
        assert left.entries() == []


async def test_what_nobody_can_have_signed_gets_the_nodes_answer(tmp_path: Path) -> None:
    """It is not kept, and takes no room for good."""
    account = Account("forger", CHAIN_ID)
    refusal = b'{"code":-32000,"message":"invalid sender"}'
    caller = _Caller(choice=False, refusal=refusal)
    caller.open.set()
    async with _journal(tmp_path / "j.sqlite", 1, 1) as journal:
        sender = Sender(journal, caller, chain_id=CHAIN_ID, block_time_s=1)
        raw = bytes.fromhex(account.transfer(TO).raw[2:])
        forged = raw[:-66] + b"\xa0" + b"\xff" * 32 + raw[-33:]  # no r is that large
        with pytest.raises(MalformedTransaction):
            decode(forged).sender()
        params = msgspec.Raw(json.dumps(["0x" + forged.hex()]).encode())
        assert bytes((await sender.send(METHOD, params, Session())).error) == refusal
        assert len(journal) == 0
        assert journal.reserve(100)
