"""Everything before the first process: refuse what can be refused, then ports, keys and the plan.

The order is the point. Whatever may say no comes first and touches nothing; a port is claimed while
the registry is locked; binaries, which may take minutes, come before the keys, because the clock of
a chain starts with its genesis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from windlass.plan.plan import plan
from windlass.plan.roster import PortRequest, port_requests
from windlass.plan.workload import Workload
from windlass.runtimes.local import disk, port_registry, process_table
from windlass.runtimes.local.binaries.models import Progress
from windlass.runtimes.local.changes import Changes, Wanted, compare, wanted
from windlass.runtimes.local.control import sockets_of
from windlass.runtimes.local.errors import NoState, NotEnoughDisk
from windlass.runtimes.local.place import Place, claim, opened
from windlass.runtimes.local.port_registry import Registry
from windlass.runtimes.local.ports import (
    PRIVATE_PORTS,
    Allotment,
    Claimed,
    Reservations,
    allot,
    hand_over,
)
from windlass.runtimes.local.site import LocalSite, sockets_directories, workload_directory
from windlass.runtimes.local.state import NetworkRow, PortRow, ProcessRow, ScaleRow, State
from windlass.runtimes.local.voting import refuse_to_take_voters
from windlass.spec.load import Loaded
from windlass.spec.models import Network, Spec
from windlass.spec.roster import BLOCK_MAKERS, names, roster
from windlass.vault.errors import VaultCorrupt
from windlass.vault.keys import NetworkKeys
from windlass.vault.vault import Vault

LOOPBACK = "127.0.0.1"
OnProgress = Callable[[Progress], None]


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that can be put into effect. `spec` has the overrides of `scale` in it.

    `reservations` hold the plan's ports until its processes are about to start; `moved` are
    sentences about ports that had to change; `short_disk` is one about the disk, or ''.
    """

    spec: Spec
    keys: Mapping[str, NetworkKeys]
    workloads: list[Workload]
    wanted: Wanted
    before: Wanted
    changes: Changes
    scales: Mapping[str, ScaleRow]
    reservations: Reservations
    moved: list[str]
    short_disk: str


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the state holds before anything is done."""

    before: Wanted
    processes: list[ProcessRow]
    ports: list[PortRow]
    scales: dict[str, ScaleRow]


def prepare(
    place: Place,
    loaded: Loaded,
    progress: OnProgress = lambda _: None,
    *,
    scales: Mapping[str, ScaleRow] | None = None,
    on_state: Callable[[State], None] = lambda _: None,
) -> Prepared:
    """A plan for the spec, with ports and keys that are made and kept. The lock must be held.

    `scales` replaces the state's overrides of node numbers, and leaves what was stopped on purpose
    as it is. `on_state` is told of the state as soon
    as nothing can be refused any more but what other tools may say. Raises NewerState, BrokenState,
    ForeignState, GenesisMismatch, StillVotes, MayStillVote, NotEnoughDisk,
    PortTaken, what binaries and the vault raise.
    """
    kept = _read(place)
    spec, overrides = scaled(loaded.spec, kept.scales if scales is None else dict(scales))
    vault = _vault(place, spec)
    # Raises GenesisMismatch; makes nothing but keys that are missing in a network that exists.
    known = set(vault.networks())
    keys = {n: vault.identities(n, w) for n, w in spec.networks.items() if n in known}
    refuse_to_take_voters(spec, [row.workload for row in kept.before.rows], keys)
    too_small = _too_small(place.state, spec, kept)
    reservations = Reservations()
    try:
        with port_registry.opened() as registry:
            allotment = _allot(place.state, spec, kept, registry, reservations)
            with State.open(place.state, create=True) as state:
                # One transaction is one sync to disk, and there are dozens of ports.
                with state.transaction():
                    claim(state, place)
                    state.set_ports(allotment.ports)
                    sockets = sockets_of(state)
                registry.claim(place.state, allotment.ports)
        with State.open(place.state) as state:
            on_state(state)
        networks = [_network_row(name, one, progress) for name, one in spec.networks.items()]
        for name, network in spec.networks.items():
            if name not in keys:
                keys[name] = vault.identities(name, network)
        site = LocalSite(place.state, sockets, spec.networks, allotment.ports)
        workloads = plan(spec, keys, site)
        now = wanted(workloads, networks, () if scales is None else _kept_stopped(kept))
        changes = compare(now, kept.before, kept.processes)
        _refuse_starts(changes, too_small)
    except BaseException:
        reservations.release_all()
        raise
    return Prepared(
        spec=spec,
        keys=keys,
        workloads=workloads,
        wanted=now,
        before=kept.before,
        changes=changes,
        scales=overrides,
        reservations=reservations,
        moved=allotment.moved,
        short_disk=disk.short_of_a_day(place.state, _growth(spec)),
    )


def preview(place: Place, loaded: Loaded) -> list[Workload]:
    """The plan as `up` would make it now; touches nothing. Keys that do not exist yet are
    placeholders, and so are ports if somebody takes them meanwhile."""
    kept = _read(place)
    spec, _ = scaled(loaded.spec, kept.scales)
    vault = _vault(place, spec)
    keys = {name: vault.preview(name, one) for name, one in spec.networks.items()}
    reservations = Reservations()
    try:
        registry = Registry(Path(), port_registry.look())
        allotment = _allot(place.state, spec, kept, registry, reservations)
    finally:
        reservations.release_all()
    sockets = sockets_directories(place.state)[0]
    site = LocalSite(place.state, sockets, spec.networks, allotment.ports)
    return plan(spec, keys, site)


def _vault(place: Place, spec: Spec) -> Vault:
    """The vault. Raises VaultCorrupt if it has lost what existing data were made with: another
    genesis would never fit them."""
    vault = Vault(place.state / "vault")
    for name in spec.networks:
        data = place.state / "nodes" / name
        if vault.existing(name) is None and data.is_dir() and any(data.iterdir()):
            genesis = vault.directory / name / "genesis.json"
            raise VaultCorrupt(genesis, f"it is missing although {data} was made with it")
    return vault


def scaled(spec: Spec, scales: Mapping[str, ScaleRow]) -> tuple[Spec, dict[str, ScaleRow]]:
    """The spec with the overrides that still hold: those of networks whose own number of nodes is
    what it was when they were made."""
    holding = {
        name: row
        for name, row in scales.items()
        if name in spec.networks and spec.networks[name].nodes == row.spec_nodes
        if row.nodes != row.spec_nodes
    }
    networks: dict[str, Network] = {
        name: msgspec.structs.replace(network, nodes=holding[name].nodes)
        if name in holding
        else network
        for name, network in spec.networks.items()
    }
    return msgspec.structs.replace(spec, networks=networks), holding


def _read(place: Place) -> _Kept:
    try:
        with opened(place) as state:
            return _Kept(
                before=Wanted(rows=state.workload_rows(), networks=state.networks()),
                processes=state.processes(),
                ports=state.ports(),
                scales=state.scales(),
            )
    except NoState:
        return _Kept(before=Wanted(rows=[], networks=[]), processes=[], ports=[], scales={})


def _kept_stopped(kept: _Kept) -> set[str]:
    """Nodes that were stopped one by one, by network/name; what `down` stopped is another thing."""
    rows = kept.before.rows
    if not any(row.desired == "running" for row in rows):
        return set()
    return {row.workload.key for row in rows if row.desired == "stopped"}


def _too_small(state: Path, spec: Spec, kept: _Kept) -> NotEnoughDisk | None:
    """Raises NotEnoughDisk if something new is to start; returns it if that is not known yet."""
    try:
        disk.refuse_if_short(state, _disk_needs(state, spec))
    except NotEnoughDisk as error:
        running = {row.workload.key for row in kept.before.rows if row.desired == "running"}
        members = {f"{n}/{one.name}" for n, w in spec.networks.items() for one in roster(w)}
        if not members <= running:
            raise
        return error
    return None


def _refuse_starts(changes: Changes, reason: NotEnoughDisk | None) -> None:
    if reason is not None and (changes.added or changes.changed or changes.started):
        raise reason


def _growth(spec: Spec) -> disk.Growth:
    """How all networks of the spec grow while nobody uses them."""
    return sum(
        (
            disk.growth(one.consensus, len(names(one, "node", *BLOCK_MAKERS)), one.block_time_s)
            for one in spec.networks.values()
        ),
        disk.Growth(),
    )


def _disk_needs(state: Path, spec: Spec) -> list[tuple[Path, int]]:
    return [
        (workload_directory(state, name, member.name), resources.disk)
        for name, network in spec.networks.items()
        for member in roster(network)
        if (resources := network.resources.get(member.role)) is not None
        and resources.disk is not None
    ]


def _allot(
    state: Path, spec: Spec, kept: _Kept, registry: Registry, reservations: Reservations
) -> Allotment:
    """The spec's ports; those that the registry alone still knows count as kept, too."""
    requests = [
        request
        for name, network in spec.networks.items()
        for request in port_requests(name, network)
    ]
    rows = {(row.network, row.workload, row.name): row for row in kept.ports}
    for owner, number in registry.numbers_of(state).items():
        network, workload, name = owner.split("/")
        row = PortRow(network=network, workload=workload, name=name, number=number)
        if number not in {one.number for one in rows.values()}:
            rows.setdefault((network, workload, name), row)
    endpoints = [row.workload.key for row in kept.before.rows if row.workload.endpoint]
    handed = hand_over(rows.values(), spec.networks, endpoints)

    def of_others(number: int) -> str | None:
        claim = registry.holder(number)
        if claim is None or claim.state == str(state):
            return None
        return f"another spec ({claim.owner} of {claim.state})"

    def is_own(pid: int) -> bool:
        return process_table.variables(pid).get(process_table.STATE_VARIABLE) == str(state)

    def address(request: PortRequest) -> str:
        bind = spec.networks[request.network].bind
        return LOOPBACK if request.name in PRIVATE_PORTS else bind

    claimed = Claimed(of_others=of_others, is_own=is_own)
    given = allot(requests, handed.ports, claimed, reservations, address)
    return Allotment(given.ports, handed.moved + given.moved)


def _network_row(name: str, network: Network, progress: OnProgress) -> NetworkRow:
    """What is kept of a network; gets the programs that it needs, which may take minutes."""
    from windlass.runtimes.local.binaries import Binaries

    versions = {"geth": network.clients.geth}
    if network.consensus == "bft":
        versions["cometbft"] = network.clients.cometbft
    found = Binaries().ensure_all(versions, progress)
    return NetworkRow(
        name=name,
        family=network.family,
        consensus=network.consensus,
        chain_id=network.chain_id,
        block_time_s=network.block_time_s,
        programs={program: str(binary.path) for program, binary in found.items()},
        versions={program: binary.version for program, binary in found.items()},
    )
