"""What the doctor says: a finding has one sentence, what it was read from, and the next step."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA = 1

Severity = Literal["error", "warning"]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of finding, and what it means. `scope` says what else it explains.

    A finding of scope `node` explains why that node is behind or does not answer, so what merely
    says that about the same node is left out; `symptom` marks those that are left out then.
    """

    meaning: str
    scope: Literal["machine", "network", "node", "symptom"]


CAUSES: dict[str, Cause] = {
    "not-running": Cause(
        meaning="A network was never started, or it or a node of it is stopped on purpose.",
        scope="node",
    ),
    "supervisor-down": Cause(
        meaning="The supervisor is gone: the network runs on, but what dies stays dead.",
        scope="machine",
    ),
    "vault-unusable": Cause(
        meaning="The vault is damaged or open to others: nothing can be started or signed.",
        scope="network",
    ),
    "disk-full": Cause(
        meaning="The disk has too little room left for chain clients to go on.", scope="machine"
    ),
    "clock-skew": Cause(
        meaning="A clock differs from the others', or the machine's from the chain's.",
        scope="node",
    ),
    "wrong-binary-version": Cause(
        meaning="A chain client of another version than the spec's runs, or of a damaged file.",
        scope="network",
    ),
    "port-taken": Cause(
        meaning="Another program listens on a port that a process needs.", scope="node"
    ),
    "genesis-mismatch": Cause(
        meaning="A node's genesis or data belong to another chain than the network's.",
        scope="node",
    ),
    "chain-id-mismatch": Cause(
        meaning="A node's geth has another chain id or network id than the network.", scope="node"
    ),
    "wrong-jwt": Cause(
        meaning="geth and the program that drives it have different JWT secrets.", scope="node"
    ),
    "key-validator-set-mismatch": Cause(
        meaning="A validator signs with a key that is not in the validator set.", scope="node"
    ),
    "signing-record-missing": Cause(
        meaning="CometBFT's record of what it has signed is gone: it can't start, and may not.",
        scope="node",
    ),
    "consensus-data-lost": Cause(
        meaning="CometBFT's data do not belong to the bridge's: they were lost or replaced.",
        scope="node",
    ),
    "wrong-bootnode": Cause(
        meaning="A node boots from an enode that is none of this network's bootnodes.",
        scope="network",
    ),
    "stale-bootnode": Cause(
        meaning="A node boots from, or the registrar lists, a bootnode that does not answer.",
        scope="network",
    ),
    "gateway-without-node": Cause(
        meaning="The gateway has no node that it can answer from, though some should run.",
        scope="node",
    ),
    "dashboard-secret-refused": Cause(
        meaning="A node reports to the dashboard with a wrong secret, so it is not shown.",
        scope="network",
    ),
    "transaction-stuck": Cause(
        meaning="A transaction that the gateway accepted can't get into a block as things are.",
        scope="network",
    ),
    "geth-down": Cause(meaning="A geth does not run or does not answer.", scope="symptom"),
    "geth-behind": Cause(
        meaning="A geth answers, but is behind the network or can't take its blocks.",
        scope="symptom",
    ),
    "quorum-short": Cause(
        meaning="Validators with a third or more of the voting power take no part: no blocks.",
        scope="network",
    ),
    "no-first-block": Cause(
        meaning="All that is needed runs, but the chain has not begun.", scope="network"
    ),
    "proposal-short-of-signatures": Cause(
        meaning="A proposal to change the validator set lacks signatures.", scope="network"
    ),
    "disk-full-soon": Cause(
        meaning="At the rate at which data grow the disk is full in some days.",
        scope="machine",
    ),
    "keys-never-exported": Cause(
        meaning="Keys are in no export: whoever loses the folder loses the network.",
        scope="machine",
    ),
    "no-peers": Cause(meaning="A node is alone, and no cause was found.", scope="symptom"),
    "no-blocks": Cause(meaning="Blocks have stopped, and no cause was found.", scope="symptom"),
    "not-healthy": Cause(
        meaning="A workload is not healthy, and no cause was found.", scope="symptom"
    ),
}
"""Every code, roots before what follows from them: findings are told in this order."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. `network` and `node` are None where none in particular is meant.

    `evidence` says what was read where.
    """

    code: str
    severity: Severity
    network: str | None = None
    node: str | None = None
    sentence: str
    evidence: str
    next_step: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All findings, the root first."""

    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether there is nothing worse than a warning."""
        return all(finding.severity != "error" for finding in self.findings)


def to_json_value(report: Report) -> dict[str, Any]:
    """The document that `windlass doctor --json` prints."""
    return {
        "schema": SCHEMA,
        "healthy": report.healthy,
        "findings": [msgspec.to_builtins(finding) for finding in report.findings],
    }
