"""What a gateway says about itself: /readyz, /state, /metrics and /transaction?hash=0x…"""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs

from windlass.kit.http_messages import Request, Response, json_response, text_response
from windlass.programs.gateway.database import JournalError
from windlass.programs.gateway.fleet import Fleet
from windlass.programs.gateway.journal import Entry, Journal
from windlass.programs.gateway.metrics import Metrics
from windlass.programs.gateway.settings import Settings

STUCK_S = 30.0
STUCK_MAX = 20

_HASH = re.compile(r"0x[0-9a-f]{64}\Z")


class Report:
    """Reads the other parts when asked; keeps nothing itself."""

    def __init__(
        self, settings: Settings, fleet: Fleet, journal: Journal, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._fleet = fleet
        self._journal = journal
        registry, prefix = metrics.registry, "windlass_gateway"
        for name, help_text, read in (
            ("nodes_usable", "Nodes that can be asked.", lambda: len(fleet.usable())),
            ("head", "Number of the newest block that clients are told of.",
             lambda: fleet.head.number),
            ("journal_pending", "Accepted transactions that are not final yet.",
             lambda: len(journal)),
            ("journal_dropped", "Dropped transactions that are kept.",
             lambda: journal.dropped_count),
        ):  # fmt: skip
            registry.gauge(f"{prefix}_{name}", help_text, read=read)

    def ready(self) -> str | None:
        """Why no node can be asked."""
        return self._fleet.problem()

    def state(self) -> dict[str, Any]:
        """What `windlass status` and the doctor look at."""
        now = time.time()
        oldest = self._journal.oldest()
        return {
            "network": self._settings.network,
            "node": self._settings.node,
            "head": {"number": self._fleet.head.number, "hash": self._fleet.head.hash},
            "nodes": [
                {
                    "name": node.name,
                    "priority": node.priority,
                    "height": node.number,
                    "usable": node.usable,
                    "reason": node.reason,
                }
                for node in self._fleet.nodes.values()
            ],
            "journal": {
                "pending": len(self._journal),
                "dropped": self._journal.dropped_count,
                "oldest_age_s": round(now - oldest.accepted_at, 3) if oldest else 0,
                "limit": self._journal.limit,
            },
            "stuck": [_stuck(entry, now) for entry in self._stuck(now)],
        }

    async def transaction(self, request: Request) -> Response:
        """What became of a transaction that was accepted here."""
        known = (parse_qs(request.query).get("hash") or [""])[0].lower()
        if not _HASH.match(known):
            return text_response("write it like /transaction?hash=0x and 64 hex digits\n", 400)
        entry = self._journal.get(known)
        if entry is not None:
            return json_response(
                {
                    "schema": 1,
                    "status": "pending",
                    "sender": entry.sender,
                    "nonce": entry.nonce,
                    "accepted_at": entry.accepted_at,
                    "sent": entry.sent,
                    "last_refusal": entry.last_refusal,
                    "reason": "",
                }
            )
        try:
            dropped = await self._journal.dropped(known)
        except JournalError as error:
            return text_response(f"{error.sentence}\n", 503)
        if dropped is None:
            return json_response({"schema": 1, "status": "unknown"})
        return json_response({"schema": 1, "status": "dropped", **dropped})

    def _stuck(self, now: float) -> list[Entry]:
        found: list[Entry] = []
        for entry in self._journal.entries():  # the oldest come first
            if now - entry.accepted_at <= STUCK_S or len(found) >= STUCK_MAX:
                break
            found.append(entry)
        return found


def _stuck(entry: Entry, now: float) -> dict[str, Any]:
    return {
        "hash": entry.hash,
        "sender": entry.sender,
        "nonce": entry.nonce,
        "sender_nonce": entry.sender_nonce,
        "age_s": round(now - entry.accepted_at, 3),
        "last_refusal": entry.last_refusal,
        "max_fee_wei": str(entry.max_fee_wei),
    }
