"""Asks everything that knows something, all at once; whoever does not answer is evidence, too."""

from __future__ import annotations

import asyncio
import time

import msgspec

from windlass.doctor import machine
from windlass.doctor.evidence import (
    Evidence,
    KeyExport,
    Keys,
    NetworkEvidence,
    NodeEvidence,
    ProposalView,
)
from windlass.doctor.nodes import look_at
from windlass.kit.errors import WindlassError
from windlass.runtimes.local import control, validators
from windlass.runtimes.local.errors import NoState
from windlass.runtimes.local.observe import observe
from windlass.runtimes.local.place import Place, opened
from windlass.runtimes.local.state import State
from windlass.runtimes.local.status import NetworkStatus
from windlass.vault import export
from windlass.vault.errors import VaultCorrupt
from windlass.vault.keys import NetworkKeys
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
            evidence = NetworkEvidence(row=row, status=seen, nodes=found)
            with_keys = _with_keys(place, evidence)
            waiting = await _proposals(place, with_keys)
            networks.append(msgspec.structs.replace(with_keys, proposals=waiting))
    return Evidence(
        now=time.time(),
        state=str(place.state),
        state_error="" if networks else f"{place.state} holds no network.",
        networks=tuple(networks),
        supervisor_pid=supervisor.pid if supervisor else None,
        disk=machine.disk(place.state),
        clock_synchronised=machine.clock_synchronised(),
        key_export=_key_export(place),
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


def _with_keys(place: Place, network: NetworkEvidence) -> NetworkEvidence:
    """With what the vault says that it is made of; else with why the vault can't be read."""
    directory = place.state / "vault"
    try:
        kept = Vault(directory).existing(network.name)
        if kept is None:
            raise VaultCorrupt(directory, f"it has no keys of {network.name}")
    except WindlassError as error:
        return msgspec.structs.replace(
            network, keys_error=error.sentence, keys_next_step=error.next_step
        )
    return msgspec.structs.replace(network, keys=_keys(kept, network.nodes))


def _key_export(place: Place) -> KeyExport | None:
    """None for a vault that can't be read: that is another finding."""
    vault = place.state / "vault"
    try:
        standing = export.standing(vault)
        # The mark is the first file of a vault, and never written again.
        made = (vault / export.MARK).stat().st_mtime
    except (WindlassError, OSError):
        return None
    note = export.noted(vault)
    return KeyExport(
        standing=standing, vault_made=made, exported=note.at if note is not None else None
    )


def _keys(kept: NetworkKeys, nodes: tuple[NodeEvidence, ...]) -> Keys:
    names = {
        role: [n.name for n in nodes if n.workload.role == role and n.name in kept.identities]
        for role in ("validator", "bootnode")
    }
    return Keys(
        genesis_hash=kept.ethereum_genesis_hash,
        genesis_timestamp=kept.ethereum_genesis_timestamp,
        validators={name: kept.validator_key(name).address for name in names["validator"]},
        bootnodes={
            name: kept.enode(name, "127.0.0.1", 1).removeprefix("enode://").partition("@")[0]
            for name in names["bootnode"]
        },
    )


async def _proposals(place: Place, network: NetworkEvidence) -> tuple[ProposalView, ...]:
    """Open proposals of the network; none where they can't be weighed, for which there is another
    finding."""
    if network.keys is None or network.row.consensus != "bft":
        return ()
    if not any(validators.folder(place).glob("*.json")):
        return ()
    try:
        seen = await validators.see(validators.find_network(place, network.row))
        chain = seen.require_chain()
    except WindlassError:
        return ()
    return tuple(
        ProposalView(
            path=str(one.path),
            action=one.change.action,
            name=one.change.name,
            sequence=one.change.sequence,
            expires=one.change.expires,
            signed_by=tuple(seen.name_of(signer) for signer in one.signers),
            unsigned=tuple(
                entry.name
                for entry in seen.entries
                if entry.state == "active" and entry.address not in one.signers
            ),
            signed=one.signed,
            missing=one.missing,
            total=chain.members.total,
        )
        for one in validators.proposals(validators.folder(place), chain)
        if not one.refused
    )
