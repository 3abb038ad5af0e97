"""A whole spec: what a right one gives, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from windlass.chains.ethereum.quantities import Wei
from windlass.spec.errors import PROBLEMS_SHOWN_MAX, SpecError
from windlass.spec.load import Loaded, load, parse_spec
from windlass.spec.models import BytesCount, Genesis, Network, Ports, Resources, Spec

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.yaml"))
SMALLEST = "name: a\nnetworks:\n  trade:\n    family: ethereum\n    chain_id: 20261\n"


def problems(text: str) -> list[str]:
    """Everything that is wrong with a text, as it would be printed."""
    with pytest.raises(SpecError) as error:
        parse_spec(text, "f")
    return error.value.sentence.splitlines()


def with_field(line: str) -> str:
    """The smallest spec with one more line in its network."""
    return f"{SMALLEST}    {line}\n"


def test_smallest_spec_has_every_default() -> None:
    """Three fields suffice; everything else has its default."""
    network = parse_spec(SMALLEST, "f").networks["trade"]

    assert network == Network(family="ethereum", chain_id=20261)
    assert (network.consensus, network.validators, network.nodes) == ("bft", 4, 1)
    assert (network.bootnodes, network.block_time_s, network.gas_limit) == (2, 1, 30_000_000)
    assert (network.genesis, network.ports, network.host) == (Genesis(), Ports(), "127.0.0.1")


def test_values_come_out_exact() -> None:
    """However they are written, amounts are wei, sizes bytes, addresses lower-case."""
    spec = parse_spec(
        with_field("gas_limit: 60_000_000")
        + """\
    genesis:
      accounts:
        - {name: treasury, balance: 1.5 ether}
        - {address: 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed, balance: 7 wei}
      contracts:
        - {address: "0x00000000000000000000000000000000000C0FFE", code: 0x60FF, storage: {0x1: 0x2}}
    clients: {geth: v1.17.6}
    ports: {rpc: 18545, ws: auto, registrar: null}
    resources: {validator: {cpu: 500m, memory: 512Mi, disk: 20G}}
""",
        "f",
    )
    network = spec.networks["trade"]
    treasury, foreign = network.genesis.accounts
    (contract,) = network.genesis.contracts

    assert treasury.balance == Wei(15 * 10**17)
    assert foreign.address == "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"
    assert contract.code == "0x60ff"
    assert contract.storage == {"0x" + "1".rjust(64, "0"): "0x" + "2".rjust(64, "0")}
    assert network.gas_limit == 60_000_000
    assert network.clients.geth == "1.17.6"
    assert network.ports == Ports(rpc=18545)
    assert network.resources == {
        "validator": Resources(cpu=0.5, memory=BytesCount(512 << 20), disk=BytesCount(20 * 10**9))
    }


def test_solo_network_has_one_authority() -> None:
    """The default number of validators does not count where there is a sealer."""
    spec = parse_spec(with_field("consensus: solo"), "f")

    assert spec.networks["trade"].validators == 1


def test_all_problems_are_told_at_once() -> None:
    """Wrong types, unknown names, bad values and broken rules come in one list, by place."""
    found = problems(
        """\
name: harbour
networks:
  trade:
    family: ethereum
    valdators: 4
    chain_id: 1
    block_time_s: 1.5
    ports: {rpc: [1]}
  sandbox: {family: ethereum, consensus: clique}
  one: {family: ethereum, chain_id: 20261}
  two: {family: ethereum, chain_id: 20261}
platform: {}
"""
    )

    assert [line.split(": ", 2)[:2] for line in found] == [
        ["f:5:5", "networks.trade.valdators"],
        ["f:6:15", "networks.trade.chain_id"],
        ["f:7:19", "networks.trade.block_time_s"],
        ["f:8:18", "networks.trade.ports.rpc"],
        ["f:9:12", "networks.sandbox.chain_id"],
        ["f:9:42", "networks.sandbox.consensus"],
        ["f:11:37", "networks.two.chain_id"],
        ["f:12:1", "platform"],
    ]
    assert "did you mean 'validators'?" in found[0]
    assert "Ethereum" in found[1]
    assert "known here: schema, name, networks" in found[7]


def test_long_lists_of_problems_are_cut() -> None:
    """A file that is wrong throughout does not fill the screen."""
    found = problems(SMALLEST + "".join(f"    x{number}: 1\n" for number in range(200)))

    assert len(found) == PROBLEMS_SHOWN_MAX + 1
    assert "150 more problems" in found[-1]


def test_newer_format_is_refused_for_that_alone() -> None:
    """A file of a newer release is not picked apart by a release that does not know it."""
    (found,) = problems("schema: 2\nname: a\nnew_section: {}\n")

    assert found.startswith("f:1:9: schema: is 2, but this release of windlass knows 1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", "f:1:1: found a list, needed are fields"),
        ("just text\n", "f:1:1: found 'just text', needed are fields"),
        ("name: a\n", "f:1:1: networks: is missing"),
        ("name: a\nnetworks:\n", "f:2:1: networks: found nothing, needed is a mapping"),
        ("name: a\nnetworks: {}\n", "f:2:11: networks: holds no network"),
        ("name: a\nnetworks: [a]\n", "f:2:11: networks: found a list"),
        ("name:\nnetworks: {}\n", "f:1:1: name: has no value"),
        ("schema: 0\nname: a\nnetworks: {}\n", "f:1:9: schema: is 0, needed is 1"),
        ("schema: one\nname: a\nnetworks: {}\n", "f:1:9: schema: found 'one'"),
        (with_field("validators: four"), "f:6:17: networks.trade.validators: found 'four'"),
        (with_field("validators: {a: 1}"), "f:6:17: networks.trade.validators: found a mapping"),
        (with_field("genesis: none"), "f:6:14: networks.trade.genesis: found 'none'"),
        (with_field("genesis: {accounts: {a: 1}}"), "f:6:25: networks.trade.genesis.accounts: fo"),
        (with_field("ports: automatic"), "f:6:12: networks.trade.ports: found 'automatic'"),
        (with_field("resources: {miner: {}}"), "f:6:17: networks.trade.resources.miner: unknown"),
        (with_field("chain_id: 7"), "f:6:5: 'chain_id' is already there in line 5"),
        (with_field('"a\\nb": 7'), "f:6:5: networks.trade.'a\\nb': unknown field"),
    ],
)
def test_each_wrong_shape_is_told_in_its_place(text: str, expected: str) -> None:
    """The first problem is the one that was made, where it was made."""
    assert problems(text)[0].startswith(expected)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_load(path: Path) -> None:
    """Every example in the repository is a right spec without warnings."""
    loaded = load(path)

    assert isinstance(loaded, Loaded)
    assert isinstance(loaded.spec, Spec)
    assert loaded.warnings == []
    assert loaded.text == path.read_text()


def test_refusals_are_wrong_usage() -> None:
    """A wrong spec exits with 2, as every wrong usage, and says how to try again."""
    with pytest.raises(SpecError) as error:
        parse_spec("a", "f")

    assert error.value.exit_code == 2
    assert "windlass spec check" in error.value.next_step
