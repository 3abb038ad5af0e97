"""The bridge of a validator or node: what it is told, and when it is ready."""

from __future__ import annotations

from windlass.plan.ethereum import geth as execution
from windlass.plan.ethereum.context import LOOPBACK, Context, Part
from windlass.plan.workload import Command, Probe, Process
from windlass.programs.bridge.settings import Settings

BEFORE_GETH = ("bridge",)
"""What the geth beside a bridge starts after."""


DATABASE = "bridge.sqlite"
"""The payload log, below the workload's directory."""


def abci_socket(context: Context, workload: str) -> str:
    """Where the bridge serves CometBFT."""
    return context.socket(workload, "abci.sock")


def bridge(
    context: Context,
    workload: str,
    *,
    static_peers: tuple[str, ...],
    registrar_url: str | None,
    gather_from: tuple[str, ...] = (),
) -> Part:
    """The bridge between the workload's geth and its CometBFT.

    It starts first and waits for geth by itself: CometBFT needs its socket and then 1.4 s of its
    own, in which geth starts too. The other way round the first block comes a second later.
    """
    settings = Settings(
        network=context.name,
        node=workload,
        chain_id=context.network.chain_id,
        genesis_hash=context.keys.ethereum_genesis_hash,
        engine_url=context.private_url(workload, "engine"),
        jwt_file=execution.jwt_file(context, workload),
        rpc_url=context.private_url(workload, "rpc"),
        gather_from=gather_from,
        geth_ipc=execution.ipc_socket(context, workload),
        abci_socket=abci_socket(context, workload),
        database=context.path(workload, DATABASE),
        registrar_url=registrar_url,
        static_peers=static_peers,
        health_host=LOOPBACK,
        health_port=context.number(workload, "health"),
        block_time_s=context.network.block_time_s,
    )
    file = context.settings_file(workload, "bridge.json", settings)
    return Part(
        process=Process(
            name="bridge",
            command=Command(
                program="windlass", arguments=("run", "bridge", "--settings", file.path)
            ),
            ready=Probe(socket=settings.abci_socket),
        ),
        files=(file,),
        ports=(context.private_port(workload, "health"),),
    )
