"""What the rest of Windlass hears about binaries."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Binary(msgspec.Struct, frozen=True, kw_only=True):
    """A program that is there. `origin` is path (the user's own) or cache (built by us).

    `version` is what it says itself, which may be a later patch than what was asked for. `sha256`
    is known for what we built: 64 hex digits.
    """

    program: str
    version: str
    path: Path
    origin: str
    bytes_count: int
    sha256: str | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a cached binary is still what was built; `problem` is None if it is."""

    binary: Binary
    problem: str | None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a build is.

    `step` is waiting, toolchain, download, compile, check or done. `done` counts modules while
    downloading and packages while compiling; `total` is None where nobody knows it.
    """

    program: str
    version: str
    step: str
    done: int = 0
    total: int | None = None
    detail: str = ""
