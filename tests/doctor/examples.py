"""Evidence as it would be gathered from a healthy network, to be made ill field by field."""

from __future__ import annotations

from typing import Any

import msgspec

from windlass.chains.cometbft import rpc
from windlass.doctor.evidence import (
    CometbftView,
    Disk,
    DriverState,
    Evidence,
    GethView,
    Keys,
    NetworkEvidence,
    NodeEvidence,
)
from windlass.plan.workload import Command, Probe, Process, Workload
from windlass.runtimes.local.state import NetworkRow, ProcessRow
from windlass.runtimes.local.status import Endpoints, NetworkStatus, NodeStatus

NOW = 2_000_000.0
HEIGHT = 1_000
GENESIS_HASH = "0x" + "11" * 32


def node(name: str, role: str = "validator", **changes: Any) -> NodeEvidence:
    """A healthy validator or node with its three processes."""
    names = ("geth", "bridge", "cometbft")
    rows = tuple(
        ProcessRow(
            network="trade", node=name, process=one, pid=7, state="running", ready=True, since=1.0
        )
        for one in names
    )
    workload = Workload(
        network="trade",
        name=name,
        role=role,
        rank=0,
        directory=f"/d/{name}",
        main="geth",
        processes=tuple(
            Process(name=one, command=Command(program=one, arguments=()), ready=Probe())
            for one in names
        ),
    )
    status = NodeStatus(
        name=name, role=role, state="healthy", pid=7, height=HEIGHT, finalized=HEIGHT,
        block_hash=None, peers=4, rpc=None, restarts=0, rss_bytes=1, uptime_s=1, reason="",
        processes=[],
    )  # fmt: skip
    view = CometbftView(
        status=rpc.Status(
            node_id="", network="trade", version="0.38.26", height=HEIGHT, app_hash="",
            catching_up=False, address=address(name), power=10,
        ),
        peers=(rpc.Peer(node_id="", moniker="", address=""),),
        validators={address(f"validator-{number}"): 10 for number in range(4)},
        round=None,
    )  # fmt: skip
    healthy = NodeEvidence(
        workload=workload,
        desired="running",
        status=status,
        processes=rows,
        alive=frozenset(names),
        driver=DriverState(
            height=HEIGHT, block_number=HEIGHT, clock_offset_s=0.1, last_commit=NOW - 1
        ),
        geth=GethView(
            chain_id=1, network_id=1, genesis_hash=GENESIS_HASH, version="Geth/v1.17.8-stable/x",
            height=HEIGHT, timestamp=int(NOW) - 1, peers=4,
        ),
        cometbft=view,
    )  # fmt: skip
    return msgspec.structs.replace(healthy, **changes)


def program(role: str, **changes: Any) -> NodeEvidence:
    """A healthy gateway or dashboard: one process, no chain of its own."""
    one = node(role, role, geth=None, driver=None, cometbft=None)
    rows = (msgspec.structs.replace(one.processes[0], process=role),)
    workload = msgspec.structs.replace(
        one.workload,
        main=role,
        processes=(Process(name=role, command=Command(program=role, arguments=()), ready=Probe()),),
    )
    return msgspec.structs.replace(
        one, workload=workload, processes=rows, alive=frozenset((role,)), **changes
    )


def address(name: str) -> str:
    """A CometBFT address for that name."""
    return name.upper().ljust(40, "0")


def network(*changed: NodeEvidence) -> NetworkEvidence:
    """Four validators and a node, of which some are replaced by others of their name."""
    nodes = [node(f"validator-{number}") for number in range(4)] + [node("node-0", "node")]
    by_name = {one.name: one for one in nodes} | {one.name: one for one in changed}
    return NetworkEvidence(
        row=NetworkRow(
            name="trade", family="ethereum", consensus="bft", chain_id=1, block_time_s=1,
            versions={"geth": "1.17.8", "cometbft": "0.38.26"},
        ),
        status=NetworkStatus(
            name="trade", family="ethereum", consensus="bft", chain_id=1, height=HEIGHT,
            finalized=HEIGHT, block_time_s=1, nodes=[],
            endpoints=Endpoints(rpc=None, ws=None, registrar=None, ethstats=None, dashboard=None),
        ),
        nodes=tuple(by_name.values()),
        keys=Keys(
            genesis_hash=GENESIS_HASH,
            genesis_timestamp=1,
            validators={f"validator-{n}": address(f"validator-{n}") for n in range(4)},
            bootnodes={},
        ),
    )  # fmt: skip


def evidence(*changed: NodeEvidence, **changes: Any) -> Evidence:
    """A healthy machine with that network."""
    healthy = Evidence(
        now=NOW,
        state="/s",
        networks=(network(*changed),),
        supervisor_pid=1,
        disk=Disk(
            path="/s", free_bytes=1 << 40, total_bytes=1 << 41, free_inodes=None, used_bytes=1
        ),
        clock_synchronised=True,
    )
    return msgspec.structs.replace(healthy, **changes)
