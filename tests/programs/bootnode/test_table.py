"""The table and the rate limit: bounded, and with a memory for those that are away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from windlass.chains.ethereum.enode import Enode
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.keys import public_key
from windlass.programs.bootnode.rate_limit import RateLimit
from windlass.programs.bootnode.table import (
    DEAD_AFTER_FAILURES,
    NODES_MAX,
    SUBNET_NODES_MAX,
    Table,
)

OWN = public_key(b"\xee" * 32)
ASKER = Enode(public_key(b"\xdd" * 32), "127.0.0.1", 0, 30303)


def _enode(number: int, ip: str = "127.0.0.1", tcp: int = 30303, udp: int = 30303) -> Enode:
    return Enode(public_key(number.to_bytes(32, "big")), ip, tcp, udp)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """An empty one."""
    return Table(tmp_path / "table.json", OWN)


def _kill(table: Table, enode: Enode) -> None:
    for _ in range(DEAD_AFTER_FAILURES):
        node = table.get(enode.public_key)
        assert node is not None
        table.missed(node)


def test_closest_are_the_closest(table: Table) -> None:
    """At most 16, nearest first by the hash of the key, never the asker."""
    enodes = [_enode(number) for number in range(1, 60)]
    for enode in [*enodes, ASKER]:
        table.answered(enode)
    target = b"\x05" * 64
    point = int.from_bytes(keccak256(target), "big")

    def distance(enode: Enode) -> int:
        return int.from_bytes(keccak256(enode.public_key), "big") ^ point

    assert table.closest(target, ASKER) == sorted(enodes, key=distance)[:16]


def test_live_ones_are_preferred_and_dead_ones_kept(table: Table) -> None:
    """A dead node is not told while there is a live one, and is told when all seem dead."""
    live, dead = _enode(1), _enode(2)
    table.answered(live)
    table.answered(dead)
    _kill(table, dead)
    assert table.closest(b"\0" * 64, ASKER) == [live]
    _kill(table, live)
    assert sorted(table.closest(b"\0" * 64, ASKER)) == sorted([live, dead])


def test_nothing_is_told_where_it_would_be_refused(table: Table) -> None:
    """Loopback and LAN addresses are not told to the outside."""
    table.answered(_enode(1))
    table.answered(_enode(2, "10.0.0.1"))
    outside = Enode(ASKER.public_key, "8.8.8.8", 0, 30303)
    assert table.closest(b"\0" * 64, outside) == []


def test_size_is_bounded(table: Table) -> None:
    """A full table takes a newcomer only in place of a dead node, never of a live one."""
    for number in range(1, NODES_MAX + 1):
        assert table.answered(_enode(number))
    newcomer = _enode(NODES_MAX + 1)
    assert not table.answered(newcomer)
    _kill(table, _enode(5))
    assert table.answered(newcomer)
    assert table.get(_enode(5).public_key) is None
    assert len(table) == NODES_MAX


def test_a_subnet_cannot_fill_the_table(table: Table) -> None:
    """Of a public /24 only some are taken, of a LAN all: a network may live on one host."""
    for number in range(1, 2 * SUBNET_NODES_MAX + 1):
        table.answered(_enode(number, f"8.8.8.{number}"))
    assert len(table) == SUBNET_NODES_MAX
    assert table.answered(_enode(100, "8.8.9.1"))
    for number in range(200, 300):
        assert table.answered(_enode(number, "10.0.0.1", udp=30303 + number))


def test_low_ports_are_not_taken(table: Table) -> None:
    """geth would refuse to be told of them."""
    assert not table.answered(_enode(1, udp=1024))
    assert len(table) == 0


def test_moving_node(table: Table) -> None:
    """A node that proves a new address is known there, and keeps the TCP port that it told."""
    table.answered(_enode(1))
    table.answered(_enode(1, "10.0.0.9", tcp=0, udp=4000))
    node = table.get(_enode(1).public_key)
    assert node is not None
    assert node.enode == _enode(1, "10.0.0.9", tcp=30303, udp=4000)


def test_saved_and_loaded(tmp_path: Path, table: Table) -> None:
    """What answered is on disk; after loading it is known, but not live before it answers again."""
    table.answered(_enode(1))
    table.answered(_enode(2))
    table.save()
    loaded = Table(tmp_path / "table.json", OWN, seeds=(str(_enode(2)), str(_enode(3))))
    assert loaded.load() == 3
    assert loaded.live() == []
    assert sorted(loaded.closest(b"\0" * 64, ASKER)) == sorted(_enode(n) for n in (1, 2, 3))
    seed = loaded.get(_enode(2).public_key)
    assert seed is not None
    assert seed.is_seed


def test_unchanged_table_is_not_written_again(tmp_path: Path, table: Table) -> None:
    """A disk is not worn out by a network in which nothing happens."""
    table.answered(_enode(1))
    table.save()
    before = (tmp_path / "table.json").stat()
    table.save()
    assert (tmp_path / "table.json").stat().st_ino == before.st_ino


def test_forgotten_after_a_day(table: Table) -> None:
    """A node that was away for a day and does not answer is dropped; a seed never is."""
    table.answered(_enode(1))
    node = table.get(_enode(1).public_key)
    assert node is not None
    node.last_pong = time.time() - 90_000
    _kill(table, _enode(1))
    assert len(table) == 0


def test_seeds_are_never_dropped(tmp_path: Path) -> None:
    """A seed that never answered is asked for ever; our own enode among them is left out."""
    own = Enode(OWN, "127.0.0.1", 1, 30301)
    table = Table(tmp_path / "t", OWN, seeds=(str(_enode(1)), str(own)))
    for _ in range(5):
        _kill(table, _enode(1))
    assert len(table) == 1
    table.save()
    assert b"enode" not in (tmp_path / "t").read_bytes()


def test_rate_limit() -> None:
    """An address gets its burst, then so many a second; another address is not touched by that."""
    limit = RateLimit(per_second=10, burst=5, addresses_max=3)
    assert [limit.allows("a", 0.0) for _ in range(6)] == [True] * 5 + [False]
    assert limit.allows("b", 0.0)
    assert [limit.allows("a", 0.25) for _ in range(3)] == [True, True, False]
    for address in "cdefg":
        limit.allows(address, 1.0)
    assert len(limit) == 3
