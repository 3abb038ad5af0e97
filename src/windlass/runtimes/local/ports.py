"""Gives every workload its ports, and keeps them for it.

A port stays with its workload for as long as its data exist: others have written it into their
configuration and people into theirs. Only one that somebody else has taken meanwhile is replaced,
and only if the spec leaves its number to us. Numbers are looked for from the well-known ones up,
and for what nobody needs to know from `INTERNAL_FIRST` up: below the ports that the kernel gives to
outgoing connections (32768 and more), above those of the usual services.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Collection, Iterable

import msgspec

from windlass.plan.roster import ENDPOINT, PortRequest
from windlass.runtimes.local import port_holders
from windlass.runtimes.local.errors import NoPort, PortTaken
from windlass.runtimes.local.state import PortRow

INTERNAL_FIRST = 21000
PORTS_TRIED_MAX = 5000
KINDS = {
    "tcp": (socket.SOCK_STREAM,),
    "udp": (socket.SOCK_DGRAM,),
    "both": (socket.SOCK_STREAM, socket.SOCK_DGRAM),
}
PRIVATE_PORTS = frozenset(("rpc", "ws", "engine", "cometbft_rpc", "health", "dashboard"))
"""Ports that listen on loopback whatever the spec's `bind` says."""


class Reservations:
    """Ports held by sockets of our own, so that nobody takes them before their process starts."""

    def __init__(self) -> None:
        self._held: dict[int, list[socket.socket]] = {}

    def hold(self, number: int, protocol: str, address: str) -> bool:
        """Takes the port; False if somebody has it. Raises NoPort if nobody could have it."""
        if number in self._held:
            return True
        sockets: list[socket.socket] = []
        for kind in KINDS[protocol]:
            bound = _bind(kind, address, number)
            if bound is None:
                _close(sockets)
                return False
            sockets.append(bound)
        self._held[number] = sockets
        return True

    def release(self, number: int) -> None:
        """Gives the port to whoever comes first; nothing happens if it is not held."""
        _close(self._held.pop(number, []))

    def release_all(self) -> None:
        """Gives back everything."""
        for number in list(self._held):
            self.release(number)


class Claimed(msgspec.Struct, frozen=True):
    """What speaks against giving out certain numbers, apart from what listens now.

    `of_others` tells whose a port is, as the end of a sentence, if it belongs to another spec.
    `is_own` tells whether the process with that pid is one of this state's.
    """

    of_others: Callable[[int], str | None]
    is_own: Callable[[int], bool]


class Allotment(msgspec.Struct, frozen=True):
    """The outcome: every port that the state now keeps, and sentences about those that moved."""

    ports: list[PortRow]
    moved: list[str]


def allot(
    requests: Iterable[PortRequest],
    kept: Iterable[PortRow],
    claimed: Claimed,
    reservations: Reservations,
    address: Callable[[PortRequest], str],
) -> Allotment:
    """Answers every request, keeping what was given before; reserves each port.

    `kept` may hold ports of workloads that nobody asks for now (scaled down): they stay theirs.
    Raises PortTaken for a number that the spec fixes, NoPort if a whole range is taken.
    """
    search = _Search(claimed, reservations, address)
    requests = list(requests)
    fixed = {request.start: request for request in requests if request.fixed}
    before = {(row.network, row.workload, row.name): row for row in kept}
    for number in fixed:
        search.given.add(number)
    # A number that the spec now fixes for one port is taken from any other that had it.
    before = {
        key: row
        for key, row in before.items()
        if row.number not in fixed or _key(fixed[row.number]) == key
    }
    search.given.update(row.number for row in before.values())
    for request in requests:
        key = _key(request)
        row = PortRow(
            network=request.network,
            workload=request.workload,
            name=request.name,
            number=search.number(request, before.get(key)),
        )
        search.given.add(row.number)
        before[key] = row
    return Allotment(sorted(before.values(), key=lambda row: row.number), search.moved)


def hand_over(kept: Iterable[PortRow], networks: Collection[str], old: Iterable[str]) -> Allotment:
    """The kept ports, those by which people know a network being its gateway's.

    In a state of a release without gateways they were a node's: `old` has that node of each network
    as network/name. The node gets others when ports are given out next. Networks that have a
    gateway already are left as they are.
    """
    rows = list(kept)
    settled = {row.network for row in rows if (row.workload, row.name) == (ENDPOINT, "rpc")}
    before = {key for key in old if key.partition("/")[0] in set(networks) - settled}
    moved = []
    for position, row in enumerate(rows):
        key = f"{row.network}/{row.workload}"
        if key in before and row.name in ("rpc", "ws"):
            rows[position] = msgspec.structs.replace(row, workload=ENDPOINT)
            moved.append(f"Port {row.number} of {key} is the gateway's now.")
    return Allotment(rows, moved)


class _Search:
    def __init__(
        self,
        claimed: Claimed,
        reservations: Reservations,
        address: Callable[[PortRequest], str],
    ) -> None:
        self.given: set[int | None] = set()
        self.moved: list[str] = []
        self._claimed = claimed
        self._reservations = reservations
        self._address = address

    def number(self, request: PortRequest, kept: PortRow | None) -> int:
        """The port for one request."""
        if request.fixed and request.start is not None:
            holder = self._obstacle(request, request.start)
            if holder is not None:
                field = f"networks.{request.network}.ports.{request.name}"
                raise PortTaken(request.start, field, holder)
            return request.start
        if kept is None:
            return self._next_free(request)
        holder = self._obstacle(request, kept.number)
        if holder is None:
            return kept.number
        number = self._next_free(request)
        self.moved.append(
            f"{request.network}/{request.workload}: its {request.name} port moved from "
            f"{kept.number}, which {holder} has taken, to {number}."
        )
        return number

    def _next_free(self, request: PortRequest) -> int:
        first = INTERNAL_FIRST if request.start is None else request.start
        last = min(first + PORTS_TRIED_MAX, 65535)
        for number in range(first, last + 1):
            if number not in self.given and self._obstacle(request, number, fast=True) is None:
                return number
        raise NoPort(
            f"No port from {first} to {last} is free for {request.name} of "
            f"{request.network}/{request.workload}.",
            "Stop what holds them, or purge specs that are no longer used.",
        )

    def _obstacle(self, request: PortRequest, number: int, *, fast: bool = False) -> str | None:
        """Who stands against this number; None if nobody does. `fast` skips looking who it is."""
        other = self._claimed.of_others(number)
        if other is not None:
            return other
        if self._reservations.hold(number, request.protocol, self._address(request)):
            return None
        pid = None if fast else port_holders.holder_pid(number, request.protocol)
        if pid is not None and self._claimed.is_own(pid):
            return None
        return "another program" if fast else port_holders.describe(number, request.protocol)


def _key(request: PortRequest) -> tuple[str, str, str]:
    return request.network, request.workload, request.name


def _bind(kind: int, address: str, number: int) -> socket.socket | None:
    """A socket bound to the port, without taking connections; None if it is taken."""
    # First without SO_REUSEADDR: nobody can bind beside such a socket. It also fails where only
    # connections that ended a minute ago are left over (TIME_WAIT), which servers do not mind.
    for reuse in (False, True):
        if reuse and kind == socket.SOCK_DGRAM:
            return None  # there it would let us in beside a living owner
        bound = socket.socket(socket.AF_INET, kind)
        try:
            if reuse:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((address, number))
        except OSError as error:
            bound.close()
            if error.errno != errno.EADDRINUSE:
                raise NoPort(
                    f"Port {number} of {address} cannot be used: {error.strerror}.",
                    "See `bind` in the spec: it must be an address of this machine, and numbers "
                    "below 1024 are for root.",
                ) from error
        else:
            return bound
    return None


def _close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()
