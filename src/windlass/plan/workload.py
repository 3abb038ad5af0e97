"""What a runtime is asked to make true: one `Workload` per node or program of a network.

A workload is complete: with its files written and its processes started in order, the node runs.
A runtime adds nothing of its own, which is what keeps a laptop and a cluster the same.
"""

from __future__ import annotations

import msgspec


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A port that a process listens on. `name` is one of the names in `plan/site.py`."""

    name: str
    number: int
    address: str
    protocol: str  # tcp | udp | both


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file that must be there before the processes start; mode 0600 if it is secret, else 0644.

    A file marked `once` is written only if it is missing, because the process writes it from then
    on: resetting a validator's record of what it has signed would make it sign twice. A process
    reads a file marked `live` again when it changes, and needs no restart for it.
    """

    path: str
    content: bytes
    secret: bool = False
    once: bool = False
    live: bool = False


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """How to tell that a process is ready: exactly one field is set.

    `socket`: this unix socket accepts a connection. `http`: GET answers 200. `rpc`: the JSON-RPC at
    this URL answers `eth_chainId`. `cometbft`: GET URL/health answers.
    """

    socket: str | None = None
    http: str | None = None
    rpc: str | None = None
    cometbft: str | None = None


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A program (`geth`, `cometbft` or `windlass`), its arguments and what it finds in its
    environment beyond the usual; never a secret among them."""

    program: str
    arguments: tuple[str, ...]
    environment: dict[str, str] = {}


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One operating-system process of a workload.

    `starts_after` names processes of this workload that must be ready first; `restarts_with` names
    those at whose restart this one must be restarted too (CometBFT when its bridge is gone).
    If the program can no longer open its data, the paths in `disposable` may be deleted: it makes
    them again at its next start and another process feeds it (there is no `geth init`: the genesis
    file is passed at every start, which also makes geth refuse data of another genesis).
    `bootnodes_from` is a registrar's URL: the list it gives at each start is added to the arguments
    as `--bootnodes LIST`, the last good list if it does not answer, nothing if there never was one.
    A registrar of the same plan that is just starting is waited for.
    """

    name: str
    command: Command
    ready: Probe
    starts_after: tuple[str, ...] = ()
    restarts_with: tuple[str, ...] = ()
    disposable: tuple[str, ...] = ()
    bootnodes_from: str | None = None
    stop_grace_s: float = 30.0


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """What a workload asks for; None means that the spec does not say."""

    cpu: float | None = None
    memory_bytes: int | None = None
    disk_bytes: int | None = None


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """One node or program. `rank` orders starts (low first); stops go the other way round.

    Its processes stop one after another, the last of `processes` first: each before what it uses.

    `main` names the process whose pid and memory people mean when they speak of the node.
    `endpoint` is true for the one node whose RPC is the network's.
    `rpc_url`, `ws_url`, `health_url` (our own program's, see kit/health.py), `cometbft_url` and
    `url` (a registrar's or bootnode's page) are None where they do not apply.
    """

    network: str
    name: str
    role: str
    rank: int
    directory: str
    main: str
    processes: tuple[Process, ...]
    files: tuple[File, ...] = ()
    ports: tuple[Port, ...] = ()
    resources: Resources = Resources()
    endpoint: bool = False
    rpc_url: str | None = None
    ws_url: str | None = None
    health_url: str | None = None
    cometbft_url: str | None = None
    url: str | None = None

    @property
    def key(self) -> str:
        """network/name: unique within a spec."""
        return f"{self.network}/{self.name}"
