"""What runs, as it is now: every workload is asked itself, all at once, within two seconds.

The state's database tells which processes there should be and who they are; whether a node is
healthy is what its RPC and its own program answer. So the status is true with a dead supervisor,
and needs neither the spec nor the vault.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.kit.http import HttpClient, get
from windlass.kit.json_rpc import JsonRpc, JsonRpcError
from windlass.kit.transport import TransportError
from windlass.plan.workload import Workload
from windlass.runtimes.local import judge
from windlass.runtimes.local.changes import lives
from windlass.runtimes.local.judge import ChainView, Observation
from windlass.runtimes.local.process_table import age_s, resident_bytes
from windlass.runtimes.local.state import NetworkRow, ProcessRow, State, WorkloadRow
from windlass.runtimes.local.status import (
    Endpoints,
    NetworkStatus,
    NodeStatus,
    ProcessStatus,
    Status,
)
from windlass.spec.roster import BLOCK_MAKERS

PROBE_TIMEOUT_S = 1.5
ANSWER_BYTES_MAX = 1 << 20


async def observe(state: State, network: str | None = None) -> Status:
    """The status of everything in the state, or of one network. Never raises for what is down."""
    rows = [row for row in state.workload_rows() if network in (None, row.workload.network)]
    processes: dict[str, list[ProcessRow]] = {}
    for row in state.processes():
        processes.setdefault(f"{row.network}/{row.node}", []).append(row)
    probed = await asyncio.gather(
        *(_probe(row, processes.get(row.workload.key, [])) for row in rows)
    )
    networks = [
        _network(known, [one for one in probed if one.workload.network == known.name])
        for known in state.networks()
        if network in (None, known.name)
    ]
    healthy = bool(networks) and all(
        node.state == "healthy" for one in networks for node in one.nodes
    )
    return Status(healthy=healthy, networks=networks)


async def _probe(row: WorkloadRow, processes: Sequence[ProcessRow]) -> Observation:
    workload = row.workload
    alive = {process.process for process in processes if lives(process)}
    chain, unready = None, None
    if alive:
        chain, unready = await asyncio.gather(_chain(workload), _unready(workload))
    return Observation(
        workload=workload,
        desired=row.desired,
        processes=tuple(processes),
        alive=frozenset(alive),
        chain=chain,
        unready=unready,
    )


async def _chain(workload: Workload) -> ChainView | str | None:
    """What the node's RPC says, or why it says nothing; None for what has no RPC."""
    if workload.rpc_url is None:
        return None
    rpc = JsonRpc(
        HttpClient(workload.rpc_url, timeout_s=PROBE_TIMEOUT_S, body_bytes_max=ANSWER_BYTES_MAX)
    )
    try:
        latest, finalized, peers = await rpc.batch(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getBlockByNumber", ["finalized", False]),
                ("net_peerCount", []),
            ]
        )
        # There is no finalized block before the first forkchoice: geth refuses that call.
        final = finalized if isinstance(finalized, Mapping) else {"number": "0x0"}
        return ChainView(
            height=int(latest["number"], 16),
            finalized=int(final["number"], 16),
            block_hash=str(latest["hash"]),
            timestamp=int(latest["timestamp"], 16),
            peers=int(peers, 16),
        )
    except (TransportError, JsonRpcError) as error:
        return error.sentence
    except (KeyError, TypeError, ValueError):
        return f"{workload.rpc_url} answers, but not as an Ethereum RPC does."
    finally:
        await rpc.close()


async def _unready(workload: Workload) -> str | None:
    """Why the workload's own program calls itself not ready; None if it is ready or has none."""
    if workload.health_url is None:
        return None
    try:
        answer = await get(
            f"{workload.health_url}/readyz",
            timeout_s=PROBE_TIMEOUT_S,
            body_bytes_max=ANSWER_BYTES_MAX,
        )
    except WindlassError as error:
        return error.sentence
    if answer.status == 200:
        return None
    try:
        return str(json.decode(answer.body)["reason"])
    except (json.JsonError, KeyError, TypeError):
        return f"{workload.health_url}/readyz answered with the status {answer.status}"


def _network(known: NetworkRow, observed: Sequence[Observation]) -> NetworkStatus:
    view = judge.network_view(observed, known.block_time_s, time.time())
    nodes = [_node(one, judge.judge(one, view)) for one in observed]
    sources = {node.name for node in nodes if node.role in BLOCK_MAKERS and node.state == "healthy"}
    heights = [node.height for node in nodes if node.name in sources and node.height is not None]
    finals = [
        node.finalized for node in nodes if node.name in sources and node.finalized is not None
    ]
    return NetworkStatus(
        name=known.name,
        family=known.family,
        consensus=known.consensus,
        chain_id=known.chain_id,
        height=max(heights, default=None),
        finalized=max(finals, default=None),
        block_time_s=known.block_time_s,
        endpoints=_endpoints(observed),
        nodes=nodes,
    )


def _endpoints(observed: Sequence[Observation]) -> Endpoints:
    workloads = [one.workload for one in observed]
    public = next((workload for workload in workloads if workload.endpoint), None)
    registrar = next((workload for workload in workloads if workload.role == "registrar"), None)
    dashboard = next((workload for workload in workloads if workload.role == "dashboard"), None)
    return Endpoints(
        rpc=public.rpc_url if public else None,
        ws=public.ws_url if public else None,
        registrar=registrar.url if registrar else None,
        ethstats=dashboard.ws_url if dashboard else None,
        dashboard=dashboard.url if dashboard else None,
    )


def _node(seen: Observation, verdict: judge.Verdict) -> NodeStatus:
    chain = seen.chain if isinstance(seen.chain, ChainView) else None
    main = next((row for row in seen.processes if row.process == seen.workload.main), None)
    alive = [row for row in seen.processes if row.process in seen.alive]
    memory = [resident_bytes(row.pid) or 0 for row in alive if row.pid is not None]
    lives = main is not None and main.process in seen.alive
    return NodeStatus(
        name=seen.workload.name,
        role=seen.workload.role,
        state=verdict.state,
        pid=main.pid if main is not None and lives else None,
        height=chain.height if chain else None,
        finalized=chain.finalized if chain else None,
        block_hash=chain.block_hash if chain else None,
        peers=chain.peers if chain else None,
        rpc=seen.workload.rpc_url,
        restarts=sum(row.restarts for row in seen.processes),
        rss_bytes=sum(memory) if alive else None,
        uptime_s=age_s(main.started) if main is not None and lives else None,
        reason=verdict.reason,
        processes=[_process(row, seen) for row in seen.processes],
    )


def _process(row: ProcessRow, seen: Observation) -> ProcessStatus:
    alive = row.process in seen.alive
    # A dead supervisor can't write that a process died: the process table knows better.
    state = "stopped" if not alive and row.state in ("starting", "running") else row.state
    return ProcessStatus(
        name=row.process, pid=row.pid if alive else None, state=state, restarts=row.restarts
    )
