"""What a process is started from, as one digest: when it changes, the process must start anew.

Only the processes that a change concerns are restarted: those whose own definition or program
differs, or whose arguments name a changed file or a directory above it. A file that no arguments
name (it is named in another file) concerns every process of its workload.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from windlass.plan.workload import File, Process, Workload


def file_digests(files: Iterable[File]) -> dict[str, str]:
    """SHA-256 of every file's content by path, without those that the program itself goes on
    writing or reads again."""
    return {
        file.path: hashlib.sha256(file.content).hexdigest()
        for file in files
        if not file.once and not file.live
    }


def digest(
    process: Process, workload: Workload, files: Mapping[str, str], programs: Mapping[str, str]
) -> str:
    """The digest of one process's definition; `files` as `file_digests` gives them."""
    own = process.command.arguments
    others = [one.command.arguments for one in workload.processes]
    concerned = sorted(
        (path, content)
        for path, content in files.items()
        if _names(own, path) or not any(_names(arguments, path) for arguments in others)
    )
    parts = (process, concerned, programs.get(process.command.program, ""))
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _names(arguments: Iterable[str], path: str) -> bool:
    above = {path, *(str(parent) for parent in Path(path).parents)} - {"/"}
    return any(argument.rpartition("=")[2] in above for argument in arguments)
