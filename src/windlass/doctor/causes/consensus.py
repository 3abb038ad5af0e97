"""CometBFT's own data: its record of what it has signed, and its blocks.

Without the record CometBFT does not start, and an empty one would let a validator sign two blocks
at one height. A record of a height that the network has yet to reach is safe: the validator has
signed nothing there, and signs nothing before. Blocks that are lost come back from the others, if
the bridge begins anew as well: CometBFT asks it where it is, and can't begin behind it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePath

from windlass.doctor.causes.quorum import has_quorum
from windlass.doctor.evidence import Evidence, LostRecord, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import command, excerpt, facts, listed, what_runs
from windlass.plan.ethereum.bridge import DATABASE
from windlass.runtimes.local.judge import STALL_BLOCKS, STALL_S_MIN

HEIGHTS_AHEAD = 10
"""A validator can have signed at one height above the last that is decided; the rest is for those
decided after the others were asked."""

_BEHIND_BRIDGE = re.compile(
    r"AppHash does not match AppHash after replay|app block height \(\d+\) is higher than core"
)
"""How CometBFT 0.38 ends if the bridge has heights that it has not: from the genesis, else."""


def find(evidence: Evidence) -> Iterator[Finding]:
    """signing-record-missing, consensus-data-lost."""
    for network in evidence.networks:
        for node in network.of("validator", "node"):
            if node.lost_records:
                yield _record(evidence, network, node, node.lost_records[0])
            elif node.wanted and (said := _behind_bridge(node)):
                yield _data(evidence, network, node, said)


def _record(
    evidence: Evidence, network: NetworkEvidence, node: NodeEvidence, record: LostRecord
) -> Finding:
    # One that is started again and again lives too, for a moment, but never comes to answer.
    lives = node.cometbft is not None or "cometbft" in node.frozen
    votes = node.workload.role == "validator"
    height = _safe_height(evidence, network)
    if lives and votes:
        sentence = (
            f"The record of what {node.name} has signed is gone; its CometBFT still knows it, and "
            "writes it again with its next vote."
        )
        next_step = f"Let {node.name} run, and neither stop nor restart it, until this is gone."
    elif not votes:
        sentence = f"{node.name} lacks the file in which CometBFT records what it has signed."
        next_step = "`windlass up`: it writes a new one; the votes of a node count for nothing."
        if record.alone and _sources(network, node):
            wipe = f"{command(evidence, 'stop', node)}, `{_remove_log(node)}`"
            next_step = f"{wipe}, then {next_step}"
    else:
        sentence = (
            f"The record of what {node.name} has signed is gone: CometBFT can't start without it, "
            "and with an empty one could sign two blocks at one height."
        )
        next_step = "Put it back from a backup. If there is none: " + (
            _begin_at(evidence, node, record, height)
            if height
            else _wait_for_others(evidence, network, node)
        )
    return Finding(
        code="signing-record-missing",
        severity="warning" if lives else "error",
        network=network.name,
        node=node.name,
        sentence=sentence,
        evidence=facts(
            [
                f"{record.path} is missing",
                "so are the databases beside it" if record.alone else "",
                what_runs(node, ["cometbft"]),
                "the other validators make blocks" if height else "",
            ]
        ),
        next_step=next_step,
    )


def _safe_height(evidence: Evidence, network: NetworkEvidence) -> int | None:
    """A height at which nobody has signed; None unless blocks are made without whoever is away:
    if its votes are needed at the very next height, it may not begin later."""
    age_s = evidence.now - (network.newest or 0)
    if not has_quorum(network) or age_s > max(STALL_S_MIN, STALL_BLOCKS * network.row.block_time_s):
        return None
    heights = [node.cometbft.status.height for node in network.nodes if node.cometbft]
    heights += [node.driver.height for node in network.nodes if node.driver]
    return max(heights, default=0) + HEIGHTS_AHEAD


def _begin_at(evidence: Evidence, node: NodeEvidence, record: LostRecord, height: int) -> str:
    path = shlex.quote(record.path)
    content = f'{{"height":"{height}","round":0,"step":3}}'
    steps = [command(evidence, "stop", node)]
    if record.alone:
        folder = shlex.quote(str(PurePath(record.path).parent))
        steps += [f"`{_remove_log(node)}`", f"`mkdir -p {folder}`"]
    steps.append(f"`echo '{content}' > {path}`")
    steps.append(command(evidence, "start", node))
    return f"{listed(steps)}; it then votes from height {height + 1} on, where it has signed none."


def _wait_for_others(evidence: Evidence, network: NetworkEvidence, node: NodeEvidence) -> str:
    others = [one for one in network.of("validator") if not one.alive and not one.lost_records]
    start = f"{listed(command(evidence, 'start', one) for one in others)}, then " if others else ""
    return (
        f"{start}`windlass doctor` again: once the others make blocks, it knows a record that is "
        f"safe. If they make none without {node.name}, `windlass down --purge` and `windlass up` "
        "begin a new chain."
    )


def _behind_bridge(node: NodeEvidence) -> str:
    row = node.row("cometbft")
    if row is None or "cometbft" in node.alive or not _BEHIND_BRIDGE.search(row.last_reason):
        return ""
    return row.last_reason


def _data(evidence: Evidence, network: NetworkEvidence, node: NodeEvidence, said: str) -> Finding:
    bridge = node.driver.height if node.driver else 0
    sources = _sources(network, node)
    again = (
        f"{command(evidence, 'stop', node)}, `{_remove_log(node)}`, then "
        f"{command(evidence, 'start', node)}"
    )
    return Finding(
        code="consensus-data-lost",
        severity="error",
        network=network.name,
        node=node.name,
        sentence=f"CometBFT of {node.name} lacks heights that its bridge has, so it can't start: "
        "its data were lost or replaced.",
        evidence=facts(
            [
                excerpt(f"cometbft: {said}"),
                f"the bridge is at height {bridge}" if bridge else "",
                f"{listed(sources)} can give it the blocks" if sources else "",
            ]
        ),
        next_step=f"{again}: the others give it all blocks again."
        if sources
        else "Put its CometBFT's data back from a backup, or start a node that has the blocks and "
        "ask `windlass doctor` again. Delete nothing: nobody else who runs has these blocks.",
    )


def _sources(network: NetworkEvidence, node: NodeEvidence) -> list[str]:
    """Those whose CometBFT has all blocks that the node's bridge has. None is ever pruned."""
    if node.driver is None:  # who can't say what it has must not be told to delete it
        return []
    wanted = max(1, node.driver.height)
    others = [one for one in network.nodes if one.cometbft and one.name != node.name]
    return [one.name for one in others if one.cometbft and one.cometbft.status.height >= wanted]


def _remove_log(node: NodeEvidence) -> str:
    """The command that has the bridge begin anew; SQLite keeps up to three files."""
    return f"rm {shlex.quote(f'{node.workload.directory}/{DATABASE}')}*"
