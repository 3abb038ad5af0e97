"""What a dashboard refuses, in words."""

from __future__ import annotations

from pathlib import Path

from windlass.kit.errors import WindlassError


class HistoryUnusable(WindlassError):
    """The history's database can't be opened, and not because it is damaged."""

    code = "history_unusable"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The dashboard's history {path} cannot be used: {reason}.",
            "See whether the disk is full, who owns the directory, and whether another dashboard "
            "has the same file.",
        )
