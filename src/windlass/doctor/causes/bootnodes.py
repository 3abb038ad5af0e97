"""Through whom nodes find their peers: bootnodes that are gone, or that are somebody else's."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.doctor.evidence import Evidence, NetworkEvidence, NodeEvidence
from windlass.doctor.findings import Finding, Severity
from windlass.doctor.wording import command, facts, listed


def find(evidence: Evidence) -> Iterator[Finding]:
    """wrong-bootnode, stale-bootnode."""
    for network in evidence.networks:
        yield from _own_key(network)
        yield from _in_use(evidence, network)
        yield from _in_the_list(evidence, network)


def _own_key(network: NetworkEvidence) -> Iterator[Finding]:
    """A bootnode that calls itself something else than the vault does."""
    for node in network.of("bootnode"):
        wanted = network.keys.bootnodes.get(node.name) if network.keys else None
        if node.enode is None or wanted is None or _key(node.enode) == wanted:
            continue
        yield Finding(
            code="wrong-bootnode",
            severity="error",
            network=network.name,
            node=node.name,
            sentence=f"{node.name} has another key than the network's: nodes that know its old "
            "enode do not find it.",
            evidence=f"{node.workload.url} says {_short(node.enode)}, the vault's key is "
            f"{wanted[:16]}…",
            next_step="`windlass up` writes its key anew and restarts it.",
        )


def _in_use(evidence: Evidence, network: NetworkEvidence) -> Iterator[Finding]:
    """Enodes that a geth was started with."""
    for node in network.nodes:
        wrong = [one for one in node.bootnodes if _is_foreign(network, one)]
        stale = {
            name: why
            for one in node.bootnodes
            if one not in wrong and (found := _dead(network, one)) is not None
            for name, why in [found]
        }
        alone = node.geth is not None and node.geth.peers == 0
        severity: Severity = "error" if alone else "warning"
        peers = f"geth has {node.geth.peers} peers" if node.geth else ""
        if wrong:
            yield _wrong(
                network,
                node,
                severity,
                f"The geth of {node.name} boots from {listed(_short(one) for one in wrong)}, "
                f"none of {network.name}'s bootnodes.",
                facts([f"--bootnodes of process {_pid(node)}", peers]),
                f"{command(evidence, 'restart', node)} asks the registrar for the list again; if "
                "it has that enode, see what the doctor says of the registrar.",
            )
        if stale:
            yield Finding(
                code="stale-bootnode",
                severity=severity,
                network=network.name,
                node=node.name,
                sentence=f"The geth of {node.name} boots from {listed(stale)}, which "
                f"{'does' if len(stale) == 1 else 'do'} not answer.",
                evidence=facts([f"--bootnodes of process {_pid(node)}", *stale.values(), peers]),
                next_step=f"Start {listed(stale)} again, or let {node.name} get a new list: "
                f"{command(evidence, 'restart', node)}.",
            )


def _in_the_list(evidence: Evidence, network: NetworkEvidence) -> Iterator[Finding]:
    """Enodes that the registrar gives to whoever starts next."""
    for node in network.of("registrar"):
        wrong = [
            one for one in node.listed if one.enode is not None and _is_foreign(network, one.enode)
        ]
        dead = [one for one in node.listed if not one.alive]
        severity: Severity = "error" if len(dead) == len(node.listed) else "warning"
        if wrong:
            yield _wrong(
                network,
                node,
                "error",
                f"The registrar lists {listed(_short(one.enode or '') for one in wrong)}, none of "
                f"{network.name}'s bootnodes.",
                facts(f"{one.url} in {node.workload.url}/json" for one in wrong),
                "See who answers at that address; `windlass up` writes the keys and settings of "
                "bootnodes and registrar anew.",
            )
        if dead:
            names = listed(_name(network, one.url) for one in dead)
            yield Finding(
                code="stale-bootnode",
                severity=severity,
                network=network.name,
                node=node.name,
                sentence=f"The registrar gets no answer from {names}.",
                evidence=facts(
                    f"{one.url} is not alive in {node.workload.url}/json, last seen "
                    f"{_ago(evidence.now, one.last_seen)}"
                    for one in dead
                ),
                next_step=f"Start {names} again, or see `windlass logs {names.split(',')[0]}`.",
            )


def _wrong(
    network: NetworkEvidence,
    node: NodeEvidence,
    severity: Severity,
    sentence: str,
    evidence: str,
    next_step: str,
) -> Finding:
    return Finding(
        code="wrong-bootnode",
        severity=severity,
        network=network.name,
        node=node.name,
        sentence=sentence,
        evidence=evidence,
        next_step=next_step,
    )


def _is_foreign(network: NetworkEvidence, enode: str) -> bool:
    return network.keys is not None and _key(enode) not in network.keys.bootnodes.values()


def _dead(network: NetworkEvidence, enode: str) -> tuple[str, str] | None:
    """The bootnode that is meant, and why it is of no use; None if it is alive."""
    for node in network.of("bootnode"):
        wanted = network.keys.bootnodes.get(node.name) if network.keys else None
        if _key(enode) not in (wanted, _key(node.enode or "")):
            continue
        if node.enode is None:
            return node.name, f"{node.workload.url} does not answer"
        if node.enode != enode:
            return node.name, f"{node.workload.url} says {_short(node.enode)} now"
        return None
    return _short(enode), f"{_short(enode)} is no bootnode that runs here"


def _name(network: NetworkEvidence, url: str) -> str:
    known = {(node.workload.url or "").rstrip("/"): node.name for node in network.of("bootnode")}
    return known.get(url.rstrip("/"), url)


def _key(enode: str) -> str:
    return enode.removeprefix("enode://").partition("@")[0].lower()


def _short(enode: str) -> str:
    key, _, address = enode.removeprefix("enode://").partition("@")
    return f"enode://{key[:8]}…@{address}"


def _pid(node: NodeEvidence) -> str:
    row = node.row("geth")
    return str(row.pid if row else "?")


def _ago(now: float, then: int | None) -> str:
    return "never" if then is None else f"{max(0, now - then):.0f} s ago"
