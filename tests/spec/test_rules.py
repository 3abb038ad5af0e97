"""Every rule of the spec: what it refuses, with which reason, and what it lets through."""

from __future__ import annotations

import textwrap

import pytest

from windlass.chains.ethereum.system_contracts import SYSTEM_CONTRACTS
from windlass.spec import rules
from windlass.spec.errors import SpecError
from windlass.spec.load import parse_spec
from windlass.spec.models import Spec
from windlass.spec.public_chains import PUBLIC_CHAINS

ADDRESS = "0x1111111111111111111111111111111111111111"
MINE = f"{{address: '{ADDRESS}', balance: 1 wei}}"


def spec(fields: str, name: str = "trade") -> Spec:
    """A spec of one network with these fields; chain id 20261 unless they say another."""
    fields = textwrap.dedent(fields)
    if "chain_id" not in fields:
        fields += "\nchain_id: 20261"
    return parse_spec(
        f"name: a\nnetworks:\n  {name}:\n    family: ethereum\n" + textwrap.indent(fields, " " * 4),
        "f",
    )


def refusal(fields: str, name: str = "trade") -> str:
    """The one problem that a network with these fields has."""
    with pytest.raises(SpecError) as error:
        spec(fields, name)
    (problem,) = error.value.problems
    return problem.sentence


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("consensus: bfd", "did you mean 'bft'"),
        ("consensus: Clique", "no longer since 1.14"),
        ("consensus: pow", "no longer since 1.12"),
        ("consensus: qbft", "Besu"),
        ("consensus: zab", "known here: bft, solo"),
        ("block_time_s: 0", "whole seconds that must grow"),
        ("block_time_s: 0.5", "whole seconds that must grow"),
        ("block_time_s: 61", "1 to 60"),
        ("block_time_s: -1", "whole seconds"),
        ("gas_limit: 20_999", "one plain transfer needs 21,000"),
        ("gas_limit: 9223372036854775807", "at most 1,000,000,000"),
        ("validators: 0", "from 1 to 100"),
        ("validators: 101", "from 1 to 100"),
        ("validators: -4", "from 1 to 100"),
        ("validators: 4.0", "a whole number"),
        ("validators: true", "a whole number"),
        ("nodes: 101", "from 0 to 100"),
        ("bootnodes: 0", "from 1 to 9"),
        ("consensus: solo\nvalidators: 4", "one sealer"),
        ("clients: {geth: 1.17}", "a full version such as 1.17.8"),
        ("clients: {geth: latest}", "a full version"),
        ("clients: {geth: 1.17.4}", "lacks --override.genesis"),
        ("clients: {geth: 1.13.15}", "can do neither 'bft' nor 'solo'"),
        ("clients: {geth: 1.18.0}", "not tested yet"),
        ("clients: {cometbft: 1.0.1}", "another ABCI"),
        ("clients: {cometbft: 0.37.9}", "another ABCI"),
        ("clients: {besu: 26.8.0}", "unknown field 'besu'"),
        ("ports: {rpc: 80}", "need root"),
        ("ports: {rpc: 65536}", "1024 to 65535"),
        ("ports: {rpc: 8545, ws: 8545}", "already the port of networks.trade.ports.rpc"),
        ("host: localhost", "127.0.0.1"),
        ("host: node.example.com", "IPv4"),
        ("host: 0.0.0.0", "every interface"),
        ("host: ::1", "IPv6"),
        ("host: 224.0.0.1", "no single machine"),
        ("host: 192.0.2.7\nbind: 0.0.0.0", "reserved for documentation"),
        ("host: 10.0.0.5", "nobody can connect"),
        ("bind: 192.168.7.7", "nobody can connect to 127.0.0.1 (host) while the network listens"),
        ("bind: 192.168.7.7", "or write `host: 192.168.7.7` too"),
        ("bind: 127.0.0.9", "bind to 127.0.0.1 or 0.0.0.0, or write `host: 127.0.0.9` too"),
        ("host: 127.0.0.9\nbind: 127.0.0.1", "listens on 127.0.0.1 only"),
        ("host: 127.0.0.9", "bind to 127.0.0.9 or 0.0.0.0"),
        ("bind: eth0", "IPv4"),
        ("resources: {validator: {cpu: 0}}", "between 1m and 1024"),
        ("resources: {validator: {cpu: lots}}", "0.5, 2 or 500m"),
        ("resources: {validator: {cpu: 0.5m}}", "0.5, 2 or 500m"),
        ("resources: {validator: {memory: 512MB}}", "512Mi"),
        ("resources: {validator: {disk: 0}}", "between 1 byte"),
        ("resources: {sealer: {cpu: 1}}", "a bft network has no sealer"),
        ("consensus: solo\nresources: {validator: {cpu: 1}}", "a solo network has no validator"),
        ("chain_id: 0", "from 1 to"),
        ("chain_id: -5", "from 1 to"),
        ("chain_id: 9007199254740993", "JavaScript"),
        ("chain_id: abc", "a whole number"),
        (f"chain_id: {'9' * 5000}", "a whole number"),
    ],
)
def test_wrong_values_are_refused_with_the_reason(fields: str, reason: str) -> None:
    """Each wrong value gives exactly one problem, which says why."""
    assert reason in refusal(fields)


@pytest.mark.parametrize(
    ("genesis", "reason"),
    [
        ("accounts: [{balance: 1 ether}]", "either a name"),
        (f"accounts: [{{name: a, address: '{ADDRESS}', balance: 1 ether}}]", "either a name"),
        ("accounts: [{name: a}]", "is missing"),
        ("accounts: [{name: a, balance: 12}]", "has no unit"),
        ("accounts: [{name: a, balance: 1 btc}]", "not an amount"),
        ("accounts: [{name: a, balance: -1 ether}]", "not an amount"),
        ("accounts: [{name: a, balance: 0.5 wei}]", "finer than one wei"),
        (f"accounts: [{{name: a, balance: {'9' * 90} ether}}]", "2**128"),
        (f"accounts: [{{name: a, balance: {'9' * 9000} ether}}]", "not an amount"),
        ("accounts: [{name: A, balance: 1 ether}]", "DNS label"),
        ("accounts: [{name: validator-0, balance: 1 ether}]", "fees"),
        ("accounts: [{name: a, balance: 0}, {name: a, balance: 0}]", "already there"),
        ("accounts: [{address: '0x12', balance: 1 ether}]", "40 hex digits"),
        (
            "accounts: [{address: '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD', balance: 1 wei}]",
            "would be 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        ),
        (
            f"accounts: [{MINE}, {MINE}]",
            "already there",
        ),
        (f"contracts: [{{address: '{ADDRESS}', code: '0x'}}]", "without code"),
        (f"contracts: [{{address: '{ADDRESS}', code: '0x1'}}]", "odd number"),
        (f"contracts: [{{address: '{ADDRESS}', code: 'hello'}}]", "bytecode in hex"),
        (f"contracts: [{{address: '{ADDRESS}', code: '0xef00'}}]", "EIP-3541"),
        (f"contracts: [{{address: '{ADDRESS}', code: '0x{'00' * 24_577}'}}]", "24,576"),
        (f"contracts: [{{address: '{ADDRESS}', code: '0x00', nonce: -1}}]", "from 0"),
        (f"contracts: [{{address: '{ADDRESS}', code: '0x00', storage: {{a: '0x1'}}}}]", "a word"),
        (f"contracts: [{{address: '{ADDRESS}', code: '0x00', storage: {{'0x1': 1}}}}]", "a word"),
        (
            f"contracts: [{{address: '{ADDRESS}', code: 0x00, storage: {{0x1: 0x1, 0x01: 0x2}}}}]",
            "written in another way",
        ),
        (
            "contracts: [{address: '0x0000000000000000000000000000000000000004', code: '0x00'}]",
            "pre",
        ),
        *(
            (f"contracts: [{{address: '{contract.address}', code: '0x00'}}]", contract.purpose)
            for contract in SYSTEM_CONTRACTS
        ),
        (
            f"accounts: [{MINE}]\ncontracts: [{{address: '{ADDRESS}', code: '0x00'}}]",
            "already there, at networks.trade.genesis.accounts[0].address",
        ),
    ],
)
def test_wrong_genesis_is_refused_with_the_reason(genesis: str, reason: str) -> None:
    """Each mistake in what block 0 should hold gives exactly one problem, which says why."""
    assert reason in refusal("genesis:\n" + textwrap.indent(genesis, "  "))


@pytest.mark.parametrize("chain_id", sorted(PUBLIC_CHAINS))
def test_public_chain_ids_are_refused_by_name(chain_id: int) -> None:
    """The chain id of a public network is refused, named, and another one is proposed."""
    sentence = refusal(f"chain_id: {chain_id}")

    assert PUBLIC_CHAINS[chain_id] in sentence
    proposed = int(sentence.rsplit(" ", 1)[1])
    assert spec(f"chain_id: {proposed}").networks["trade"].chain_id == proposed


@pytest.mark.parametrize("name", ["Trade", "-a", "a-", "1a", "a_b", "a.b", "a" * 31, "ä"])
def test_names_must_be_labels(name: str) -> None:
    """A network's name becomes part of host names and paths, so it must be a DNS label."""
    assert "DNS label" in refusal("nodes: 1", name)


@pytest.mark.parametrize(
    "fields",
    [
        "block_time_s: 60",
        "gas_limit: 0x1c9c380",
        "validators: 100",
        "nodes: 0",
        "consensus: solo\nvalidators: 1",
        "ports: auto",
        "ports: {rpc: 9898, bootnode: 9898}",
        "host: 10.0.0.5\nbind: 0.0.0.0",
        "host: 192.168.1.20\nbind: 192.168.1.20",
        "host: 127.0.0.2\nbind: 127.0.0.2",
        "host: 127.0.0.2\nbind: 0.0.0.0",
        "host: 8.8.4.4\nbind: 192.168.1.20",
        "resources: {bootnode: {}, registrar: {memory: 64Mi}}",
        "clients: {geth: '1.17.5', cometbft: 0.38.0}",
        "genesis: {accounts: [{name: a, balance: 0}]}",
    ],
)
def test_limits_themselves_are_allowed(fields: str) -> None:
    """What lies just inside a rule is accepted."""
    assert spec(fields).networks


def test_ports_are_compared_between_networks() -> None:
    """Two networks can't have the same port."""
    with pytest.raises(SpecError, match=r"networks\.a\.ports\.rpc"):
        parse_spec(
            "name: a\nnetworks:\n"
            "  a: {family: ethereum, chain_id: 20261, ports: {rpc: 18545}}\n"
            "  b: {family: ethereum, chain_id: 20262, ports: {ws: 18545}}\n",
            "f",
        )


FUNDED = "\ngenesis: {accounts: [{name: a, balance: 1 ether}]}"


@pytest.mark.parametrize(
    ("validators", "sentence"),
    [
        (1, "Network trade: 1 validator tolerates no fault; 4 tolerate one."),
        (2, "Network trade: 2 validators tolerate no fault; 4 tolerate one."),
        (3, "Network trade: 3 validators tolerate no fault; 4 tolerate one."),
    ],
)
def test_few_validators_are_allowed_with_a_sentence(validators: int, sentence: str) -> None:
    """One to three validators work, and the warning says what they can't do."""
    assert rules.warnings(spec(f"validators: {validators}{FUNDED}")) == [sentence]


def test_enough_validators_need_no_warning() -> None:
    """Four validators, or a sealer, are no reason to say anything."""
    assert rules.warnings(spec(f"validators: 4{FUNDED}")) == []
    assert rules.warnings(spec(f"consensus: solo{FUNDED}")) == []


def test_nobody_with_ether_is_worth_a_sentence() -> None:
    """A network in which nobody can ever pay is allowed, and said to be so."""
    (warning,) = rules.warnings(spec("nodes: 1"))

    assert "no account has ether" in warning


def test_limits_that_nothing_enforces_are_worth_a_sentence() -> None:
    """Who writes cpu or memory is told that one machine does not hold a process to it."""
    (warning,) = rules.warnings(spec(f"resources: {{node: {{memory: 1Gi}}}}{FUNDED}"))

    assert "memory of node are read but not enforced" in warning
    assert rules.warnings(spec(f"resources: {{node: {{disk: 1Gi}}}}{FUNDED}")) == []
