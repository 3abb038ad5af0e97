"""A validator: geth executes blocks, CometBFT agrees on them, the bridge stands between the two.

One that is not in the chain's validator set, because it came after the genesis or was removed, runs
all the same and follows the chain; whether it votes is the chain's own matter.
"""

from __future__ import annotations

from windlass.plan.ethereum import geth as execution
from windlass.plan.ethereum.bridge import BEFORE_GETH, bridge
from windlass.plan.ethereum.cometbft import cometbft
from windlass.plan.ethereum.context import Context
from windlass.plan.workload import Workload

RANK = 0
"""First of all: nothing else is of use before there are blocks."""


def validator(context: Context, name: str) -> Workload:
    """The validator by that name."""
    peers = context.block_maker_enodes(without=name)
    parts = (
        # Validators know one another from the start and keep a place for one another: the network
        # must not need a bootnode to make blocks.
        execution.geth(
            context, name, static_peers=peers, trusted_peers=peers, starts_after=BEFORE_GETH
        ),
        bridge(
            context,
            name,
            static_peers=peers,
            registrar_url=None,
            gather_from=context.block_maker_rpc_urls(without=name),
        ),
        cometbft(context, name),
    )
    return context.workload(
        name,
        "validator",
        RANK,
        "geth",
        parts,
        rpc_url=context.private_url(name, "rpc"),
        ws_url=context.private_url(name, "ws", "ws"),
        health_url=context.private_url(name, "health"),
        cometbft_url=context.private_url(name, "cometbft_rpc"),
    )
