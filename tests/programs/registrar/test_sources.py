"""Names that are looked up, fail and come back; and the roll's rules, without a network."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Sequence

import pytest

from tests.support.geth import free_port
from tests.support.wait import eventually
from windlass.chains.ethereum.enode import Enode
from windlass.chains.ethereum.keys import public_key
from windlass.kit.http import HttpServer, Request, Response, text_response
from windlass.kit.metrics import Registry
from windlass.programs.registrar.metrics import Metrics
from windlass.programs.registrar.poll import Poller
from windlass.programs.registrar.roll import DEAD_AFTER_FAILURES, UNNAMED_MAX, Roll
from windlass.programs.registrar.sources import DnsSource, ResolveError


def _enode(number: int, port: int = 30301) -> Enode:
    return Enode(public_key(number.to_bytes(32, "big")), "127.0.0.1", port, port)


class _Names:
    """A name service of the test: the URLs of the moment, or a failure."""

    def __init__(self) -> None:
        self.answer: list[str] | None = None

    async def urls(self) -> Sequence[str]:
        if self.answer is None:
            raise ResolveError("no answer")
        return self.answer


@pytest.fixture
async def bootnodes() -> AsyncGenerator[list[str]]:
    """The URLs of two bootnodes."""
    servers = []
    for number in (1, 2):

        async def line(_: Request, number: int = number) -> Response:
            return text_response(f"{_enode(number)}\n")

        server = HttpServer({"/": line})
        await server.start("127.0.0.1", 0)
        servers.append(server)
    yield [f"http://127.0.0.1:{server.port}" for server in servers]
    for server in servers:
        await server.stop()


async def test_name_failure_keeps_the_list(bootnodes: list[str]) -> None:
    """A name that cannot be looked up any more changes nothing; the known ones are asked on."""
    names, roll = _Names(), Roll(60)
    metrics = Metrics(Registry(), roll)
    poller = Poller(names, roll, metrics, poll_s=1, timeout_s=5)
    await poller.poll()
    assert roll.listed(0) == ()
    names.answer = bootnodes
    await poller.poll()
    both = tuple(sorted([_enode(1), _enode(2)]))
    assert roll.listed(0) == both
    names.answer = None
    await poller.poll()
    assert roll.listed(0) == both
    assert roll.alive == 2
    assert metrics.lookup_failures.value() == 2
    await poller.close()


async def test_partial_answer_keeps_the_list(bootnodes: list[str]) -> None:
    """A bootnode that the name no longer gives is listed while it answers, and a dead one is let
    go only after as many failures as any other."""
    names, roll = _Names(), Roll(60)
    poller = Poller(names, roll, Metrics(Registry(), roll), poll_s=1, timeout_s=5)
    dead = f"http://127.0.0.1:{free_port()}"
    names.answer = [*bootnodes, dead]
    await poller.poll()
    roll.answered(dead, _enode(3), (), 1.0)
    everybody = tuple(sorted([_enode(1), _enode(2), _enode(3)]))
    names.answer = bootnodes[:1]
    for _ in range(DEAD_AFTER_FAILURES - 1):
        await poller.poll()
        assert roll.listed(0) == everybody
    for _ in range(3):
        await poller.poll()
        assert roll.listed(0) == tuple(sorted([_enode(1), _enode(2)]))
    assert roll.urls() == sorted(bootnodes), "the dead one is not asked any more"
    await poller.close()


def test_unnamed_bootnodes_are_bounded() -> None:
    """A name that gives other live addresses each time makes us ask a bounded number of them, and
    takes none of those off the list that were known first."""
    roll = Roll(60)
    for number in range(1, UNNAMED_MAX + 50):
        roll.expect([f"{number}"])
        roll.answered(f"{number}", _enode(number), (), 1.0)
    assert len(roll.urls()) == UNNAMED_MAX + 1
    assert {_enode(1), _enode(UNNAMED_MAX)} <= set(roll.listed(1.0))


def test_address_of_somebody_else_now() -> None:
    """A named bootnode may have a new key; one that is not named any more and has one is another
    network's, perhaps, and is forgotten."""
    roll = Roll(60)
    roll.expect(["a", "b"])
    roll.answered("a", _enode(1), (), 1.0)
    roll.answered("b", _enode(2), (), 1.0)
    roll.expect(["a"])
    assert roll.answered("a", _enode(3), (), 2.0)
    assert not roll.answered("b", _enode(4), (), 2.0)
    assert roll.urls() == ["a"]
    assert roll.listed(2.0) == (_enode(3),)


async def test_addresses_of_a_name() -> None:
    """Each address of the name is a URL on the bootnodes' port."""
    urls = await DnsSource("localhost", timeout_s=10).urls()
    assert "http://127.0.0.1:8080" in urls
    assert set(urls) <= {"http://127.0.0.1:8080", "http://[::1]:8080"}
    assert await DnsSource("::1", timeout_s=10, port=9).urls() == ["http://[::1]:9"]


@pytest.mark.parametrize("name", ["bootnodes.invalid", "x" * 300, "a..b", "\udcff"])
async def test_names_without_addresses(name: str) -> None:
    """A name that is not there, or cannot be one, is a ResolveError."""
    with pytest.raises(ResolveError, match="cannot be resolved"):
        await DnsSource(name, timeout_s=20).urls()


async def test_hung_resolver() -> None:
    """A resolver that does not answer costs a timeout and a bounded number of threads."""
    source = _Stuck("name", timeout_s=0.05)
    for _ in range(5):
        with pytest.raises(ResolveError):
            await source.urls()
    assert source.begun == 2
    source.go_on()

    async def urls() -> Sequence[str]:
        try:
            return await source.urls()
        except ResolveError:
            return []

    assert await eventually(urls, "the resolver answers again") == ["http://1.2.3.4:8080"]


class _Stuck(DnsSource):
    """A look-up that hangs, as the system's can."""

    def __init__(self, name: str, *, timeout_s: float) -> None:
        super().__init__(name, timeout_s=timeout_s)
        self.begun = 0
        self._gate = threading.Event()

    def go_on(self) -> None:
        self._gate.set()

    def _look_up(self) -> list[str]:
        self.begun += 1
        self._gate.wait(20)
        return ["1.2.3.4"]


def test_one_late_answer_shortens_nothing() -> None:
    """A bootnode is listed until it has failed several times in a row."""
    roll = Roll(60)
    roll.expect(["a", "b"])
    roll.answered("a", _enode(1), (), 1.0)
    roll.answered("b", _enode(2), (), 1.0)
    for _ in range(DEAD_AFTER_FAILURES - 1):
        assert not roll.failed("a", "late")
        assert len(roll.listed(1.0)) == 2
    assert roll.failed("a", "late")
    assert roll.listed(1.0) == (_enode(2),)
    assert not roll.failed("a", "late")


def test_last_good_list_has_an_end() -> None:
    """When nobody is alive the last good list is kept as long as it was asked to be."""
    roll = Roll(keep_s=100)
    roll.expect(["a"])
    roll.answered("a", _enode(1), [_enode(3)], 1000.0)
    assert roll.nodes() == [_enode(3)]
    for _ in range(DEAD_AFTER_FAILURES):
        roll.failed("a", "gone")
    roll.expect(["c"])
    assert roll.urls() == ["c"]
    assert roll.nodes() == []
    assert roll.listed(1100.0) == (_enode(1),)
    assert roll.listed(1101.0) == ()


def test_answer_of_a_forgotten_bootnode() -> None:
    """An answer that comes when its bootnode is no longer expected is dropped."""
    roll = Roll(60)
    roll.expect(["a"])
    roll.expect([])
    assert not roll.answered("a", _enode(1), (), 1.0)
    assert not roll.failed("a", "gone")
    assert roll.listed(1.0) == ()
