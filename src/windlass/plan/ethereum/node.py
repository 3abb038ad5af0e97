"""A node: follows the chain and answers RPC, without a say in what the chain is."""

from __future__ import annotations

from windlass.plan.ethereum import geth as execution
from windlass.plan.ethereum.bridge import BEFORE_GETH, bridge
from windlass.plan.ethereum.cometbft import cometbft
from windlass.plan.ethereum.context import Context
from windlass.plan.workload import Workload

RANK = 1
"""With the bootnodes and the registrar: only its geth needs their list, and waits for it
(`bootnodes_from`), while its CometBFT already looks for its peers."""


def node(context: Context, name: str) -> Workload:
    """The node by that name, as the network's consensus needs it."""
    return (
        _solo_node(context, name)
        if context.network.consensus == "solo"
        else _bft_node(context, name)
    )


def _bft_node(context: Context, name: str) -> Workload:
    """Three processes like a validator's; its CometBFT has a key of no voting power."""
    registrar_url = context.registrar_url()
    parts = (
        execution.geth(
            context,
            name,
            static_peers=(),
            bootnodes_from=registrar_url,
            starts_after=BEFORE_GETH,
        ),
        bridge(context, name, static_peers=(), registrar_url=registrar_url),
        cometbft(context, name),
    )
    return context.workload(
        name,
        "node",
        RANK,
        "geth",
        parts,
        rpc_url=context.private_url(name, "rpc"),
        ws_url=context.private_url(name, "ws", "ws"),
        health_url=context.private_url(name, "health"),
        cometbft_url=context.private_url(name, "cometbft_rpc"),
    )


def _solo_node(context: Context, name: str) -> Workload:
    """One geth that the sealer feeds through the Engine API.

    It has no bridge that could find it peers later, and its users' transactions reach the sealer
    only through a peer: so the sealer is a static one, whatever the registrar says.
    """
    geth = execution.geth(
        context,
        name,
        static_peers=context.block_maker_enodes(),
        bootnodes_from=context.registrar_url(),
    )
    return context.workload(
        name,
        "node",
        RANK,
        "geth",
        (geth,),
        rpc_url=context.private_url(name, "rpc"),
        ws_url=context.private_url(name, "ws", "ws"),
    )
