"""The document of `windlass status --json` is the documented one, to the field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from windlass.runtimes.local.status import (
    Endpoints,
    NetworkStatus,
    NodeStatus,
    ProcessStatus,
    Status,
    to_json_value,
)

PAGE = Path(__file__).resolve().parents[3] / "docs/reference/status-json.md"

NODE = NodeStatus(
    name="registrar",
    role="registrar",
    state="healthy",
    pid=1,
    height=None,
    finalized=None,
    block_hash=None,
    peers=None,
    rpc=None,
    restarts=0,
    rss_bytes=1,
    uptime_s=1,
    reason="",
    processes=[ProcessStatus(name="registrar", pid=1, state="running", restarts=0)],
)
STATUS = Status(
    healthy=True,
    networks=[
        NetworkStatus(
            name="trade",
            family="ethereum",
            consensus="bft",
            chain_id=1,
            height=None,
            finalized=None,
            block_time_s=1,
            endpoints=Endpoints(rpc=None, ws=None, registrar=None, ethstats=None, dashboard=None),
            nodes=[NODE],
        )
    ],
)


def test_the_document_has_the_documented_fields_in_their_order() -> None:
    """No field is missing, none is there that the page does not name."""
    example = re.search(r"\n    (\{.*?\})\n\n", PAGE.read_text(), re.DOTALL)
    assert example is not None
    documented = re.findall(r'"(\w+)"', example.group(1))
    assert list(_names(to_json_value(STATUS))) == documented


def test_what_does_not_apply_is_null() -> None:
    """A registrar has no height, and says so with null instead of leaving it out."""
    node = to_json_value(STATUS)["networks"][0]["nodes"][0]
    assert node["height"] is None
    assert node["rpc"] is None


def _names(value: Any) -> list[str]:
    if isinstance(value, list):
        return [name for one in value for name in _names(one)]
    if not isinstance(value, dict):
        return []
    return [name for key, one in value.items() for name in (key, *_names(one))]
