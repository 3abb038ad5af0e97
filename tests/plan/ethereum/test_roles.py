"""What each role runs, as a person would check it by reading."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from itertools import pairwise

import msgspec

from tests.plan import examples
from tests.plan.examples import ExampleSite
from windlass.plan.plan import plan
from windlass.plan.workload import Process, Workload
from windlass.spec.models import BytesCount, Resources


def workloads(**fields: object) -> dict[str, Workload]:
    spec = examples.spec(trade=examples.network(**fields))
    """The plan of a network with these fields, by name."""
    return {one.name: one for one in plan(spec, examples.all_keys(spec), ExampleSite(spec))}


def process(workload: Workload, name: str) -> Process:
    """The workload's process of that name."""
    return next(one for one in workload.processes if one.name == name)


def content(workload: Workload, name: str) -> str:
    """What the file at that place in the workload's directory will hold."""
    path = f"{workload.directory}/{name}"
    return next(file for file in workload.files if file.path == path).content.decode()


def test_cometbft_has_one_thread() -> None:
    """Everywhere, in its environment: it does not take a flag for that."""
    for name in ("validator-0", "node-0"):
        command = process(workloads()[name], "cometbft").command
        assert command.environment == {"GOMAXPROCS": "1"}


def test_command_line_of_a_validators_geth() -> None:
    """Every flag, in order: whatever changes here changes how chains are kept."""
    validator = workloads()["validator-0"]

    home = "/state/nodes/trade/validator-0"
    port = {one.name: one.number for one in validator.ports}
    assert " ".join(process(validator, "geth").command.arguments) == " ".join(
        (
            f"--config {home}/geth.toml --datadir {home}/geth",
            f"--override.genesis {home}/genesis.json --networkid 4242",
            "--syncmode full --state.scheme hash --gcmode archive",
            "--history.transactions 0 --history.logs 0 --cache 64",
            "--ipcpath /state/sockets/trade-validator-0-geth.ipc",
            f"--authrpc.addr 127.0.0.1 --authrpc.port {port['engine']}",
            f"--authrpc.jwtsecret {home}/jwt.hex",
            f"--http --http.addr 127.0.0.1 --http.port {port['rpc']}",
            "--http.api eth,net,web3,txpool",
            "--http.vhosts localhost",
            "--http.corsdomain http://localhost:*,http://127.0.0.1:*",
            f"--ws --ws.addr 127.0.0.1 --ws.port {port['ws']} --ws.api eth,net,web3,txpool",
            "--ws.origins localhost,127.0.0.1",
            f"--nodekey {home}/node.key --nat extip:127.0.0.1 --maxpeers 50",
            "--discovery.v5=false --netrestrict 127.0.0.0/8",
            "--miner.recommit 500ms --miner.gaslimit 30000000 --miner.gasprice 1",
            "--txpool.pricelimit 1 --txpool.accountslots 16384 --txpool.globalslots 16384",
            "--txpool.accountqueue 16384 --txpool.globalqueue 16384",
            "--verbosity 3 --log.vmodule ethapi/*=2",
        )
    )


def test_all_geths_have_the_same_flags() -> None:
    """What a node's geth accepts and keeps is what a validator's does; only places differ."""
    for consensus in ("bft", "solo"):
        made = workloads(consensus=consensus, nodes=2).values()
        geths = [one for one in made if one.role in ("validator", "sealer", "node")]
        flags = {
            tuple(word for word in process(one, "geth").command.arguments if word[:2] == "--")
            for one in geths
        }
        assert len(flags) == 1


def test_validators_know_one_another() -> None:
    """A validator's geth and CometBFT have all other validators as peers, and not themselves."""
    made = workloads(validators=4)
    enodes = set()
    for name in ("validator-0", "validator-3"):
        peers = tomllib.loads(content(made[name], "geth.toml"))["Node"]["P2P"]
        assert len(peers["StaticNodes"]) == 3
        assert peers["TrustedNodes"] == peers["StaticNodes"]
        assert peers["BootstrapNodes"] == peers["BootstrapNodesV5"] == []
        enodes.update(peers["StaticNodes"])
        comet = tomllib.loads(content(made[name], "cometbft/config/config.toml"))
        assert len(set(comet["p2p"]["persistent_peers"].split(","))) == 3
        assert process(made[name], "geth").bootnodes_from is None
    assert len(enodes) == 4


def test_nodes_join_through_the_registrar() -> None:
    """A bft node's geth starts with the registrar's list; its bridge asks again if it must."""
    made = workloads()
    node = made["node-0"]

    assert process(node, "geth").bootnodes_from == made["registrar"].url
    assert json.loads(content(node, "bridge.json"))["registrar_url"] == made["registrar"].url
    assert tomllib.loads(content(node, "geth.toml"))["Node"]["P2P"]["StaticNodes"] == []
    comet = tomllib.loads(content(node, "cometbft/config/config.toml"))
    assert len(set(comet["p2p"]["persistent_peers"].split(","))) == 4


def test_cometbft_waits_for_its_bridge_and_falls_with_it() -> None:
    """CometBFT sleeps if it comes before the bridge's socket, and dies with the bridge."""
    for name in ("validator-0", "node-0"):
        workload = workloads()[name]
        comet = process(workload, "cometbft")
        assert comet.starts_after == comet.restarts_with == ("bridge",)
        socket = process(workload, "bridge").ready.socket
        assert json.loads(content(workload, "bridge.json"))["abci_socket"] == socket
        configuration = tomllib.loads(content(workload, "cometbft/config/config.toml"))
        assert configuration["proxy_app"] == f"unix://{socket}"


def test_everything_waits_for_the_bridge_and_stops_before_geth() -> None:
    """geth and CometBFT start together once the bridge listens; geth is the last to stop."""
    for name in ("validator-0", "node-0"):
        processes = workloads()[name].processes
        assert [one.starts_after for one in processes] == [("bridge",), (), ("bridge",)]
        assert [one.name for one in reversed(processes)] == ["cometbft", "bridge", "geth"]


def test_a_validators_record_is_written_once() -> None:
    """What CometBFT has signed survives every later plan; nothing else is kept from changing."""
    validator = workloads()["validator-0"]

    kept = [file.path for file in validator.files if file.once]
    assert kept == [f"{validator.directory}/cometbft/data/priv_validator_state.json"]


def test_solo_feeds_its_nodes() -> None:
    """The sealer knows every node's engine, shares its secret, and is every node's peer."""
    made = workloads(consensus="solo", nodes=2)
    followers = json.loads(content(made["sealer"], "sealer.json"))["followers"]

    assert [one["name"] for one in followers] == ["node-0", "node-1"]
    for follower in followers:
        node = made[follower["name"]]
        engine = next(one for one in node.ports if one.name == "engine")
        assert follower["engine_url"] == f"http://127.0.0.1:{engine.number}"
        assert content(node, "jwt.hex") == content(made["sealer"], "jwt.hex")
        peers = tomllib.loads(content(node, "geth.toml"))["Node"]["P2P"]["StaticNodes"]
        assert len(peers) == 1
        assert [one.name for one in node.processes] == ["geth"]


def test_bootnodes_ping_the_block_makers() -> None:
    """A bootnode knows all validators or the sealer, and the registrar all bootnodes."""
    made = workloads(validators=3)

    assert len(json.loads(content(made["bootnode-1"], "bootnode.json"))["seeds"]) == 3
    listed = json.loads(content(made["registrar"], "registrar.json"))["bootnodes"]
    assert listed == [made["bootnode-0"].url, made["bootnode-1"].url]
    solo = workloads(consensus="solo")
    assert len(json.loads(content(solo["bootnode-0"], "bootnode.json"))["seeds"]) == 1


PRIVATE = ("rpc", "ws", "engine", "cometbft_rpc", "health", "dashboard")


def test_only_loopback_hears_rpc() -> None:
    """With a network open to others, peers and discovery listen there and RPC does not."""
    made = workloads(host="10.0.0.7", bind="0.0.0.0")
    for workload in made.values():
        for port in workload.ports:
            private = port.name in PRIVATE
            assert port.address == ("127.0.0.1" if private else "0.0.0.0")
    arguments = process(made["node-0"], "geth").command.arguments
    assert ("--nat", "extip:10.0.0.7") in pairwise(arguments)
    assert "--netrestrict" not in arguments


def test_resources_follow_the_role() -> None:
    """What the spec asks for a role is asked for by each workload of it, and by no other."""
    asked = Resources(cpu=0.5, memory=BytesCount(2**29))
    made = workloads(resources={"validator": asked})

    assert made["validator-1"].resources.memory_bytes == 2**29
    assert made["node-0"].resources.memory_bytes is None


def test_a_new_validator_changes_no_older_one() -> None:
    """What runs is left alone when a validator comes: the newer one knows the older ones, and nodes
    know all of them."""
    four = examples.network(validators=4, nodes=1)
    six = msgspec.structs.replace(four, validators=6)
    spec = examples.spec(trade=six)
    site = ExampleSite(spec)
    of_genesis = examples.keys("trade", four).genesis_validators
    known = examples.keys("trade", six)
    after = dataclasses.replace(known, genesis_validators=of_genesis)
    before = plan(examples.spec(trade=four), {"trade": after}, site)
    now = {one.name: one for one in plan(spec, {"trade": after}, site)}

    for older in (one for one in before if one.role == "validator"):
        assert now[older.name] == older
    peers = {name: content(one, "cometbft/config/config.toml") for name, one in now.items()
             if one.role in ("validator", "node")}  # fmt: skip
    ids = {name: after.cometbft_node_key(name).id for name in peers}
    assert [name for name, identity in ids.items() if identity in peers["validator-4"]] == [
        *of_genesis
    ]
    assert [name for name, identity in ids.items() if identity in peers["validator-5"]] == [
        *of_genesis,
        "validator-4",
    ]
    assert all(ids[f"validator-{number}"] in peers["node-0"] for number in range(6))
