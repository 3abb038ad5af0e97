"""What is wrong now, in a sentence each; each with a beginning and, later, an end.

A condition has to hold for a while before it is an alert, and to be gone for a while before that
ends, so that one late report makes no noise. What has ended is kept in the history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from statistics import median
from typing import Any, Literal, TypeAlias

import msgspec

from windlass.programs.dashboard.documents import lag
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.network import Network
from windlass.programs.dashboard.nodes import Node

Kind: TypeAlias = Literal["stalled", "fork", "peers", "lag", "offline", "refused", "clock"]
Severity: TypeAlias = Literal["error", "warning"]
Key: TypeAlias = tuple[Kind, str | None]

STALLED_BLOCKS = 8
STALLED_MS = 20_000
OFFLINE_MS = 15_000
LAG_BLOCKS = 5
CLOCK_BLOCKS_MS = 5000
"""How far blocks' timestamps may be off this clock: ledgers compare them with the time of day."""
CLOCK_NODE_MS = 2000
"""A validator refuses blocks that are so far ahead of its own clock."""
CLOCK_READINGS = 5
NAMED_MAX = 3
BEGIN_MS: Mapping[Kind, int] = {
    "stalled": 0,
    "fork": 3000,
    "peers": 10_000,
    "lag": 10_000,
    "offline": 0,
    "refused": 0,
    "clock": 5000,
}
END_MS: Mapping[Kind, int] = {
    "stalled": 3000,
    "fork": 5000,
    "peers": 5000,
    "lag": 5000,
    "offline": 3000,
    "refused": 0,
    "clock": 10_000,
}


class Condition(msgspec.Struct, frozen=True):
    """Something that is not as it should be at this moment."""

    severity: Severity
    sentence: str
    since_ms: int


class Alert(msgspec.Struct, kw_only=True):
    """A condition that lasted. `until_ms` is null while it does."""

    id: int
    severity: Severity
    kind: Kind
    node: str | None
    since_ms: int
    sentence: str
    until_ms: int | None = None


class Alerts:
    """The alerts that are on. `unsaved` collects those that began, changed or ended."""

    def __init__(self, metrics: Metrics) -> None:
        self.on: dict[Key, Alert] = {}
        self.unsaved: dict[int, Alert] = {}
        self._metrics = metrics
        self._begun_ms: dict[Key, int] = {}
        self._seen_ms: dict[Key, int] = {}
        self._last_id = 0

    def tick(self, network: Network, refused: Mapping[str, str], now_ms: int) -> None:
        """Looks at everything; called once a second."""
        found = dict(conditions(network, refused, now_ms))
        for key in [one for one in self._begun_ms if one not in found]:
            del self._begun_ms[key]
        for key, condition in found.items():
            self._begun_ms.setdefault(key, now_ms)
            self._seen_ms[key] = now_ms
            self._hold(key, condition, now_ms)
        for key, alert in list(self.on.items()):
            if key not in found and now_ms - self._seen_ms.get(key, 0) >= END_MS[key[0]]:
                alert.until_ms = now_ms
                self.unsaved[alert.id] = alert
                del self.on[key]
        self._seen_ms = {key: at for key, at in self._seen_ms.items() if key in self.on}
        for kind in BEGIN_MS:
            count = sum(1 for alert in self.on.values() if alert.kind == kind)
            self._metrics.alerts.set(count, kind)

    def documents(self) -> list[dict[str, Any]]:
        """The alerts that are on: errors first, then the newest."""
        ordered = sorted(
            self.on.values(), key=lambda one: (one.severity != "error", -one.since_ms, one.id)
        )
        return [
            {
                "id": one.id,
                "severity": one.severity,
                "kind": one.kind,
                "node": one.node,
                "since_ms": one.since_ms,
                "sentence": one.sentence,
            }
            for one in ordered
        ]

    def _hold(self, key: Key, condition: Condition, now_ms: int) -> None:
        alert = self.on.get(key)
        if alert is not None:
            if alert.sentence != condition.sentence:
                alert.sentence, alert.severity = condition.sentence, condition.severity
                self.unsaved[alert.id] = alert
            return
        if now_ms - self._begun_ms[key] < BEGIN_MS[key[0]]:
            return
        # The time makes ids that no earlier run has given.
        self._last_id = max(self._last_id + 1, now_ms)
        alert = Alert(
            id=self._last_id,
            severity=condition.severity,
            kind=key[0],
            node=key[1],
            since_ms=min(condition.since_ms, now_ms),
            sentence=condition.sentence,
        )
        self.on[key] = self.unsaved[alert.id] = alert


def conditions(
    network: Network, refused: Mapping[str, str], now_ms: int
) -> Iterator[tuple[Key, Condition]]:
    """All that is not as it should be at this moment."""
    yield from _stalled(network, now_ms)
    yield from _fork(network, now_ms)
    yield from _clock(network, now_ms)
    reporting = sum(1 for node in network.nodes.values() if node.online)
    for name, node in network.nodes.items():
        if not node.online:
            if node.expected and now_ms - node.since_ms > OFFLINE_MS:
                sentence = f"{name} does not report since {_clock_time(node.since_ms)}."
                yield ("offline", name), Condition("error", sentence, node.since_ms)
            continue
        yield from _peers(node, reporting, now_ms)
        behind = lag(network, node)
        if behind > LAG_BLOCKS:
            sentence = f"{name} is {behind} blocks behind."
            yield ("lag", name), Condition("warning", sentence, now_ms)
        offset_ms = node.clock_offset_ms
        if offset_ms is not None and abs(offset_ms) > CLOCK_NODE_MS:
            sentence = f"The clock of {name} is {_apart(offset_ms)} this machine's."
            yield ("clock", name), Condition("warning", sentence, now_ms)
    for name, address in refused.items():
        sentence = f"Somebody at {address} tried to report as {name} with a wrong secret."
        yield ("refused", name), Condition("warning", sentence, now_ms)


def _stalled(network: Network, now_ms: int) -> Iterator[tuple[Key, Condition]]:
    best, at_ms = network.best, network.best_at_ms
    limit_ms = max(STALLED_BLOCKS * network.settings.block_time_s * 1000, STALLED_MS)
    if best is not None and at_ms is not None and now_ms - at_ms > limit_ms:
        sentence = f"No block came after block {best.number} at {_clock_time(at_ms)}."
        yield ("stalled", None), Condition("error", sentence, at_ms)


def _fork(network: Network, now_ms: int) -> Iterator[tuple[Key, Condition]]:
    if not network.blocks.forked:
        return
    lowest = min(network.blocks.forked)
    sides = network.blocks.sides(lowest)
    fewer = [name for side in sides[1:] for name in side["nodes"]]
    sentence = f"Nodes differ from block {lowest} on: {_names(fewer)} on another side than most."
    yield ("fork", None), Condition("error", sentence, now_ms)


def _clock(network: Network, now_ms: int) -> Iterator[tuple[Key, Condition]]:
    offsets = network.clock_offsets_ms
    limit_ms = max(CLOCK_BLOCKS_MS, 3000 * network.settings.block_time_s)
    if len(offsets) >= CLOCK_READINGS and all(abs(one) > limit_ms for one in offsets):
        sentence = f"The time in new blocks is {_apart(round(median(offsets)))} this machine's."
        yield ("clock", None), Condition("warning", sentence, now_ms)


def _peers(node: Node, reporting: int, now_ms: int) -> Iterator[tuple[Key, Condition]]:
    if node.peers is None or reporting < 2:
        return
    most = max(node.peer_samples, default=0)
    key: Key = ("peers", node.name)
    if node.peers == 0:
        yield key, Condition("error", f"{node.name} has no peers.", now_ms)
    elif node.peers * 2 < most:
        sentence = f"{node.name} has {node.peers} peers; it had {most} a few minutes ago."
        yield key, Condition("warning", sentence, now_ms)


def _names(names: list[str]) -> str:
    """Names with the verb that follows them."""
    if len(names) == 1:
        return f"{names[0]} is"
    if len(names) <= NAMED_MAX:
        return f"{', '.join(names[:-1])} and {names[-1]} are"
    return f"{', '.join(names[:NAMED_MAX])} and {len(names) - NAMED_MAX} more are"


def _apart(offset_ms: int) -> str:
    """`3.2 s ahead of`, `4.0 s behind`."""
    return f"{abs(offset_ms) / 1000:.1f} s {'ahead of' if offset_ms > 0 else 'behind'}"


def _clock_time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%H:%M:%S UTC")
