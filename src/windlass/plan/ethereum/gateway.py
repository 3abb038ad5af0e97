"""The gateway: the network's RPC, in front of all its geths."""

from __future__ import annotations

from windlass.plan.ethereum.context import LOOPBACK, Context, Part
from windlass.plan.workload import Command, Probe, Process, Workload
from windlass.programs.gateway.settings import Node, Nodes, Settings
from windlass.spec.roster import BLOCK_MAKERS, names

RANK = 1
"""With the nodes: it waits for one of them by itself."""


def gateway(context: Context, name: str) -> Workload:
    """The network's gateway."""
    nodes = context.live_file(name, "nodes.json", Nodes(nodes=_nodes(context)))
    settings = Settings(
        network=context.name,
        node=name,
        chain_id=context.network.chain_id,
        genesis_hash=context.keys.ethereum_genesis_hash,
        block_time_s=context.network.block_time_s,
        nodes_file=nodes.path,
        database=context.path(name, "gateway.sqlite"),
        host=LOOPBACK,
        http_port=context.number(name, "rpc"),
        ws_port=context.number(name, "ws"),
        health_host=LOOPBACK,
        health_port=context.number(name, "health"),
    )
    file = context.settings_file(name, "gateway.json", settings)
    part = Part(
        process=Process(
            name="gateway",
            command=Command(
                program="windlass", arguments=("run", "gateway", "--settings", file.path)
            ),
            ready=Probe(http=context.private_url(name, "health") + "/readyz"),
        ),
        files=(file, nodes),
        ports=(
            context.private_port(name, "rpc"),
            context.private_port(name, "ws"),
            context.private_port(name, "health"),
        ),
    )
    return context.workload(
        name,
        "gateway",
        RANK,
        "gateway",
        (part,),
        rpc_url=context.private_url(name, "rpc"),
        ws_url=context.private_url(name, "ws", "ws"),
        health_url=context.private_url(name, "health"),
    )


def _nodes(context: Context) -> tuple[Node, ...]:
    """Every geth; the block makers only stand in, so that no application loads a validator."""
    return tuple(
        Node(
            name=name,
            rpc_url=context.private_url(name, "rpc"),
            ws_url=context.private_url(name, "ws", "ws"),
            priority=priority,
        )
        for priority, roles in enumerate((("node",), BLOCK_MAKERS))
        for name in names(context.network, *roles)
    )
