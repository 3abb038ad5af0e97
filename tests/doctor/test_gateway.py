"""What the doctor concludes from what gateway and dashboard say of themselves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doctor.examples import NOW, evidence, program
from windlass.doctor.diagnose import diagnose
from windlass.doctor.evidence import (
    BackedNode,
    DashboardState,
    GatewayState,
    Journal,
    NodeEvidence,
    Refusal,
    StuckTransaction,
)
from windlass.doctor.findings import Finding

USABLE = BackedNode(name="node-0", height=1000, usable=True)
SENDER = "0x" + "aa" * 20


def found(*changed: NodeEvidence) -> tuple[Finding, ...]:
    """What is told of a healthy network with these."""
    return diagnose(evidence(*changed)).findings


def gateway(*stuck: dict[str, Any], journal: Journal | None = None) -> NodeEvidence:
    """A gateway with a usable node, and these transactions that it can't get rid of."""
    waiting = [
        StuckTransaction(
            **{"hash": "0x" + "01" * 32, "sender": SENDER, "nonce": 5, "sender_nonce": 5, **one}
        )
        for one in stuck
    ]
    state = GatewayState(
        nodes=[USABLE], stuck=waiting, journal=journal or Journal(pending=len(stuck), limit=100)
    )
    return program("gateway", gateway=state)


def test_healthy_ones_are_not_mentioned() -> None:
    """A gateway with a node and a dashboard that refuses nobody are nothing to tell of."""
    assert found(gateway(), program("dashboard", dashboard=DashboardState())) == ()


def test_a_gateway_without_a_node() -> None:
    """If none of its nodes is usable, it is said why for each."""
    nodes = [BackedNode(name=f"node-{n}", reason="it does not answer") for n in range(2)]
    (finding,) = found(program("gateway", gateway=GatewayState(nodes=nodes)))

    assert finding.code == "gateway-without-node"
    assert finding.severity == "error"
    assert "node-1: it does not answer" in finding.evidence


@pytest.mark.parametrize(
    ("transaction", "reason"),
    [
        ({"nonce": 7, "sender_nonce": 5}, "nonce 5 is missing"),
        ({"last_refusal": "transaction underpriced: tip needed 1"}, "less than a block asks"),
        ({"last_refusal": "max fee per gas less than block base fee"}, "less than a block asks"),
        ({"last_refusal": "txpool is full"}, "pool of waiting transactions is full"),
        ({"last_refusal": "insufficient funds for gas * price + value"}, "can't pay"),
        ({"last_refusal": f"insufficient funds: address 0x{'fee' * 13}0 have 0"}, "can't pay"),
        ({}, "no cause was found"),
    ],
)
def test_why_a_transaction_is_stuck(transaction: dict[str, Any], reason: str) -> None:
    """Each known reason is told in its own words, as a warning: the network is well."""
    report = diagnose(evidence(gateway(transaction)))

    assert [finding.code for finding in report.findings] == ["transaction-stuck"]
    assert reason in report.findings[0].sentence
    assert report.healthy


def test_one_finding_for_each_sender() -> None:
    """What waits behind a stuck transaction is not told again: the first one is the reason."""
    (finding,) = found(gateway({"nonce": 9}, {"nonce": 7, "hash": "0xfirst"}, {"nonce": 8}))

    assert "0xfirst" in finding.sentence


@pytest.mark.parametrize(("age_s", "told"), [(5.0, True), (600.0, False)])
def test_a_refused_secret(age_s: float, told: bool) -> None:
    """A node whose login was refused just now is told of; one that gets in since is not."""
    refusal = Refusal(name="node-0", address="127.0.0.1", at=NOW - age_s)
    findings = found(program("dashboard", dashboard=DashboardState(refused=[refusal])))

    assert [one.code for one in findings] == (["dashboard-secret-refused"] if told else [])


def test_a_stranger_that_is_refused_is_no_finding() -> None:
    """Whoever uses a name that no node has harms nobody."""
    refusal = Refusal(name="mallory", address="127.0.0.1", at=NOW - 1)

    assert found(program("dashboard", dashboard=DashboardState(refused=[refusal]))) == ()
