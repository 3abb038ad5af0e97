"""When blocks are built and with which stamp; what a real geth builds."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.geth import CHAIN_ID, Geth, genesis
from tests.support.load import SINK
from tests.support.maker import attributes, build, genesis_head
from tests.support.transfers import senders
from windlass.chains.ethereum.building import (
    LEAD_S,
    Builder,
    NotBuilding,
    block_timestamp,
    prev_randao,
    wait_before_building,
)
from windlass.chains.ethereum.engine_errors import EngineGarbled, EngineUnreachable
from windlass.chains.ethereum.payload_log import Head
from windlass.chains.ethereum.quantities import Address, BlockHash

TRANSFERS_PER_BLOCK = 30_000_000 // 21_000
TRIES = 20


@pytest.fixture(scope="module")
def geth(geth_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Geth]:
    """One geth at its genesis, with more transfers in its pool than a block can hold."""
    geth = _new(geth_binary, tmp_path_factory.mktemp("building"))
    try:
        _fill(geth.start())
        yield geth
    finally:
        geth.close()


def _new(binary: Path, folder: Path) -> Geth:
    return Geth(binary, folder, genesis(*(Address(one.address) for one in senders(10, CHAIN_ID))))


def _fill(geth: Geth) -> None:
    """Hands in 2,000 transfers."""
    accounts = senders(10, CHAIN_ID)
    raw = [one.transfer(SINK).raw for _ in range(200) for one in accounts]
    for start in range(0, len(raw), 500):
        geth.rpc.batch([("eth_sendRawTransaction", [one]) for one in raw[start : start + 500]])


def _head(geth: Geth) -> Head:
    return genesis_head(geth.chain.hash(), geth.chain.timestamp)


async def test_the_first_block_beside_a_full_pool_is_full(geth: Geth) -> None:
    """Nothing has to be learned from empty blocks: what is asked for first is full."""
    payload = await build(geth, _head(geth))
    assert len(payload.transactions) == TRANSFERS_PER_BLOCK


async def test_a_block_whose_time_is_over_has_what_was_in_it(
    geth_binary: Path, tmp_path: Path
) -> None:
    """geth closes a block that is not full in time instead of giving an empty one or none."""
    geth = _new(geth_binary, tmp_path)
    geth.recommit = "10ms"
    with contextlib.closing(geth):
        _fill(geth.start())
        head = _head(geth)
        # How many fit into 10 ms is the machine's affair, and on a busy one it may be none: the
        # property is that such blocks come, not that each try is one.
        counts = [len((await build(geth, head)).transactions) for _ in range(TRIES)]
    assert any(0 < count < TRANSFERS_PER_BLOCK for count in counts), counts


async def test_every_try_is_a_block_of_its_own(geth: Geth) -> None:
    """Equal attributes give a full block again, others another one; geth's head never moves."""
    head = _head(geth)
    first, second = await build(geth, head), await build(geth, head)
    later = await build(geth, head, head.timestamp + 2)
    assert len(second.transactions) == len(later.transactions) == len(first.transactions)
    assert later.timestamp == first.timestamp + 1
    assert geth.height() == 0


async def test_geth_builds_on_its_head_only(geth: Geth) -> None:
    """Another parent, or a stamp that does not move on, is refused with geth's words."""
    head = _head(geth)
    with pytest.raises(NotBuilding, match="not current head"):
        await build(geth, genesis_head("0x" + "77" * 32, head.timestamp))
    with pytest.raises(NotBuilding, match="timestamp"):
        await build(geth, head, head.timestamp)


async def test_a_geth_that_is_not_there_or_frozen(geth: Geth, tmp_path: Path) -> None:
    """No answer is told as such, and a geth that is back is used again by the same builder."""
    head = _head(geth)
    with pytest.raises(EngineUnreachable) as missing:
        await Builder(str(tmp_path / "nobody.ipc")).build(head.block_hash, attributes(head))
    assert not missing.value.timed_out
    builder = Builder(str(geth.ipc), timeout_s=2)
    geth.freeze()
    try:
        with pytest.raises(EngineUnreachable) as frozen:
            await builder.build(head.block_hash, attributes(head))
    finally:
        geth.thaw()
    assert frozen.value.timed_out
    assert (await builder.build(head.block_hash, attributes(head))).number == 1
    await builder.close()


@pytest.mark.parametrize(
    "result", ["null", "{}", '{"executionPayload":{"blockHash":"0x12"}}', '"0x"', "[]"]
)
async def test_what_is_no_block_is_garbled(tmp_path: Path, result: str) -> None:
    """Whatever answers on the socket, it is held against what a payload must be."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 16)
        writer.write(b'{"jsonrpc":"2.0","id":1,"result":%s}' % result.encode())
        await writer.drain()
        writer.close()

    socket = tmp_path / "geth.ipc"
    async with await asyncio.start_unix_server(answer, socket):
        builder = Builder(str(socket))
        head = genesis_head("0x" + "77" * 32, 1000)
        with pytest.raises(EngineGarbled, match="no usable block"):
            await builder.build(BlockHash(head.block_hash), attributes(head))
        await builder.close()


@given(st.integers(1, 2**33), st.floats(-10, 10), st.none() | st.integers(-5, 5))
def test_timestamp_always_moves_on(parent: int, ahead_s: float, ceiling: int | None) -> None:
    """A stamp is above its parent's, and never above both that and the wall clock's or ceiling."""
    limit = None if ceiling is None else parent + ceiling
    now = parent + ahead_s
    stamp = block_timestamp(parent, now, limit)
    assert stamp > parent
    assert stamp == parent + 1 or stamp <= now + LEAD_S + 0.01
    assert limit is None or stamp <= max(parent + 1, limit)


def test_paced_blocks_are_ready_on_the_second() -> None:
    """Waiting, then stamping, then building ends when the wall clock shows the block's stamp."""
    parent = 1000
    now = 1000.02
    now += wait_before_building(parent, now)
    assert now == pytest.approx(1001 - LEAD_S)
    assert block_timestamp(parent, now + 0.001) == 1001
    assert wait_before_building(parent, 1000.99) == 0
    slow = wait_before_building(parent, 1000.0, block_time_s=5)
    assert slow == pytest.approx(5 - LEAD_S)
    # A timer that fired a moment early must not make the block a second older.
    assert block_timestamp(parent, 1000.0 + slow - 0.005) == 1005


def test_prev_randao_is_what_the_documentation_says() -> None:
    """sha256 over tag, chain id, number and parent hash: another in any of them, another value."""
    parent = BlockHash("0x" + "ab" * 32)
    expected = hashlib.sha256(
        b"windlass prevRandao 1" + bytes(6) + b"\x4f\x25" + bytes(7) + b"\x07" + b"\xab" * 32
    )
    assert prev_randao(0x4F25, 7, parent) == "0x" + expected.hexdigest()
    others = {prev_randao(1, 7, parent), prev_randao(0x4F25, 8, parent)}
    assert prev_randao(0x4F25, 7, parent) not in others
