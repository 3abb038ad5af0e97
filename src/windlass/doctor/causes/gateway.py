"""The gateway: whether it has a node to answer from, and which transactions it can't get rid of."""

from __future__ import annotations

from collections.abc import Iterator

from windlass.chains.ethereum.quantities import Wei, format_ether
from windlass.doctor.evidence import Evidence, NetworkEvidence, NodeEvidence, StuckTransaction
from windlass.doctor.findings import Finding
from windlass.doctor.wording import command, facts

UNDERPAID = ("underpriced", "less than block base fee", "below minimum")
"""In geth's words. "fee" alone may be part of an address that it names."""
SENDERS_MAX = 5
"""Of so many senders the first stuck transaction is told; more would hide the rest."""


def find(evidence: Evidence) -> Iterator[Finding]:
    """gateway-without-node, transaction-stuck."""
    for network in evidence.networks:
        for node in network.of("gateway"):
            if node.gateway is None:
                continue
            if node.gateway.nodes and not any(one.usable for one in node.gateway.nodes):
                yield _without_node(evidence, network, node)
            else:
                yield from _stuck(network, node)


def _without_node(evidence: Evidence, network: NetworkEvidence, node: NodeEvidence) -> Finding:
    assert node.gateway is not None
    nodes = node.gateway.nodes
    return Finding(
        code="gateway-without-node",
        severity="error",
        network=network.name,
        node=node.name,
        sentence=f"The gateway of {network.name} can answer from none of its {len(nodes)} nodes.",
        evidence=facts([f"{one.name}: {one.reason or 'not usable'}" for one in nodes[:6]]),
        next_step=f"`windlass status` shows which nodes run; {command(evidence, 'logs', node)}.",
    )


def _stuck(network: NetworkEvidence, node: NodeEvidence) -> Iterator[Finding]:
    assert node.gateway is not None
    first: dict[str, StuckTransaction] = {}
    for one in node.gateway.stuck:
        known = first.get(one.sender)
        if known is None or one.nonce < known.nonce:
            first[one.sender] = one
    for one in list(first.values())[:SENDERS_MAX]:
        why, next_step = _why(one, full=_is_full(node))
        yield Finding(
            code="transaction-stuck",
            severity="warning",
            network=network.name,
            node=node.name,
            sentence=f"Transaction {one.hash} has waited for {one.age_s:.0f} s: {why}.",
            evidence=facts(
                [
                    f"sender {one.sender}, nonce {one.nonce}",
                    f"the chain expects {one.sender_nonce}" if one.sender_nonce is not None else "",
                    f"geth says: {one.last_refusal}" if one.last_refusal else "",
                    f"{node.gateway.journal.pending} transactions wait",
                ]
            ),
            next_step=next_step,
        )


def _is_full(node: NodeEvidence) -> bool:
    journal = node.gateway.journal if node.gateway else None
    return journal is not None and 0 < journal.limit <= journal.pending


def _why(one: StuckTransaction, *, full: bool) -> tuple[str, str]:
    """Why it waits, and what to do: geth's words tell most, a gap it does not mention."""
    said = one.last_refusal.lower()
    if one.sender_nonce is not None and one.nonce > one.sender_nonce:
        return (
            f"its sender's transaction with nonce {one.sender_nonce} is missing before it",
            f"Send the transaction with nonce {one.sender_nonce} of {one.sender}.",
        )
    if any(words in said for words in UNDERPAID):
        offer = f" ({format_ether(Wei(int(one.max_fee_wei)))} a gas)" if one.max_fee_wei else ""
        return (
            f"it offers less than a block asks{offer}",
            f"Send it again with nonce {one.nonce} and a fee that is at least a tenth higher.",
        )
    if "pool is full" in said or full:
        return (
            "geth's pool of waiting transactions is full",
            "Wait until blocks have taken them, or raise the gas limit of a block.",
        )
    if "insufficient funds" in said:
        return (
            "its sender can't pay for it",
            f"Give it money: `windlass fund {one.sender}`.",
        )
    return (
        "no block took it, and no cause was found",
        f"`windlass transaction {one.hash}` tells more; see whether blocks are made.",
    )
