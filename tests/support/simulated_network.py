"""A network that is only told of: what a dashboard's server says about it, by the contract.

It is drawn from a seed, so that a test and a picture show the same network every time. Each step
returns the delta that the server would send.
"""

from __future__ import annotations

import random
import time
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]

BLOCKS_MAX = 120
HISTORY = 40
MARKS = 60
GAS_LIMIT = 30_000_000
BINS_MS = (10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 500, 700, 1000)
CLIENTS = ("Geth/v1.17.8-stable-8e2f0d4a/linux-amd64/go1.25.4", "besu/v26.1.0/linux-x86_64/openjdk")


class SimulatedNetwork:
    """Nodes and a chain; `height` blocks of it are there from the beginning."""

    def __init__(
        self,
        *,
        nodes: int = 5,
        validators: int = 4,
        height: int | None = 18_204,
        name: str = "harbour",
        block_time_s: int = 1,
        seed: int = 7,
    ) -> None:
        self._random = random.Random(seed)
        self.network = {
            "name": name,
            "chain_id": 20_261,
            "consensus": "bft" if validators > 1 else "solo",
            "block_time_s": block_time_s,
        }
        self.began_at_ms = _now_ms()
        self.validators = [self._validator(i) for i in range(validators if validators > 1 else 0)]
        self.alerts: list[Document] = []
        self.forks: list[Document] = []
        self.blocks: list[Document] = []
        self.missed_rounds = 0
        self.nodes: dict[str, Document] = {}
        for i in range(nodes):
            role = "validator" if i < validators else "node"
            number = i + 1 if role == "validator" else i + 1 - validators
            self.add_node(f"{role}-{number}", role)
        self.height = height
        if height is not None:
            shown = min(height, BLOCKS_MAX)
            pace_ms = block_time_s * 1000
            for number in range(height - shown + 1, height + 1):
                late_ms = self._random.gauss(0, pace_ms * 0.03)
                at_ms = self.began_at_ms - (height - number) * pace_ms + round(late_ms)
                self._block(number, at_ms)

    def snapshot(self) -> Document:
        """The whole document."""
        return {
            "schema": 1,
            "now_ms": _now_ms(),
            "network": self.network,
            "summary": self.summary(),
            "nodes": list(self.nodes.values()),
            "blocks": self.blocks,
            "validators": self.validators,
            "consensus": self.consensus(),
            "propagation": self.propagation(),
            "forks": self.forks,
            "alerts": self.alerts,
        }

    def step(self, missing: tuple[str, ...] = (), transactions: int | None = None) -> Document:
        """The next block, which these validators don't sign."""
        self.height = 1 if self.height is None else self.height + 1
        block = self._block(self.height, _now_ms(), missing, transactions)
        return {
            "now_ms": _now_ms(),
            "summary": self.summary(),
            "nodes": [
                {
                    "name": node["name"],
                    "block": node["block"],
                    "block_at_ms": node["block_at_ms"],
                    "propagation_ms": node["propagation_ms"],
                    "propagation_average_ms": node["propagation_average_ms"],
                    "latency_ms": node["latency_ms"],
                    "pending": node["pending"],
                    "processing_ms": node["processing_ms"],
                }
                for node in self.nodes.values()
                if node["online"] and node["lag_blocks"] == 0
            ],
            "blocks": [block],
            "validators": self.validators,
            "consensus": self.consensus(),
            "propagation": self.propagation(),
        }

    def add_node(self, name: str, role: str = "node") -> Document:
        """A node that logs in; returns the delta."""
        draw = self._random
        best = self.blocks[0] if self.blocks else None
        self.nodes[name] = {
            "name": name,
            "role": role,
            "expected": True,
            "online": True,
            "since_ms": self.began_at_ms - draw.randrange(600_000, 90_000_000),
            "client": CLIENTS[0],
            "os": "linux/amd64",
            "network_id": "20261",
            "protocol": "eth/69, snap/1",
            "port": 30_303 + len(self.nodes),
            "api": "No",
            "peers": draw.randrange(3, 9),
            "pending": draw.randrange(0, 40),
            "gas_price_wei": "1000000007",
            "syncing": False,
            "latency_ms": draw.randrange(1, 24),
            "block": _short(best) if best else None,
            "block_at_ms": best["at_ms"] if best else None,
            "lag_blocks": 0 if best else None,
            "propagation_ms": None,
            "propagation_average_ms": None,
            "propagation_history": [],
            "processing_ms": None,
            "uptime_percent": 100.0,
            "sampled": False,
            "contact": "harbour-master@example.org",
        }
        return {"now_ms": _now_ms(), "nodes": [self.nodes[name]], "summary": self.summary()}

    def change(self, name: str, **changes: object) -> Document:
        """Changes fields of a node; returns the delta."""
        self.nodes[name].update(changes)
        delta = {"now_ms": _now_ms(), "nodes": [{"name": name, **changes}]}
        return {**delta, "summary": self.summary()}

    def alert(self, kind: str, sentence: str, **fields: object) -> Document:
        """Raises an alert; returns the delta."""
        alert = {"id": f"{kind}-{len(self.alerts)}", "severity": "error", "kind": kind}
        more = {"node": None, "since_ms": _now_ms(), "sentence": sentence}
        self.alerts.append({**alert, **more, **fields})
        return {"now_ms": _now_ms(), "alerts": self.alerts}

    def fork(self) -> Document:
        """Two nodes tell of another block at the best height; returns the delta."""
        best = self.blocks[0]
        names = list(self.nodes)
        best["forked"] = True
        sides = [
            {"hash": best["hash"], "nodes": names[:-1]},
            {"hash": self._hash(), "nodes": names[-1:]},
        ]
        fork = {"height": best["number"], "at_ms": _now_ms(), "hashes": sides}
        self.forks = [fork, *self.forks]
        alert = self.alert("fork", f"Two blocks are told of at height {best['number']}.")
        return {**alert, "forks": self.forks, "blocks": [best]}

    def history(self, minutes: int = 600) -> Document:
        """The last minutes, as far as the network is old."""
        now_ms, draw = _now_ms(), random.Random(5)
        rows = [
            {
                "at_ms": now_ms - (minutes - i) * 60_000,
                "blocks": 60,
                "transactions": draw.randrange(900, 2_400),
                "gas_used": draw.randrange(60_000_000, 180_000_000),
                "interval_mean_ms": 1000,
                "interval_max_ms": draw.randrange(1_020, 1_400),
            }
            for i in range(minutes if self.blocks else 0)
        ]
        return {"schema": 1, "step_s": 60, "minutes": rows}

    def summary(self) -> Document:
        """The key figures."""
        best = self.blocks[0] if self.blocks else None
        intervals = [one["interval_ms"] for one in self.blocks if one["interval_ms"] is not None]
        total = max(1, sum(intervals))
        online = [one for one in self.nodes.values() if one["online"]]
        spread = self.propagation()
        return {
            "best_block": best["number"] if best else None,
            "best_hash": best["hash"] if best else None,
            "best_at_ms": best["at_ms"] if best else None,
            "final_block": best["number"] if best else None,
            "average_block_time_ms": sum(intervals) // len(intervals) if intervals else None,
            "transactions_per_s": _per_s(self.blocks, total) if best else None,
            "gas_price_wei": "1000000007" if best else None,
            "gas_limit": GAS_LIMIT if best else None,
            "gas_used_percent": _percent(self.blocks) if best else None,
            "nodes_online": len(online),
            "nodes_total": len(self.nodes),
            "uptime_percent": _mean([one["uptime_percent"] for one in self.nodes.values()]),
            "pending": max((one["pending"] for one in online), default=None),
            "propagation_p50_ms": spread["p50_ms"],
            "propagation_p90_ms": spread["p90_ms"],
        }

    def consensus(self) -> Document | None:
        """The votes of the last block."""
        if not self.validators:
            return None
        total = sum(one["power"] for one in self.validators)
        missed = set(self.blocks[0]["missed"]) if self.blocks else set()
        signed = sum(one["power"] for one in self.validators if one["name"] not in missed)
        return {
            "round": self.blocks[0]["round"] if self.blocks else 0,
            "missed_rounds_100": self.missed_rounds,
            "power_total": total,
            "power_signed": signed if self.blocks else 0,
            "quorum_power": total * 2 // 3 + 1,
        }

    def propagation(self) -> Document:
        """The histogram over what the nodes' histories hold."""
        told = [
            one
            for node in self.nodes.values()
            for one in node["propagation_history"]
            if one is not None
        ]
        bins = [{"to_ms": to_ms, "count": 0} for to_ms in BINS_MS]
        for one in told:
            place = next((i for i, to_ms in enumerate(BINS_MS) if one <= to_ms), len(bins) - 1)
            bins[place]["count"] += 1
        told.sort()
        return {
            "bins": bins,
            "p50_ms": told[len(told) // 2] if told else None,
            "p90_ms": told[len(told) * 9 // 10] if told else None,
            "mean_ms": _mean(told),
        }

    def _validator(self, number: int) -> Document:
        return {
            "name": f"validator-{number + 1}",
            "address": f"{self._random.getrandbits(160):040X}",
            "power": 10,
            "signed_100": 0,
            "missed_100": 0,
            "proposed_100": 0,
            "last_signed": None,
            "marks": "",
            "online": True,
        }

    def _block(
        self,
        number: int,
        at_ms: int,
        missing: tuple[str, ...] = (),
        transactions: int | None = None,
    ) -> Document:
        draw = self._random
        if transactions is None:
            busy = 24 + 18 * ((number // 14) % 3)
            transactions = max(0, round(draw.gauss(busy, busy * 0.45)))
        before = self.blocks[0] if self.blocks else None
        late = draw.random() < 0.012
        if late:
            self.missed_rounds = min(100, self.missed_rounds + 1)
        makers = self.validators or [{"name": "sealer-1", "address": "5E" * 20}]
        maker = makers[number % len(makers)]
        pace_ms = int(self.network["block_time_s"]) * 1000  # type: ignore[call-overload]
        interval_ms = None if before is None else at_ms - before["at_ms"]
        if before is not None and late:
            interval_ms = round(pace_ms * 2.1)
        block: Document = {
            "number": number,
            "hash": self._hash(),
            "parent_hash": before["hash"] if before else self._hash(),
            "timestamp_ms": at_ms // 1000 * 1000,
            "at_ms": at_ms,
            "interval_ms": interval_ms,
            "miner": f"0x{maker['address'].lower()}",
            "miner_name": maker["name"],
            "transactions": transactions,
            "gas_used": min(GAS_LIMIT, transactions * draw.randrange(40_000, 120_000)),
            "gas_limit": GAS_LIMIT,
            "reporters": len(self.nodes),
            "first_node": maker["name"],
            "propagation_p50_ms": 31,
            "propagation_max_ms": 140,
            "final": True,
            "round": 1 if late else 0,
            "missed": list(missing),
            "forked": False,
        }
        self.blocks = [block, *self.blocks][:BLOCKS_MAX]
        self._tell(block)
        self._sign(block)
        return block

    def _tell(self, block: Document) -> None:
        draw = self._random
        for node in self.nodes.values():
            if not node["online"] or (node["lag_blocks"] or 0) > 0:
                continue
            first = node["name"] == block["first_node"]
            spread_ms = 0 if first else round(draw.lognormvariate(3.4, 0.6))
            node["propagation_ms"] = spread_ms
            history = [*node["propagation_history"], spread_ms][-HISTORY:]
            node["propagation_history"] = history
            node["propagation_average_ms"] = round(_mean(history) or 0)
            node["block"] = _short(block)
            node["block_at_ms"] = block["at_ms"] + spread_ms
            node["lag_blocks"] = 0
            node["processing_ms"] = draw.randrange(3, 30)
            node["latency_ms"] = max(1, node["latency_ms"] + draw.randrange(-2, 3))
            node["pending"] = max(0, node["pending"] + draw.randrange(-6, 7))

    def _sign(self, block: Document) -> None:
        for validator in self.validators:
            signed = validator["name"] not in block["missed"]
            validator["marks"] = (validator["marks"] + ("1" if signed else "0"))[-MARKS:]
            known = len(self.blocks[:100])
            missed = sum(validator["name"] in one["missed"] for one in self.blocks[:100])
            validator["missed_100"] = missed
            validator["signed_100"] = known - missed
            made = sum(one["miner_name"] == validator["name"] for one in self.blocks[:100])
            validator["proposed_100"] = made
            if signed:
                validator["last_signed"] = block["number"]

    def _hash(self) -> str:
        return f"0x{self._random.getrandbits(256):064x}"


def _short(block: Document) -> Document:
    names = ("number", "hash", "timestamp_ms", "transactions", "gas_used", "gas_limit")
    return {name: block[name] for name in names}


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _per_s(blocks: list[Document], total_ms: int) -> float:
    transactions = sum(int(one["transactions"]) for one in blocks)
    return transactions * 1000 / total_ms


def _percent(blocks: list[Document]) -> float:
    shares = [100 * int(one["gas_used"]) / int(one["gas_limit"]) for one in blocks[:20]]
    return sum(shares) / len(shares)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
