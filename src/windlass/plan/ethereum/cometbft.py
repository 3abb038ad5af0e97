"""One CometBFT: its home directory, and the peers with which it agrees on blocks."""

from __future__ import annotations

from windlass.chains.cometbft import configuration
from windlass.chains.cometbft.keys import initial_validator_state
from windlass.plan.ethereum.bridge import abci_socket
from windlass.plan.ethereum.context import LOOPBACK, Context, Part
from windlass.plan.workload import Command, File, Probe, Process

HOME = "cometbft"
"""CometBFT's home below the workload's directory; it insists on `config` and `data` in it."""

ENVIRONMENT = {"GOMAXPROCS": "1"}
"""It wakes some hundred times a second to see that there is nothing to gossip, and Go wakes an idle
thread each time to look for more: with one thread 3.3 % of a core instead of 5.7 %. At a block a
second there is never work for two."""


def cometbft(context: Context, workload: str) -> Part:
    """The CometBFT of a validator or node.

    It starts once the bridge listens, since it sleeps three seconds before it tries a missing
    socket again, and it ends by itself when the bridge does, so the two restart together.
    """
    process = Process(
        name="cometbft",
        command=Command(
            program="cometbft",
            arguments=("start", "--home", context.path(workload, HOME)),
            environment=ENVIRONMENT,
        ),
        ready=Probe(cometbft=context.private_url(workload, "cometbft_rpc")),
        starts_after=("bridge",),
        restarts_with=("bridge",),
    )
    return Part(
        process=process,
        files=_files(context, workload),
        ports=(
            context.public_port(workload, "cometbft_p2p"),
            context.private_port(workload, "cometbft_rpc"),
        ),
    )


def _files(context: Context, workload: str) -> tuple[File, ...]:
    keys = context.keys
    home = context.path(workload, HOME)
    return (
        File(path=f"{home}/config/config.toml", content=_configuration(context, workload)),
        File(path=f"{home}/config/genesis.json", content=keys.cometbft_genesis),
        File(
            path=f"{home}/config/node_key.json",
            content=keys.cometbft_node_key(workload).key_file(),
            secret=True,
        ),
        # A node has this key too, because CometBFT wants one; it is not in the validator set, so
        # its votes would have no power. Nor have those of a validator before the chain takes it in.
        File(
            path=f"{home}/config/priv_validator_key.json",
            content=keys.validator_key(workload).key_file(),
            secret=True,
        ),
        # CometBFT's memory of what it has signed. Reset, it would vote twice at one height.
        File(
            path=f"{home}/data/priv_validator_state.json",
            content=initial_validator_state(),
            secret=True,
            once=True,
        ),
    )


def _configuration(context: Context, workload: str) -> bytes:
    """Everybody dials the validators that it knows; nodes need not know one another to hear all
    blocks."""
    port = context.number(workload, "cometbft_p2p")
    return configuration.configuration(
        moniker=workload,
        abci_socket=abci_socket(context, workload),
        rpc_address=f"{LOOPBACK}:{context.number(workload, 'cometbft_rpc')}",
        p2p_address=f"{context.site.bind(context.name, workload)}:{port}",
        external_address=f"{context.site.host(context.name, workload)}:{port}",
        persistent_peers=context.cometbft_peers(without=workload),
        block_time_s=context.network.block_time_s,
    )
