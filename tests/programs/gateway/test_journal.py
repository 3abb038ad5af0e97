"""The journal on disk: what was written is there after any end, and nothing grows without bound."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.transfers import Sender as Account
from windlass.chains.ethereum.raw_transaction import RawTransaction, decode
from windlass.programs.gateway.database import Database, JournalError
from windlass.programs.gateway.errors import RpcRefusal
from windlass.programs.gateway.journal import DROPPED_MAX, Entry, Journal, StoredHead

GENESIS = "0x" + "00" * 32
Opened = tuple[Database, Journal]


def _entry(number: int, sender: str = "0xaa", nonce: int | None = None) -> Entry:
    return Entry(
        hash=f"0x{number:064x}",
        sender=sender,
        nonce=number if nonce is None else nonce,
        max_fee_wei=2**200,
        size=10,
        accepted_at=1000.0 + number,
    )


@asynccontextmanager
async def _open(path: Path, limit: int = 1000, sender_limit: int = 1000) -> AsyncGenerator[Opened]:
    database = Database(path / "journal.sqlite", GENESIS)
    try:
        yield database, Journal(database, limit=limit, sender_limit=sender_limit)
    finally:
        database.close()


def _signed(account: Account) -> tuple[RawTransaction, bytes]:
    raw = bytes.fromhex(account.transfer("0x" + "77" * 20).raw[2:])
    return decode(raw), raw


async def _keep(journal: Journal, transaction: RawTransaction, raw: bytes) -> Entry:
    entry = Entry(
        hash=transaction.hash,
        sender=transaction.sender(),
        nonce=transaction.nonce,
        max_fee_wei=transaction.max_fee_wei,
        size=len(raw),
        accepted_at=1000.0 + transaction.nonce,
    )
    journal.admit(entry)
    await journal.write(transaction, raw, entry.accepted_at)
    return entry


async def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    """Entries, their transactions, notes on them, dropped ones and the head."""
    account = Account("writer", 20261)
    signed = [_signed(account) for _ in range(4)]
    async with _open(tmp_path) as (database, journal):
        final, noted, dropped, untouched = [await _keep(journal, *one) for one in signed]
        noted.sent, noted.last_refusal = 5, "underpriced"
        journal.note([noted])
        journal.remove([final.hash])
        journal.drop(dropped, "too late")
        await StoredHead(database).store(7, "0x77")
    async with _open(tmp_path) as (database, journal):
        assert journal.entries() == [noted, untouched]
        assert untouched.sender == account.address.lower()
        raws = await journal.raw([noted.hash, dropped.hash])
        assert raws == {noted.hash: signed[1][1]}
        fate = await journal.dropped(dropped.hash)
        assert fate is not None
        assert (fate["reason"], fate["nonce"]) == ("too late", 2)
        assert await journal.dropped(noted.hash) is None
        assert StoredHead(database).load() == (7, "0x77")


async def test_what_nobody_has_signed_is_no_entry(tmp_path: Path) -> None:
    """It may be on disk if the gateway was killed before a node said what is wrong with it."""
    account = Account("forger", 20261)
    _, raw = _signed(account)
    forged = raw[:-66] + b"\xa0" + b"\xff" * 32 + raw[-33:]  # no r is that large
    async with _open(tmp_path) as (_, journal):
        await journal.write(decode(forged), forged, 1000.0)
        kept = await _keep(journal, *_signed(account))
    async with _open(tmp_path) as (_, journal):
        assert journal.entries() == [kept]


async def test_limits_hold(tmp_path: Path) -> None:
    """For all and for one sender; what leaves makes room."""
    async with _open(tmp_path, limit=4, sender_limit=3) as (_, journal):
        for number in range(3):
            journal.admit(_entry(number))
        with pytest.raises(RpcRefusal, match="has 3 transactions"):
            journal.admit(_entry(3))
        journal.admit(_entry(4, sender="0xbb"))
        with pytest.raises(RpcRefusal, match="keeps 4 transactions"):
            journal.admit(_entry(5, sender="0xcc"))
        journal.remove([_entry(0).hash])
        journal.admit(_entry(6))
        assert len(journal) == 4


async def test_the_next_nonce_follows_without_a_gap(tmp_path: Path) -> None:
    """Entries count while they follow one another; others wait and are not counted."""
    async with _open(tmp_path) as (_, journal):
        for number in (5, 6, 8):
            journal.admit(_entry(number))
        journal.admit(_entry(100, nonce=6))  # replaces another with the same nonce
        assert [journal.next_nonce("0xaa", nonce) for nonce in (4, 5, 6, 7, 8)] == [4, 7, 7, 7, 9]
        journal.remove([_entry(6).hash])
        assert journal.next_nonce("0xaa", 5) == 7
        journal.remove([_entry(100).hash])
        assert journal.next_nonce("0xaa", 5) == 6
        assert journal.next_nonce("0xbb", 3) == 3


async def test_only_the_newest_dropped_ones_are_kept(tmp_path: Path) -> None:
    """Ten thousand of them."""
    async with _open(tmp_path) as (_, journal):
        for number in range(DROPPED_MAX + 5):
            journal.admit(_entry(number))
            journal.drop(_entry(number), "gone")
        assert await journal.dropped(_entry(4).hash) is None
        assert await journal.dropped(_entry(5).hash) is not None
        assert journal.dropped_count == DROPPED_MAX


def test_a_journal_of_another_chain_is_refused(tmp_path: Path) -> None:
    """Its transactions are worth nothing here, and would be sent for ever."""
    Database(tmp_path / "journal.sqlite", GENESIS).close()
    with pytest.raises(JournalError, match="another chain"):
        Database(tmp_path / "journal.sqlite", "0x" + "11" * 32)


def test_a_second_gateway_on_the_same_journal_is_refused(tmp_path: Path) -> None:
    """Each would forget what the other one accepted."""
    first = Database(tmp_path / "journal.sqlite", GENESIS)
    try:
        with pytest.raises(JournalError, match="can't be used"):
            Database(tmp_path / "journal.sqlite", GENESIS)
    finally:
        first.close()


@pytest.mark.parametrize("spoil", [Path.mkdir, lambda path: path.write_bytes(b"x" * 5000)])
def test_what_is_no_journal_is_refused(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    """A sentence, whatever lies there."""
    path = tmp_path / "journal.sqlite"
    spoil(path)
    with pytest.raises(JournalError):
        Database(path, GENESIS)
