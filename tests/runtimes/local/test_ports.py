"""Ports: kept, shared with nobody, and refused before anything is touched."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtimes.local.harness import free_port
from windlass.plan.roster import PortRequest
from windlass.runtimes.local import port_holders, port_registry
from windlass.runtimes.local.errors import NoPort, PortTaken, UnusableState
from windlass.runtimes.local.ports import (
    INTERNAL_FIRST,
    Allotment,
    Claimed,
    Reservations,
    allot,
    hand_over,
)
from windlass.runtimes.local.state import PortRow, State


@pytest.fixture
def reservations() -> Iterator[Reservations]:
    """Released at the end."""
    one = Reservations()
    yield one
    one.release_all()


def request(
    name: str = "rpc", workload: str = "node-0", start: int | None = None, fixed: bool = False,
    protocol: str = "tcp",
) -> PortRequest:  # fmt: skip
    """What a workload of the network `net` asks for."""
    return PortRequest(
        network="net", workload=workload, name=name, protocol=protocol, start=start, fixed=fixed
    )


def give(
    reservations: Reservations, requests: list[PortRequest], kept: list[PortRow] | None = None,
    others: dict[int, str] | None = None, own: bool = False,
) -> Allotment:  # fmt: skip
    """An allotment on loopback; nothing is held afterwards."""
    claimed = Claimed(of_others=(others or {}).get, is_own=lambda _: own)
    try:
        return allot(requests, kept or [], claimed, reservations, lambda _: "127.0.0.1")
    finally:
        reservations.release_all()


def row(number: int, name: str = "rpc", workload: str = "node-0") -> PortRow:
    """A port of the network `net` that was given before."""
    return PortRow(network="net", workload=workload, name=name, number=number)


def test_free_start_is_taken_else_the_next(reservations: Reservations) -> None:
    """The number that people look for if it is free, else the next free one."""
    start = free_port()
    assert give(reservations, [request(start=start)]).ports[0].number == start
    with socket.create_server(("127.0.0.1", start)):
        assert give(reservations, [request(start=start)]).ports[0].number > start


def test_internal_ports_are_from_their_own_range(reservations: Reservations) -> None:
    """What nobody needs to know does not sit where people look."""
    found = give(reservations, [request("engine"), request("p2p", protocol="both")]).ports

    assert all(INTERNAL_FIRST <= one.number < 32768 for one in found)
    assert found[0].number != found[1].number


def test_given_port_is_kept(reservations: Reservations) -> None:
    """A port stays with its workload, also while a stopped spec's port is not listened on."""
    number = free_port()
    assert give(reservations, [request(start=8545)], [row(number)]).ports == [row(number)]


def test_ports_of_workloads_that_are_away_stay_theirs(reservations: Reservations) -> None:
    """A node that was scaled down finds its port again; nobody else gets it."""
    start = free_port()
    away = row(start, workload="node-1")
    found = give(reservations, [request(start=start)], [away]).ports

    assert away in found
    assert len({one.number for one in found}) == 2


def test_running_process_of_ours_is_no_obstacle(reservations: Reservations) -> None:
    """A port that our own process listens on is kept."""
    with socket.create_server(("127.0.0.1", 0)) as mine:
        number = mine.getsockname()[1]
        kept = [row(number)]
        assert give(reservations, [request()], kept, own=True).ports == kept


def test_a_gateway_takes_over_the_ports_that_people_know() -> None:
    """In a state without gateways the network's ports were a node's: they stay the network's, and
    what else that node had stays its own."""
    kept = [row(8545), row(8546, name="ws"), row(21001, name="p2p")]

    handed = hand_over(kept, ["net"], ["net/node-0"])

    assert [(one.workload, one.number) for one in handed.ports] == [
        ("gateway", 8545),
        ("gateway", 8546),
        ("node-0", 21001),
    ]
    assert len(handed.moved) == 2
    assert hand_over(handed.ports, ["net"], ["net/node-0"]) == Allotment(handed.ports, [])


def test_lost_port_is_replaced_and_said_so(reservations: Reservations) -> None:
    """An automatic port that a stranger took meanwhile moves, with a sentence naming him."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        number = stranger.getsockname()[1]
        found = give(reservations, [request()], [row(number)])

    assert found.ports[0].number != number
    assert str(number) in found.moved[0]
    assert "process" in found.moved[0]


def test_taken_fixed_port_is_refused_with_its_holder(reservations: Reservations) -> None:
    """The refusal names the port, the field of the spec and the process that has it."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        number = stranger.getsockname()[1]
        with pytest.raises(PortTaken) as refused:
            give(reservations, [request(start=number, fixed=True)])

    assert str(number) in refused.value.sentence
    assert "networks.net.ports.rpc" in refused.value.sentence
    assert "pytest" in refused.value.sentence


def test_fixed_port_of_another_spec_is_refused(reservations: Reservations) -> None:
    """A port of a spec that is stopped counts as taken."""
    number = free_port()
    with pytest.raises(PortTaken, match="the other spec"):
        give(reservations, [request(start=number, fixed=True)], others={number: "the other spec"})


def test_newly_fixed_port_is_taken_from_its_own(reservations: Reservations) -> None:
    """When the spec gives a number to one workload, another one of the same spec lets go of it."""
    number = free_port()
    found = give(
        reservations,
        [request(start=number, fixed=True), request(workload="validator-0")],
        [row(number, workload="validator-0")],
    ).ports

    assert row(number) in found
    assert len(found) == 2


def test_udp_and_tcp_are_both_looked_at(reservations: Reservations) -> None:
    """A port for both protocols is not given if one of them is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        number = stranger.getsockname()[1]
        assert not reservations.hold(number, "both", "127.0.0.1")
        assert not reservations.hold(number, "udp", "127.0.0.1")
        assert reservations.hold(number, "tcp", "127.0.0.1")


def test_listener_on_all_addresses_is_seen(reservations: Reservations) -> None:
    """Who listens on 0.0.0.0 has the port on loopback, too."""
    with socket.create_server(("0.0.0.0", 0)) as stranger:
        assert not reservations.hold(stranger.getsockname()[1], "tcp", "127.0.0.1")


def test_foreign_address_is_refused_at_once(reservations: Reservations) -> None:
    """An address that this machine does not have is the spec's mistake, not a taken port."""
    with pytest.raises(NoPort, match=r"192\.0\.2\.1"):
        reservations.hold(free_port(), "tcp", "192.0.2.1")


def test_reserved_port_is_free_once_released(reservations: Reservations) -> None:
    """A held port refuses everyone; a released one can be listened on at once."""
    number = free_port()
    assert reservations.hold(number, "both", "127.0.0.1")
    with pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", number), reuse_port=False).close()
    reservations.release(number)
    socket.create_server(("127.0.0.1", number)).close()


def test_holder_is_found_by_its_socket() -> None:
    """The process that listens is named, from /proc alone."""
    import os

    with socket.create_server(("127.0.0.1", 0)) as mine:
        number = mine.getsockname()[1]
        assert port_holders.holder_pid(number, "tcp") == os.getpid()
        assert f"process {os.getpid()}" in port_holders.describe(number, "tcp")
    assert port_holders.holder_pid(number, "tcp") is None


def test_registry_keeps_two_states_apart(tmp_path: Path) -> None:
    """What one state has claimed, another one sees as taken, running or not."""
    for name in ("a", "b"):
        State.open(tmp_path / name, create=True).close()
    with port_registry.opened() as registry:
        registry.claim(tmp_path / "a", [row(8545)])
    with port_registry.opened() as registry:
        holder = registry.holder(8545)
        assert holder is not None
        assert (holder.state, holder.owner) == (str(tmp_path / "a"), "net/node-0/rpc")
        registry.claim(tmp_path / "b", [row(8546)])
        registry.claim(tmp_path / "a", [row(8547)])
    with port_registry.opened() as registry:
        assert registry.holder(8545) is None
        assert registry.numbers_of(tmp_path / "a") == {"net/node-0/rpc": 8547}
        assert registry.numbers_of(tmp_path / "b") == {"net/node-0/rpc": 8546}


def test_registry_forgets_states_that_are_gone(tmp_path: Path) -> None:
    """A state that was deleted by hand holds no port for ever."""
    State.open(tmp_path / "a", create=True).close()
    with port_registry.opened() as registry:
        registry.claim(tmp_path / "a", [row(8545)])
    (tmp_path / "a" / "state.db").unlink()
    with port_registry.opened() as registry:
        assert registry.holder(8545) is None


def test_damaged_registry_is_begun_anew_and_newer_refused(tmp_path: Path) -> None:
    """The registry is only a precaution: damage costs nothing; a newer one is not written over."""
    State.open(tmp_path / "a", create=True).close()
    with port_registry.opened() as registry:
        registry.claim(tmp_path / "a", [row(8545)])
    path = port_registry.directory() / "ports.json"
    path.write_text("{")
    with port_registry.opened() as registry:
        assert registry.holder(8545) is None
    path.write_text('{"schema": 2, "claims": {}}')
    with pytest.raises(UnusableState, match="newer"), port_registry.opened():
        pass


def test_edited_registry_is_no_defect(tmp_path: Path) -> None:
    """Entries that nobody of ours wrote are dropped, the others hold."""
    state = tmp_path / "a"
    State.open(state, create=True).close()
    entries = {
        "21001": {"state": str(state), "owner": "no slashes"},
        "99999": {"state": str(state), "owner": "net/a/rpc"},
        "21002": {"state": "nul\0byte", "owner": "net/a/rpc"},
        "21003": {"state": "/a\0b", "owner": "net/a/rpc"},
        "21004": {"state": str(state), "owner": "net/a/rpc"},
    }
    folder = port_registry.directory()
    folder.mkdir(parents=True)
    (folder / "ports.json").write_text(json.dumps({"schema": 1, "claims": entries}))

    with port_registry.opened() as registry:
        assert registry.numbers_of(state) == {"net/a/rpc": 21004}
        assert [n for n in (21001, 99999, 21002, 21003) if registry.holder(n)] == []


def test_registry_that_is_held_is_named() -> None:
    """A frozen holder of the lock does not freeze everybody else."""
    with (
        port_registry.opened(),
        pytest.raises(UnusableState, match=r"ports\.lock"),
        port_registry.opened(wait_s=0.1),
    ):
        pass
