"""What can be found out about one workload: from its own pages, its files and its processes."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from windlass.chains.cometbft.rpc import CometbftClient, CometbftError
from windlass.chains.ethereum.quantities import from_hex
from windlass.doctor.evidence import (
    BootnodeEntry,
    CometbftView,
    DashboardState,
    DriverState,
    FileCheck,
    GatewayState,
    GethView,
    Holder,
    LostRecord,
    NodeEvidence,
)
from windlass.kit import json
from windlass.kit.errors import WindlassError
from windlass.kit.http import HttpClient, get
from windlass.kit.json_rpc import JsonRpc
from windlass.plan.workload import Workload
from windlass.runtimes.local import logs, port_holders, process_table
from windlass.runtimes.local.changes import lives
from windlass.runtimes.local.state import ProcessRow, WorkloadRow
from windlass.runtimes.local.status import NodeStatus

TIMEOUT_S = 2.0
ANSWER_BYTES_MAX = 1 << 20
LOG_BYTES_MAX = 16 << 10
FILE_BYTES_MAX = 32 << 20

T = TypeVar("T")


class _Listed(msgspec.Struct):
    """A registrar's /json."""

    bootnodes: list[BootnodeEntry] = []


async def look_at(
    state: Path, row: WorkloadRow, processes: Sequence[ProcessRow], status: NodeStatus
) -> NodeEvidence:
    """Everything about one workload. Never raises for what is broken."""
    workload = row.workload
    alive = {one.process: one.pid for one in processes if one.pid is not None and lives(one)}
    unready = [one.process for one in processes if one.process not in alive or not one.ready]
    seen = _Seen()
    if alive:
        await asyncio.gather(
            seen.see_driver(workload),
            seen.see_geth(workload),
            seen.see_cometbft(workload),
            seen.see_pages(workload),
        )
    return NodeEvidence(
        workload=workload,
        desired=row.desired,
        status=status,
        processes=tuple(processes),
        alive=frozenset(alive),
        driver=seen.driver,
        driver_error=seen.errors.get("driver", ""),
        geth=seen.geth,
        geth_error=seen.errors.get("geth", ""),
        cometbft=seen.cometbft,
        cometbft_error=seen.errors.get("cometbft", ""),
        frozen=frozenset(name for name, pid in alive.items() if process_table.is_frozen(pid)),
        executables={name: process_table.executable(pid) for name, pid in alive.items()},
        log_tails={
            name: logs.tail(
                logs.log_path(state, workload.network, workload.name, name),
                bytes_max=LOG_BYTES_MAX,
            )
            for name in unready
        },
        holders=_holders(state, workload) if unready else (),
        changed_files=tuple(_changed(row)),
        lost_records=tuple(_lost(workload)),
        bootnodes=_bootnodes(alive.get("geth")),
        enode=seen.enode,
        listed=tuple(seen.listed),
        gateway=seen.gateway,
        dashboard=seen.dashboard,
    )


class _Seen:
    """Answers as they come in; why there is none is in `errors`."""

    def __init__(self) -> None:
        self.driver: DriverState | None = None
        self.geth: GethView | None = None
        self.cometbft: CometbftView | None = None
        self.enode: str | None = None
        self.listed: list[BootnodeEntry] = []
        self.gateway: GatewayState | None = None
        self.dashboard: DashboardState | None = None
        self.errors: dict[str, str] = {}

    async def see_driver(self, workload: Workload) -> None:
        """/state of the bridge or sealer."""
        if workload.role in ("validator", "node", "sealer") and workload.health_url is not None:
            try:
                self.driver = await _json(f"{workload.health_url}/state", DriverState)
            except (WindlassError, json.JsonError) as error:
                self.errors["driver"] = str(error)

    async def see_geth(self, workload: Workload) -> None:
        """geth's RPC."""
        if workload.rpc_url is not None and workload.main == "geth":
            try:
                self.geth = await _geth(workload.rpc_url)
            except WindlassError as error:
                self.errors["geth"] = error.sentence
            except (KeyError, TypeError, ValueError):
                self.errors["geth"] = f"{workload.rpc_url} does not answer as an Ethereum RPC does"

    async def see_cometbft(self, workload: Workload) -> None:
        """CometBFT's RPC."""
        if workload.cometbft_url is not None:
            try:
                self.cometbft = await _cometbft(workload.cometbft_url)
            except CometbftError as error:
                self.errors["cometbft"] = error.sentence

    async def see_pages(self, workload: Workload) -> None:
        """A bootnode's enode, a registrar's list, what gateway and dashboard say of themselves."""
        try:
            if workload.url is not None and workload.role == "bootnode":
                page = await get(workload.url, timeout_s=TIMEOUT_S)
                if page.status == 200:  # one that is too busy says so in words
                    self.enode = page.body.decode("utf-8", "replace").strip() or None
                else:
                    self.errors["page"] = f"{workload.url} answered with status {page.status}"
            elif workload.url is not None and workload.role == "registrar":
                self.listed = (await _json(f"{workload.url}/json", _Listed)).bootnodes
            elif workload.role == "gateway":
                self.gateway = await _json(f"{workload.health_url}/state", GatewayState)
            elif workload.role == "dashboard":
                self.dashboard = await _json(f"{workload.health_url}/state", DashboardState)
        except (WindlassError, json.JsonError) as error:
            self.errors["page"] = str(error)


async def _json(url: str, wanted: type[T]) -> T:
    answer = await get(url, timeout_s=TIMEOUT_S, body_bytes_max=ANSWER_BYTES_MAX)
    return json.decode(answer.body, wanted)


async def _geth(url: str) -> GethView:
    rpc = JsonRpc(HttpClient(url, timeout_s=TIMEOUT_S, body_bytes_max=ANSWER_BYTES_MAX))
    try:
        chain_id, network_id, genesis, latest, peers, version = await rpc.batch(
            [
                ("eth_chainId", []),
                ("net_version", []),
                ("eth_getBlockByNumber", ["0x0", False]),
                ("eth_getBlockByNumber", ["latest", False]),
                ("net_peerCount", []),
                ("web3_clientVersion", []),
            ]
        )
    finally:
        await rpc.close()
    return GethView(
        chain_id=from_hex(chain_id),
        network_id=int(network_id),
        genesis_hash=str(genesis["hash"]),
        version=str(version),
        height=from_hex(latest["number"]),
        timestamp=from_hex(latest["timestamp"]),
        peers=from_hex(peers),
    )


async def _cometbft(url: str) -> CometbftView:
    client = CometbftClient(url, timeout_s=TIMEOUT_S)
    try:
        status, peers = await asyncio.gather(client.status(), client.peers())
        validators = await _or_none(client.validators())
        position = await _or_none(client.round())
    finally:
        await client.close()
    return CometbftView(
        status=status, peers=tuple(peers), validators=validators or {}, round=position
    )


async def _or_none(asking: Awaitable[T]) -> T | None:
    """Before the first height there is no validator set and no round to tell of."""
    try:
        return await asking
    except CometbftError:
        return None


def _holders(state: Path, workload: Workload) -> tuple[Holder, ...]:
    """Who, if not this state's own processes, has the workload's ports."""
    found = []
    for port in workload.ports:
        if not port_holders.is_held(port.number, port.protocol):
            continue
        pid = port_holders.holder_pid(port.number, port.protocol)
        variables = process_table.variables(pid) if pid is not None else {}
        if variables.get(process_table.STATE_VARIABLE) != str(state):
            who = port_holders.describe(port.number, port.protocol)
            found.append(Holder(port=port, who=who))
    return tuple(found)


def _changed(row: WorkloadRow) -> list[FileCheck]:
    """Files that are not what was written, but for those that their program goes on writing."""
    found = []
    for name, digest in row.files.items():
        path = Path(name)
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                continue
            same = hashlib.sha256(path.read_bytes()).hexdigest() == digest
        except FileNotFoundError:
            found.append(FileCheck(kind=path.name, path=name, found="missing"))
        except OSError as error:
            found.append(FileCheck(kind=path.name, path=name, found=f"unreadable ({error})"))
        else:
            if not same:
                check = FileCheck(kind=path.name, path=name, found="not what was written there")
                found.append(check)
    return found


def _lost(workload: Workload) -> list[LostRecord]:
    """Files that their program goes on writing, and that are not there."""
    records = [Path(file.path) for file in workload.files if file.once]
    return [
        LostRecord(path=str(path), alone=not any(path.parent.glob("*.db")))
        for path in records
        if _is_gone(path)
    ]


def _is_gone(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except OSError:  # unreadable is another finding's matter
        return False
    return False


def _bootnodes(pid: int | None) -> tuple[str, ...]:
    """The enodes that a geth was started with."""
    words = process_table.words(pid) if pid is not None else []
    for flag, value in itertools.pairwise(words):
        if flag == "--bootnodes" and value:
            return tuple(value.split(","))
    return ()
