"""The dashboard: every geth reports to it (ethstats), and a browser shows what it knows."""

from __future__ import annotations

from windlass.plan.ethereum.context import LOOPBACK, Context, Part
from windlass.plan.workload import Command, File, Probe, Process, Workload
from windlass.programs.dashboard.settings import Node, Nodes, Settings
from windlass.spec.models import Role
from windlass.spec.roster import BLOCK_MAKERS, Member, roster

RANK = 0
"""Before any geth reports: one that finds nobody tries again only after ten seconds."""

REPORTERS: tuple[Role, ...] = (*BLOCK_MAKERS, "node")


def ethstats_url(context: Context) -> str:
    """Where a geth reports to. The scheme is written out, or geth would try TLS first."""
    return context.private_url("dashboard", "dashboard", "ws")


def dashboard(context: Context, name: str) -> Workload:
    """The network's dashboard."""
    nodes = context.live_file(name, "nodes.json", Nodes(nodes=_nodes(context)))
    secret = File(
        path=context.path(name, "ethstats.secret"),
        content=context.keys.ethstats_secret.encode(),
        secret=True,
    )
    settings = Settings(
        network=context.name,
        node=name,
        chain_id=context.network.chain_id,
        consensus=context.network.consensus,
        block_time_s=context.network.block_time_s,
        nodes_file=nodes.path,
        secret_file=secret.path,
        database=context.path(name, "dashboard.sqlite"),
        host=LOOPBACK,
        port=context.number(name, "dashboard"),
    )
    file = context.settings_file(name, "dashboard.json", settings)
    url = context.private_url(name, "dashboard")
    part = Part(
        process=Process(
            name="dashboard",
            command=Command(
                program="windlass", arguments=("run", "dashboard", "--settings", file.path)
            ),
            ready=Probe(http=f"{url}/readyz"),
        ),
        files=(file, nodes, secret),
        ports=(context.private_port(name, "dashboard"),),
    )
    return context.workload(
        name,
        "dashboard",
        RANK,
        "dashboard",
        (part,),
        health_url=url,
        url=url,
        ws_url=ethstats_url(context),
    )


def _nodes(context: Context) -> tuple[Node, ...]:
    return tuple(
        _node(context, member) for member in roster(context.network) if member.role in REPORTERS
    )


def _node(context: Context, member: Member) -> Node:
    votes = member.role == "validator"
    in_bft = context.network.consensus == "bft"
    return Node(
        name=member.name,
        role=member.role,
        cometbft_url=context.private_url(member.name, "cometbft_rpc") if in_bft else None,
        validator=context.keys.validator_key(member.name).address if votes else None,
        fee_recipient=(
            context.keys.fee_recipient(member.name) if member.role in BLOCK_MAKERS else None
        ),
    )
