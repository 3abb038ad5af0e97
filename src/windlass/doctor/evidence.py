"""Everything that was found out, as plain values: the causes look at nothing else.

A field is None where nobody could be asked; why not is in the `*_error` beside it.
"""

from __future__ import annotations

import msgspec

from windlass.chains.cometbft import rpc as cometbft
from windlass.plan.workload import Port, Workload
from windlass.runtimes.local.state import NetworkRow, ProcessRow
from windlass.runtimes.local.status import NetworkStatus, NodeStatus
from windlass.spec.roster import BLOCK_MAKERS


class GethView(msgspec.Struct, frozen=True, kw_only=True):
    """What a geth says over its RPC. `genesis_hash` is block 0's, `network_id` that of devp2p."""

    chain_id: int
    network_id: int
    genesis_hash: str
    version: str
    height: int
    timestamp: int
    peers: int


class DriverState(msgspec.Struct, frozen=True, kw_only=True):
    """/state of the bridge or sealer that drives a geth, as far as it matters here.

    `clock_offset_s` is the last block's stamp minus the program's own clock at that moment;
    `geth` is ok, unreachable, unauthorized, wrong_genesis, syncing, stuck or invalid_block.
    """

    height: int = 0
    block_number: int = 0
    clock_offset_s: float | None = None
    last_commit: float | None = None
    geth: str = "ok"
    geth_detail: str = ""
    last_rejection: str = ""
    followers: list[Follower] = []


class Follower(msgspec.Struct, frozen=True, kw_only=True):
    """A geth that a sealer feeds beside its own, in the words of DriverState."""

    name: str
    block_number: int | None = None
    geth: str = "ok"
    geth_detail: str = ""


class StuckTransaction(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction that the gateway accepted and that no block takes. `sender_nonce` is the number
    of the next one that the chain would take from its sender, `base_fee_wei` what a block asks."""

    hash: str
    sender: str
    nonce: int
    sender_nonce: int | None = None
    age_s: float = 0.0
    last_refusal: str = ""
    max_fee_wei: str | None = None


class BackedNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node as the gateway sees it; `reason` says why it is not usable."""

    name: str
    height: int | None = None
    usable: bool = False
    reason: str = ""


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """How full the gateway's journal of accepted transactions is."""

    pending: int = 0
    limit: int = 0


class GatewayState(msgspec.Struct, frozen=True, kw_only=True):
    """/state of a gateway, as far as it matters here."""

    nodes: list[BackedNode] = []
    journal: Journal = Journal()
    stuck: list[StuckTransaction] = []


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A login that the dashboard refused. `at` is in Unix seconds."""

    name: str
    address: str = ""
    at: float = 0.0


class DashboardState(msgspec.Struct, frozen=True, kw_only=True):
    """/state of a dashboard, as far as it matters here."""

    refused: list[Refusal] = []


class CometbftView(msgspec.Struct, frozen=True, kw_only=True):
    """What a CometBFT says over its RPC. `validators` maps addresses to voting power."""

    status: cometbft.Status
    peers: tuple[cometbft.Peer, ...]
    validators: dict[str, int]
    round: cometbft.Round | None


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is not of this state and listens on a port that a workload needs."""

    port: Port
    who: str


class FileCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a workload that differs from what was written there. `kind` is its name."""

    kind: str
    path: str
    found: str


class LostRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A file that its process goes on writing, and that is gone. `alone` is true if CometBFT's
    databases, which lie beside it, are there no more."""

    path: str
    alone: bool


class BootnodeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A bootnode in a registrar's list. `last_seen` is in Unix seconds."""

    enode: str | None
    url: str
    alive: bool
    last_seen: int | None


class NodeEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One workload.

    `frozen` are processes that a signal has stopped (SIGSTOP). `executables` maps each running
    process to the file that it runs (ending in " (deleted)" if that is gone), `log_tails` each one
    that is not ready to the end of its log. `bootnodes` are the enodes that its geth was started
    with, `enode` is what a bootnode calls itself, `listed` what a registrar lists. `gateway` and
    `dashboard` are what those say of themselves.
    """

    workload: Workload
    desired: str
    status: NodeStatus
    processes: tuple[ProcessRow, ...]
    alive: frozenset[str]
    driver: DriverState | None = None
    driver_error: str = ""
    geth: GethView | None = None
    geth_error: str = ""
    cometbft: CometbftView | None = None
    cometbft_error: str = ""
    frozen: frozenset[str] = frozenset()
    executables: dict[str, str] = {}
    log_tails: dict[str, str] = {}
    holders: tuple[Holder, ...] = ()
    changed_files: tuple[FileCheck, ...] = ()
    lost_records: tuple[LostRecord, ...] = ()
    bootnodes: tuple[str, ...] = ()
    enode: str | None = None
    listed: tuple[BootnodeEntry, ...] = ()
    gateway: GatewayState | None = None
    dashboard: DashboardState | None = None

    @property
    def name(self) -> str:
        """The workload's name."""
        return self.workload.name

    @property
    def wanted(self) -> bool:
        """Whether it should run."""
        return self.desired == "running"

    def row(self, process: str) -> ProcessRow | None:
        """What the supervisor knows of a process."""
        return next((row for row in self.processes if row.process == process), None)

    def has(self, process: str) -> bool:
        """Whether it has a process of that name at all."""
        return any(one.name == process for one in self.workload.processes)


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The public part of what the vault holds for a network.

    `validators` maps names to CometBFT addresses, `bootnodes` names to public keys (128 hex
    digits).
    """

    genesis_hash: str
    genesis_timestamp: int
    validators: dict[str, str]
    bootnodes: dict[str, str]


class ProposalView(msgspec.Struct, frozen=True, kw_only=True):
    """A proposal to change the validator set, which the chain would take next if enough had signed.

    `signed`, `missing` and `total` are voting power, `signed_by` and `unsigned` are names.
    """

    path: str
    action: str
    name: str
    sequence: int
    expires: int
    signed_by: tuple[str, ...]
    unsigned: tuple[str, ...]
    signed: int
    missing: int
    total: int


class NetworkEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One network. `keys_error` says why the vault gives no keys, `keys_next_step` what to do."""

    row: NetworkRow
    status: NetworkStatus
    nodes: tuple[NodeEvidence, ...]
    keys: Keys | None = None
    keys_error: str = ""
    keys_next_step: str = ""
    proposals: tuple[ProposalView, ...] = ()

    @property
    def name(self) -> str:
        """The network's name."""
        return self.row.name

    def of(self, *roles: str) -> tuple[NodeEvidence, ...]:
        """Its workloads in these roles."""
        return tuple(node for node in self.nodes if node.workload.role in roles)

    @property
    def makers(self) -> tuple[NodeEvidence, ...]:
        """Those without which there are no blocks."""
        return self.of(*BLOCK_MAKERS)

    @property
    def height(self) -> int:
        """The highest block that anybody has."""
        return max((node.geth.height for node in self.nodes if node.geth), default=0)

    @property
    def newest(self) -> int | None:
        """The time stamp of the highest block, Unix seconds; None at block 0 or if unknown."""
        views = [node.geth for node in self.nodes if node.geth and node.geth.height]
        return max(views, key=lambda view: view.height).timestamp if views else None


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """The disk that the state lies on. `history` has (Unix seconds, bytes used by this state)."""

    path: str
    free_bytes: int
    total_bytes: int
    free_inodes: int | None
    used_bytes: int
    history: tuple[tuple[float, int], ...] = ()


class KeyExport(msgspec.Struct, frozen=True, kw_only=True):
    """What the vault knows of its last export. `standing` is none, never, stale or current;
    `vault_made` and `exported` are Unix seconds, None where nothing says when."""

    standing: str
    vault_made: float | None = None
    exported: float | None = None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `now` is Unix time in seconds; `clock_synchronised` is the kernel's word, None
    where it says nothing. `state_error` is set if there is no state at all."""

    now: float
    state: str
    networks: tuple[NetworkEvidence, ...] = ()
    supervisor_pid: int | None = None
    disk: Disk | None = None
    clock_synchronised: bool | None = None
    state_error: str = ""
    key_export: KeyExport | None = None
