"""Asks everything that knows something, all at once; whoever does not answer is evidence, too."""

from __future__ import annotations

import asyncio
import time

from windlass.doctor import machine
from windlass.doctor.evidence import Evidence, Keys, NetworkEvidence, NodeEvidence
from windlass.doctor.nodes import look_at
from windlass.kit.errors import WindlassError
from windlass.runtimes.local import control
from windlass.runtimes.local.errors import NoState
from windlass.runtimes.local.observe import observe
from windlass.runtimes.local.place import Place, opened
from windlass.runtimes.local.state import State
from windlass.runtimes.local.status import NetworkStatus
from windlass.vault.vault import Vault


async def gather(place: Place) -> Evidence:
    """All evidence about one state. Raises ForeignState, NewerState, BrokenState,
    UnusableState."""
    try:
        state = opened(place)
    except NoState as error:
        return Evidence(now=time.time(), state=str(place.state), state_error=error.sentence)
    with state:
        supervisor = control.ping(state)
        status = await observe(state)
        nodes = await asyncio.gather(*(_nodes(state, network) for network in status.networks))
        networks = []
        for row, seen, found in zip(state.networks(), status.networks, nodes, strict=True):
            keys, problem = _keys(place, row.name, found)
            networks.append(
                NetworkEvidence(row=row, status=seen, nodes=found, keys=keys, keys_error=problem)
            )
    return Evidence(
        now=time.time(),
        state=str(place.state),
        networks=tuple(networks),
        supervisor_pid=supervisor.pid if supervisor else None,
        disk=machine.disk(place.state),
        clock_synchronised=machine.clock_synchronised(),
    )


async def _nodes(state: State, network: NetworkStatus) -> tuple[NodeEvidence, ...]:
    statuses = {node.name: node for node in network.nodes}
    processes = state.processes()
    return tuple(
        await asyncio.gather(
            *(
                look_at(
                    state.directory,
                    row,
                    [
                        one
                        for one in processes
                        if (one.network, one.node) == (network.name, row.workload.name)
                    ],
                    statuses[row.workload.name],
                )
                for row in state.workload_rows()
                if row.workload.network == network.name
            )
        )
    )


def _keys(place: Place, network: str, nodes: tuple[NodeEvidence, ...]) -> tuple[Keys | None, str]:
    """What the vault says the network is made of; else why it can't be read."""
    try:
        kept = Vault(place.state / "vault").existing(network)
    except WindlassError as error:
        return None, error.sentence
    if kept is None:
        return None, f"the vault has no keys of {network}"
    names = {
        role: [n.name for n in nodes if n.workload.role == role and n.name in kept.identities]
        for role in ("validator", "bootnode")
    }
    keys = Keys(
        genesis_hash=kept.ethereum_genesis_hash,
        genesis_timestamp=kept.ethereum_genesis_timestamp,
        validators={name: kept.validator_key(name).address for name in names["validator"]},
        bootnodes={
            name: kept.enode(name, "127.0.0.1", 1).removeprefix("enode://").partition("@")[0]
            for name in names["bootnode"]
        },
    )
    return keys, ""
