"""The sealer of a solo network: one geth that builds blocks, and the program that asks it to."""

from __future__ import annotations

from windlass.plan.ethereum import geth as execution
from windlass.plan.ethereum.context import LOOPBACK, Context, Part
from windlass.plan.workload import Command, Probe, Process, Workload
from windlass.programs.sealer.settings import Follower, Settings
from windlass.spec.roster import names

RANK = 0
"""First of all: nothing else is of use before there are blocks."""


def sealer(context: Context, name: str) -> Workload:
    """The one sealer; it feeds every node of the network each block that it has sealed."""
    parts = (execution.geth(context, name, static_peers=()), _program(context, name))
    return context.workload(
        name,
        "sealer",
        RANK,
        "geth",
        parts,
        rpc_url=context.private_url(name, "rpc"),
        ws_url=context.private_url(name, "ws", "ws"),
        health_url=context.private_url(name, "health"),
    )


def _program(context: Context, workload: str) -> Part:
    """The sealing program. It waits for geth by itself, so it starts beside it."""
    followers = tuple(
        Follower(name=follower, engine_url=context.private_url(follower, "engine"))
        for follower in names(context.network, "node")
    )
    settings = Settings(
        network=context.name,
        node=workload,
        chain_id=context.network.chain_id,
        genesis_hash=context.keys.ethereum_genesis_hash,
        genesis_timestamp=context.keys.ethereum_genesis_timestamp,
        engine_url=context.private_url(workload, "engine"),
        jwt_file=execution.jwt_file(context, workload),
        geth_ipc=execution.ipc_socket(context, workload),
        database=context.path(workload, "sealer.sqlite"),
        followers=followers,
        fee_recipient=context.keys.fee_recipient(workload),
        health_host=LOOPBACK,
        health_port=context.number(workload, "health"),
        block_time_s=context.network.block_time_s,
    )
    file = context.settings_file(workload, "sealer.json", settings)
    return Part(
        process=Process(
            name="sealer",
            command=Command(
                program="windlass", arguments=("run", "sealer", "--settings", file.path)
            ),
            ready=Probe(http=context.private_url(workload, "health") + "/readyz"),
        ),
        files=(file,),
        ports=(context.private_port(workload, "health"),),
    )
