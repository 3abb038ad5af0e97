"""What every role's plan is made from: one network, its keys, and where it will live."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from functools import cached_property

import msgspec

from windlass.plan import workload as model
from windlass.plan.roster import ENDPOINT
from windlass.plan.site import PORT_PROTOCOLS, Site
from windlass.plan.workload import File, Port, Workload
from windlass.spec.models import Network, Role
from windlass.spec.roster import BLOCK_MAKERS, names
from windlass.vault.keys import NetworkKeys

LOOPBACK = "127.0.0.1"
"""Where everything listens that is not for other machines: RPC, Engine API, CometBFT's RPC and
our own programs' health. Reaching them from elsewhere is somebody's decision, never a default."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one process adds to its workload."""

    process: model.Process
    files: tuple[File, ...]
    ports: tuple[Port, ...]


@dataclass(frozen=True, kw_only=True)
class Context:
    """One network as the roles see it. Everything in it follows from these four."""

    name: str
    network: Network
    keys: NetworkKeys
    site: Site

    def path(self, workload: str, *parts: str) -> str:
        """A path inside the workload's own directory."""
        return "/".join((self.site.directory(self.name, workload).rstrip("/"), *parts))

    def socket(self, workload: str, name: str) -> str:
        """A unix socket of the workload."""
        return self.site.socket(self.name, workload, name)

    def number(self, workload: str, port: str) -> int:
        """The number of one of the workload's ports."""
        return self.site.port(self.name, workload, port)

    def private_port(self, workload: str, name: str) -> Port:
        """A port that only this machine can reach."""
        return self._port(workload, name, LOOPBACK)

    def public_port(self, workload: str, name: str) -> Port:
        """A port that other machines can reach if the spec's `bind` lets them."""
        return self._port(workload, name, self.site.bind(self.name, workload))

    def private_url(self, workload: str, port: str, scheme: str = "http") -> str:
        """The URL of a port that only this machine can reach."""
        return f"{scheme}://{LOOPBACK}:{self.number(workload, port)}"

    def public_url(self, workload: str, port: str) -> str:
        """The URL of a port at the address at which others reach the workload."""
        return f"http://{self.site.host(self.name, workload)}:{self.number(workload, port)}"

    def is_on_loopback(self, workload: str) -> bool:
        """Whether no other machine is meant to reach the workload."""
        return ipaddress.ip_address(self.site.host(self.name, workload)).is_loopback

    def block_maker_enodes(self, *, without: str = "") -> tuple[str, ...]:
        """The enodes of the geths that make blocks, or may, as far as `without` is told of them."""
        return tuple(self._enodes[name] for name in self._known_to(without))

    def block_maker_rpc_urls(self, *, without: str) -> tuple[str, ...]:
        """The RPC of the same geths."""
        return tuple(self.private_url(name, "rpc") for name in self._known_to(without))

    def cometbft_peers(self, *, without: str) -> tuple[str, ...]:
        """id@host:port of the CometBFTs beside them."""
        return tuple(self._cometbft_peers[name] for name in self._known_to(without))

    def _known_to(self, workload: str) -> tuple[str, ...]:
        """The block makers that a workload is told of, without itself: all of them; but a validator
        only those of the genesis and those that came before it. So no validator's files change, and
        none is restarted, when another one comes: the newer of two knows the older, which is enough
        for both to be connected."""
        makers = names(self.network, *BLOCK_MAKERS)
        others = tuple(name for name in makers if name != workload)
        if workload not in makers or workload == "sealer":
            return others
        older = makers[: makers.index(workload)]
        return tuple(one for one in others if one in self.keys.genesis_validators or one in older)

    def registrar_url(self) -> str | None:
        """Where nodes ask for bootnodes; None if the network has none."""
        return self.public_url("registrar", "registrar") if self.network.bootnodes else None

    def settings_file(self, workload: str, name: str, settings: msgspec.Struct) -> File:
        """The settings of one of our own programs; they name secret files and hold no secret."""
        content = msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n"
        return File(path=self.path(workload, name), content=content)

    def live_file(self, workload: str, name: str, content: msgspec.Struct) -> File:
        """A file that its program reads again when it changes."""
        file = self.settings_file(workload, name, content)
        return msgspec.structs.replace(file, live=True)

    def workload(
        self,
        name: str,
        role: Role,
        rank: int,
        main: str,
        parts: tuple[Part, ...],
        **urls: str | None,
    ) -> Workload:
        """The workload made of these parts; `urls` are the `*url` fields of `Workload`."""
        asked = self.network.resources.get(role)
        resources = model.Resources()
        if asked is not None:
            resources = model.Resources(
                cpu=asked.cpu, memory_bytes=asked.memory, disk_bytes=asked.disk
            )
        return Workload(
            network=self.name,
            name=name,
            role=role,
            rank=rank,
            directory=self.site.directory(self.name, name),
            main=main,
            processes=tuple(part.process for part in parts),
            files=tuple(file for part in parts for file in part.files),
            ports=tuple(port for part in parts for port in part.ports),
            resources=resources,
            endpoint=name == ENDPOINT,
            **urls,
        )

    @cached_property
    def _enodes(self) -> dict[str, str]:
        # Computed once: a hundred validators would otherwise derive each other's keys anew.
        return {
            name: self.keys.enode(name, self.site.host(self.name, name), self.number(name, "p2p"))
            for name in names(self.network, *BLOCK_MAKERS)
        }

    @cached_property
    def _cometbft_peers(self) -> dict[str, str]:
        peers = {}
        for name in names(self.network, *BLOCK_MAKERS):
            address = f"{self.site.host(self.name, name)}:{self.number(name, 'cometbft_p2p')}"
            peers[name] = f"{self.keys.cometbft_node_key(name).id}@{address}"
        return peers

    def _port(self, workload: str, name: str, address: str) -> Port:
        return Port(
            name=name,
            number=self.number(workload, name),
            address=address,
            protocol=PORT_PROTOCOLS[name],
        )


def toml_list(values: tuple[str, ...]) -> str:
    """A list of strings in TOML, whose basic strings are JSON's for anything in ASCII."""
    return json.dumps(list(values))
