"""A plan as plain JSON values. Never shows what a secret file holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from windlass.plan.workload import File, Workload

SCHEMA = 1


def to_json_value(workloads: Sequence[Workload]) -> dict[str, Any]:
    """`{"schema": 1, "workloads": [...]}`: each workload's fields by their names.

    A file is `{"path", "secret", "once", "live", "content"}`, its content text; that of a secret
    file is null, and so is one that is not UTF-8.
    """
    return {"schema": SCHEMA, "workloads": [_workload(workload) for workload in workloads]}


def _workload(workload: Workload) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(workload, files=()))
    return value | {"files": [_file(file) for file in workload.files]}


def _file(file: File) -> dict[str, Any]:
    return {
        "path": file.path,
        "secret": file.secret,
        "once": file.once,
        "live": file.live,
        "content": None if file.secret else _text(file.content),
    }


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
