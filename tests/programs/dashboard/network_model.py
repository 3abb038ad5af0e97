"""A network in memory, with a clock that a test moves."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.support.dashboard import block
from windlass.kit.metrics import Registry
from windlass.programs.dashboard import settings as config
from windlass.programs.dashboard import wire
from windlass.programs.dashboard.alerts import Alert, Alerts
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.network import Network
from windlass.programs.dashboard.nodes import Node

START_MS = 1_800_000_000_000


def settings(**changes: Any) -> config.Settings:
    """Settings of a dashboard that listens nowhere."""
    known: dict[str, Any] = {
        "network": "harbour",
        "node": "dashboard",
        "chain_id": 1,
        "consensus": "bft",
        "block_time_s": 1,
        "nodes_file": "",
        "secret_file": "",
        "database": "",
        "host": "127.0.0.1",
        "port": 0,
    }
    return config.Settings(**{**known, **changes})


def hello(name: str, **changes: Any) -> wire.Hello:
    """A login that was already proved."""
    known: dict[str, Any] = dict.fromkeys(wire.Hello.__struct_fields__, "")
    return wire.Hello(**{**known, "name": name, "sampled": False, **changes})


class Model:
    """Expected nodes that speak when the test says so."""

    def __init__(self, *names: str, **changes: Any) -> None:
        self.now_ms = START_MS
        self.network = Network(settings(**changes), self.now_ms)
        self.network.expect(
            tuple(config.Node(name=name, role="validator") for name in names), self.now_ms
        )
        self.alerts = Alerts(Metrics(Registry()))
        self.refused: dict[str, str] = {}

    def login(self, *names: str, **changes: Any) -> None:
        """These log in."""
        for name in names:
            self.network.login(hello(name, **changes), self.now_ms)

    def node(self, name: str) -> Node:
        """The node of that name."""
        return self.network.nodes[name]

    def head(self, name: str, number: int, **changes: Any) -> None:
        """It reports this block as its newest, with a timestamp of the model's time."""
        said = block(number, **{"timestamp": self.now_ms // 1000, **changes})
        self.says(name, "block", {"block": said})

    def stats(self, name: str, peers: int) -> None:
        """It reports so many peers."""
        self.says(name, "stats", {"stats": {"active": True, "syncing": False, "peers": peers}})

    def says(self, name: str, kind: str, body: dict[str, Any]) -> None:
        """It says anything."""
        text = msgspec.json.encode({"emit": [kind, body]}).decode()
        self.network.hears(self.node(name), wire.message(text), self.now_ms)

    def chain(self, *names: str, first: int, last: int, **changes: Any) -> None:
        """All of these report these blocks, a second apart."""
        for number in range(first, last + 1):
            for name in names:
                self.head(name, number, **changes)
            self.pass_time(1)

    def pass_time(self, seconds: int) -> None:
        """The clock goes on, second by second, as the dashboard's does."""
        for _ in range(seconds):
            self.now_ms += 1000
            self.network.tick(self.now_ms)
            self.alerts.tick(self.network, self.refused, self.now_ms)

    def kinds(self) -> list[tuple[str, str | None]]:
        """The alerts that are on."""
        return sorted(self.alerts.on, key=str)

    def alert(self) -> Alert:
        """The only alert that is on."""
        assert len(self.alerts.on) == 1, self.kinds()
        return next(iter(self.alerts.on.values()))
