"""A network to make a vault for, and what lies in a vault."""

from __future__ import annotations

from pathlib import Path

from windlass.spec.load import parse_spec
from windlass.spec.models import Network


def network(fields: str = "nodes: 1") -> Network:
    """A network of a spec with these fields."""
    text = f"name: a\nnetworks:\n  trade: {{family: ethereum, chain_id: 20261, {fields}}}\n"
    if "chain_id" in fields:
        text = text.replace("chain_id: 20261, ", "")
    return parse_spec(text, "f").networks["trade"]


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
