"""Why consensus stands still: too few validators take part, or it has never begun.

Blocks need more than two thirds of the voting power (CometBFT, Tendermint consensus).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from windlass.doctor.evidence import Evidence, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import command, excerpt, facts, listed

FIRST_BLOCK_S = 25.0
"""A default network has its first block 4 s after its validators start; on a machine that is
busy with other things it was seen to take five times that."""


def find(evidence: Evidence) -> Iterator[Finding]:
    """quorum-short, no-first-block."""
    for network in evidence.networks:
        if network.row.consensus == "bft":
            yield from _quorum(evidence, network)
        yield from _first_block(evidence, network)


def has_quorum(network: NetworkEvidence) -> bool:
    """Whether validators with more than two thirds of the voting power take part."""
    voters = _voters(network)
    absent = sum(power for node, power in voters if _away(node))
    total = _total(network, voters)
    return 3 * (total - absent) > 2 * total


def _quorum(evidence: Evidence, network: NetworkEvidence) -> Iterator[Finding]:
    voters = _voters(network)
    missing = {node.name: why for node, _ in voters if (why := _away(node))}
    if not missing or has_quorum(network):
        return
    # What each one has: with equal powers, which is what we make, this is the usual number.
    least = max(1, min(power for _, power in voters))
    total = _total(network, voters)
    needed = total * 2 // 3 // least + 1
    number = total // least
    yield Finding(
        code="quorum-short",
        severity="error",
        network=network.name,
        sentence=f"Only {number - len(missing)} of {network.name}'s {number} validators take part, "
        f"and {needed} are needed for a block.",
        evidence=facts([*(f"{name}: {why}" for name, why in missing.items()), _consensus(network)]),
        next_step=_bring_back(evidence, [node for node, _ in voters], missing),
    )


def _away(node: NodeEvidence) -> str:
    """Why this validator takes no part; '' if it does."""
    if not node.wanted:
        return "stopped on purpose"
    for name in ("cometbft", "bridge", "geth"):
        row = node.row(name)
        if name not in node.alive:
            reason = f" ({excerpt(row.last_reason)})" if row and row.last_reason else ""
            return f"its {name} does not run{reason}"
        if name in node.frozen:
            return f"its {name} is frozen by a signal"
    if node.cometbft is None:
        return excerpt(node.cometbft_error) or "its cometbft does not answer"
    if node.driver is None:
        return excerpt(node.driver_error) or "its bridge does not answer"
    if node.driver.geth != "ok":
        return excerpt(node.driver.geth_detail) or f"its geth is {node.driver.geth}"
    if node.cometbft.validators and node.cometbft.status.address not in node.cometbft.validators:
        return "its key is not in the validator set"
    return ""


def _powers(network: NetworkEvidence) -> dict[str, int]:
    """The validator set, as the CometBFT that is furthest knows it; empty if none answers."""
    views = [node.cometbft for node in network.nodes if node.cometbft]
    return max(views, key=lambda view: view.status.height).validators if views else {}


def _voters(network: NetworkEvidence) -> list[tuple[NodeEvidence, int]]:
    """The validators of this state that are in the set, with their voting power. All of them, with
    one and the same, where nobody knows the set: who was not added yet, or was removed, then counts
    as well."""
    powers = _powers(network)
    addresses = network.keys.validators if network.keys else {}
    validators = network.of("validator")
    if not powers or not addresses:
        return [(node, next(iter(powers.values()), 1)) for node in validators]
    return [
        (node, powers[addresses[node.name]])
        for node in validators
        if addresses.get(node.name) in powers
    ]


def _total(network: NetworkEvidence, voters: Sequence[tuple[NodeEvidence, int]]) -> int:
    """All voting power; that of validators who run elsewhere is in it, and taken to be there."""
    return sum(_powers(network).values()) or sum(power for _, power in voters)


def _consensus(network: NetworkEvidence) -> str:
    """Where a CometBFT that answers stands."""
    for node in network.nodes:
        view = node.cometbft
        if view is None or view.round is None:
            continue
        votes = view.round.prevotes
        return (
            f"{node.workload.cometbft_url}/consensus_state: height {view.round.height}, round "
            f"{view.round.round}, prevotes of {sum(votes)} of {len(votes)}"
        )
    return ""


def _bring_back(
    evidence: Evidence, validators: Sequence[NodeEvidence], missing: dict[str, str]
) -> str:
    stopped = [node for node in validators if node.name in missing and not node.wanted]
    if stopped:
        return f"{listed(command(evidence, 'start', node) for node in stopped)}."
    first = next(node for node in validators if node.name in missing)
    return (
        f"Mend {listed(missing)}: see what else the doctor says of them, and "
        f"{command(evidence, 'logs', first)}."
    )


def _first_block(evidence: Evidence, network: NetworkEvidence) -> Iterator[Finding]:
    makers = [node for node in network.makers if node.wanted and node.alive]
    if network.height > 0 or not makers or not any(node.geth for node in network.nodes):
        return
    ages = [evidence.now - row.since for node in makers for row in node.processes if row.pid]
    if min(ages, default=0.0) < FIRST_BLOCK_S:
        return
    yield Finding(
        code="no-first-block",
        severity="error",
        network=network.name,
        sentence=f"{network.name} has no first block, {min(ages):.0f} s after the last of its "
        f"block makers started{_why(evidence, network)}.",
        evidence=facts([*(_maker(node) for node in makers), _consensus(network)]),
        next_step=f"{command(evidence, 'logs', makers[0])}; if files were changed by hand, "
        "`windlass up` writes them anew.",
    )


def _why(evidence: Evidence, network: NetworkEvidence) -> str:
    genesis = network.keys.genesis_timestamp if network.keys else 0
    if genesis > evidence.now:
        return f": its genesis is dated {genesis - evidence.now:.0f} s from now"
    views = [node.cometbft for node in network.of("validator") if node.cometbft]
    if len(views) > 1 and not any(view.peers for view in views):
        return ": its validators do not reach one another"
    return ""


def _maker(node: NodeEvidence) -> str:
    parts = []
    if node.cometbft is not None:
        peers = len(node.cometbft.peers)
        parts.append(f"CometBFT has {peers} peers and is at height {node.cometbft.status.height}")
    if node.driver is not None:
        parts.append(f"geth is {node.driver.geth}")
        parts += [excerpt(node.driver.geth_detail), excerpt(node.driver.last_rejection)]
    return f"{node.name}: {facts(parts) or 'nothing answers'}"
