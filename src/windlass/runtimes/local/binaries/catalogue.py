"""The programs that Windlass runs but does not contain: versions, sources, and their sums.

Each version in `PINNED` has a complete record beside this file: the `go.mod` and `go.sum` of a
module that needs nothing but that program. Go checks every module it downloads against the record,
so the build is the same code everywhere, whatever proxy it came from and whether or not Go's
checksum database can be reached. The record itself was checked against that database when it was
made (`tools/record_module_sums.py`). A version without a record is built only if the database can
be asked.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from windlass.runtimes.local.binaries.errors import UnknownProgramError
from windlass.spec import versions

_SUMS = Path(__file__).with_name("sums")


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One program: where it comes from and which versions of it Windlass knows how to run.

    `line` is the part of the version that must be equal (what we rely on changes between lines);
    within it, `patch_min` is the first that works. `go_min` is the `go` line of its go.mod.
    `version_arguments` make it print its version, which `version_pattern` finds.
    """

    name: str
    title: str
    module: str
    package: str
    line: tuple[int, int]
    patch_min: int
    go_min: tuple[int, int]
    version_arguments: tuple[str, ...]
    version_pattern: str


PROGRAMS = {
    "geth": Program(
        name="geth",
        title="geth",
        module="github.com/ethereum/go-ethereum",
        package="github.com/ethereum/go-ethereum/cmd/geth",
        line=versions.GETH_LINE,
        patch_min=versions.GETH_PATCH_MIN,
        go_min=(1, 25),
        version_arguments=("version",),
        # What is not "-stable" was built from somebody's branch.
        version_pattern=r"^Version: (\d+\.\d+\.\d+)(?:-stable(?:-[0-9a-f]+)?)?$",
    ),
    "cometbft": Program(
        name="cometbft",
        title="CometBFT",
        module="github.com/cometbft/cometbft",
        package="github.com/cometbft/cometbft/cmd/cometbft",
        line=versions.COMETBFT_LINE,
        patch_min=versions.COMETBFT_PATCH_MIN,
        go_min=(1, 22),
        version_arguments=("version",),
        version_pattern=r"^v?(\d+\.\d+\.\d+)(?:\+[0-9a-f]+)?$",
    ),
}

PINNED = versions.PINNED
"""What a spec gets that names no version; each has a record here."""


class Record(msgspec.Struct, frozen=True):
    """A module that needs only the program: its go.mod and its complete go.sum."""

    go_mod: bytes
    go_sum: bytes


def program(name: str) -> Program:
    """The program of that name. Raises UnknownProgramError."""
    try:
        return PROGRAMS[name]
    except KeyError:
        raise UnknownProgramError(
            f"There is no program {name!r}.", f"There are {', '.join(PROGRAMS)}."
        ) from None


def parse_version(text: str) -> tuple[int, int, int]:
    """ "1.17.8" as numbers. Raises UnknownProgramError for anything else."""
    if not re.fullmatch(r"\d{1,6}\.\d{1,6}\.\d{1,6}", text):
        raise UnknownProgramError(f"{text!r} is no version.", "Write it like '1.17.8'.")
    major, minor, patch = (int(part) for part in text.split("."))
    return major, minor, patch


def check_version(of: Program, version: str) -> None:
    """Raises UnknownProgramError if Windlass does not know how to run that version."""
    *line, patch = parse_version(version)
    if tuple(line) != of.line or patch < of.patch_min:
        first = ".".join(str(part) for part in (*of.line, of.patch_min))
        raise UnknownProgramError(
            f"Windlass can't run {of.title} {version}.",
            f"Name {first} or a later {of.line[0]}.{of.line[1]}, such as {PINNED[of.name]}.",
        )


def fits(found: str, wanted: str) -> bool:
    """Whether a program of version `found` may stand in for `wanted`: the same or a later patch.

    Patches of one line fix faults and keep what we rely on; an earlier one may lack such a fix.
    """
    *found_line, found_patch = parse_version(found)
    *wanted_line, wanted_patch = parse_version(wanted)
    return found_line == wanted_line and found_patch >= wanted_patch


def record(of: Program, version: str) -> Record | None:
    """What the build of that version must consist of; None if that was not recorded."""
    base = _SUMS / f"{of.name}-{version}"
    try:
        return Record(Path(f"{base}.mod").read_bytes(), Path(f"{base}.sum").read_bytes())
    except FileNotFoundError:
        return None
