"""A geth that does not answer, or that does and is behind."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.doctor.evidence import Evidence, Follower, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import Finding
from windlass.doctor.wording import command, excerpt, facts, listed, what_runs
from windlass.runtimes.local.judge import LAG_BLOCKS_MAX

START_S = 20.0
"""A geth that was started less than that ago is given time: on a busy machine it takes some."""

UNABLE = ("syncing", "stuck", "invalid_block")


def find(evidence: Evidence) -> Iterator[Finding]:
    """geth-down, geth-behind."""
    for network in evidence.networks:
        for node in network.nodes:
            if not node.wanted or not node.has("geth"):
                continue
            if node.geth is None:
                yield from _down(evidence, node)
            else:
                yield from _behind(evidence, network, node)


def _down(evidence: Evidence, node: NodeEvidence) -> Iterator[Finding]:
    row = node.row("geth")
    young = row is not None and evidence.now - row.since < START_S
    if young and row is not None and row.state == "starting" and row.restarts == 0:
        return
    pid = row.pid if row else None
    if "geth" not in node.alive:
        what = "does not run"
        next_step = f"See why: {command(evidence, 'logs', node)}."
    elif "geth" in node.frozen:
        what = f"is frozen: a signal has stopped process {pid}"
        next_step = f"`kill -CONT {pid}`, or {command(evidence, 'restart', node)}."
    else:
        what = f"does not answer (process {pid})"
        next_step = f"{command(evidence, 'logs', node)}; then {command(evidence, 'restart', node)}."
    yield Finding(
        code="geth-down",
        severity="error",
        network=node.workload.network,
        node=node.name,
        sentence=f"The geth of {node.name} {what}.",
        evidence=facts(
            [
                what_runs(node, ["geth"]),
                excerpt(node.geth_error),
                f"restarted {row.restarts} times" if row and row.restarts else "",
                excerpt(node.driver.geth_detail) if node.driver else "",
            ]
        ),
        next_step=next_step,
    )


def _behind(evidence: Evidence, network: NetworkEvidence, node: NodeEvidence) -> Iterator[Finding]:
    assert node.geth is not None
    lag = network.height - node.geth.height
    word, detail = _driver_says(network, node)
    unable = word in UNABLE
    if lag <= LAG_BLOCKS_MAX and not (unable and word != "syncing"):
        return
    others = [one.name for one in node.workload.processes if one.name != "geth"]
    away = [name for name in others if name not in node.alive or name in node.frozen]
    if node.cometbft is None and node.has("cometbft") and "cometbft" not in away:
        away.append("cometbft")
    reason = f": its {listed(away)} gives it nothing" if away else ""
    if not others and (idle := _idle_sealer(network)):
        away, reason = [idle], f": the {idle} gives it nothing"
    if not reason and unable:
        reason = f": it is {word.replace('_', ' ')}"
    behind = f"is {lag} blocks behind" if lag > 0 else "does not take the next block"
    waiting = word == "syncing" and not away
    yield Finding(
        code="geth-behind",
        severity="warning" if waiting else "error",
        network=network.name,
        node=node.name,
        sentence=f"The geth of {node.name} {behind}{reason}.",
        evidence=facts(
            [
                f"it is at block {node.geth.height}, the network at {network.height}",
                f"{node.geth.peers} peers",
                excerpt(detail),
                what_runs(node, others),
                excerpt(node.cometbft_error),
            ]
        ),
        next_step=(
            "Wait: it is being given its blocks back."
            if waiting
            else f"{command(evidence, 'logs', node)}; then {command(evidence, 'restart', node)}."
        ),
    )


def _idle_sealer(network: NetworkEvidence) -> str:
    """Who should feed the followers and does not run; '' if it does."""
    for node in network.of("sealer"):
        if "sealer" not in node.alive or "sealer" in node.frozen:
            return node.name
    return ""


def _driver_says(network: NetworkEvidence, node: NodeEvidence) -> tuple[str, str]:
    """The word and the sentence of whoever feeds this geth; ("", "") if nobody says anything."""
    if node.driver is not None:
        return node.driver.geth, node.driver.geth_detail
    followers: list[Follower] = [
        one for maker in network.makers if maker.driver for one in maker.driver.followers
    ]
    own = next((one for one in followers if one.name == node.name), None)
    return (own.geth, own.geth_detail) if own else ("", "")
