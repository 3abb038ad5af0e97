"""Specs to start from: each is a whole, valid file whose comments explain it.

A template is an ordinary spec that tests load as it is; making one for somebody only puts their
name into it.
"""

from __future__ import annotations

import re
from importlib import resources

from windlass.kit.errors import UsageError
from windlass.spec.values import LABEL_LENGTH_MAX, label, suggestion

TEMPLATES = {
    "ethereum": "four validators, one of which may fail, and a node for RPC",
    "ethereum-solo": "one sealer and a node, for one small machine",
}
"""Name → what it gives."""

DEFAULT = "ethereum"

_NAME_IN_TEMPLATES = "my-network"
_COMMENT_COLUMN = 34


class UnknownTemplate(UsageError):
    """There is no template of that name."""

    code = "unknown_template"


def render(template: str, name: str) -> str:
    """The text of a new `windlass.yaml`. Raises UnknownTemplate; ValueError for a wrong name."""
    if template not in TEMPLATES:
        raise UnknownTemplate(
            f"There is no template {template!r}{suggestion(template, list(TEMPLATES))}.",
            "`windlass init --help` lists them.",
        )
    file = resources.files("windlass.spec") / "templates" / f"{template}.yaml"
    text = file.read_text(encoding="utf-8")
    before = f"name: {_NAME_IN_TEMPLATES}".ljust(_COMMENT_COLUMN)
    return text.replace(before, f"name: {label(name)} ".ljust(_COMMENT_COLUMN), 1)


def name_from_directory(directory: str) -> str:
    """A directory's name made a DNS label: "My Chain (2)" → "my-chain-2"."""
    words = re.sub(r"[^a-z0-9]+", "-", directory.lower()).lstrip("-0123456789")
    return words[:LABEL_LENGTH_MAX].rstrip("-") or _NAME_IN_TEMPLATES
