"""What is built, and what may stand in for it."""

from __future__ import annotations

import re

import pytest

from windlass.runtimes.local.binaries.catalogue import (
    PINNED,
    PROGRAMS,
    check_version,
    fits,
    parse_version,
    program,
    record,
)
from windlass.runtimes.local.binaries.errors import UnknownProgramError
from windlass.spec.models import Clients


def test_the_spec_asks_for_what_is_pinned() -> None:
    """A spec that names no version gets one whose sums are recorded."""
    assert {"geth": Clients().geth, "cometbft": Clients().cometbft} == PINNED


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_pinned_version_has_a_record(name: str) -> None:
    """The record requires that version, names a sum for it, and needs no newer Go than it says."""
    of, version = PROGRAMS[name], PINNED[name]
    recorded = record(of, version)

    assert recorded is not None
    assert f"{of.module} v{version}" in recorded.go_mod.decode()
    sum_line = rf"^{of.module} v{version} h1:\S{{44}}$"
    assert re.search(sum_line, recorded.go_sum.decode(), re.MULTILINE)
    go_line = re.search(r"^go (\d+)\.(\d+)", recorded.go_mod.decode(), re.MULTILINE)
    assert go_line is not None
    assert (int(go_line[1]), int(go_line[2])) == of.go_min
    assert "replace" not in recorded.go_mod.decode()


def test_other_versions_have_none() -> None:
    """What was not recorded is not made up."""
    assert record(PROGRAMS["geth"], "1.17.5") is None


@pytest.mark.parametrize(
    ("found", "wanted", "answer"),
    [
        ("1.17.8", "1.17.8", True),
        ("1.17.9", "1.17.8", True),
        ("1.17.10", "1.17.8", True),
        ("1.17.7", "1.17.8", False),
        ("1.18.0", "1.17.8", False),
        ("2.17.8", "1.17.8", False),
    ],
)
def test_a_later_patch_fits(found: str, wanted: str, answer: bool) -> None:
    """The same version or a later patch of its line may stand in, nothing else."""
    assert fits(found, wanted) is answer


@pytest.mark.parametrize(
    ("name", "version"),
    [("geth", "1.13.15"), ("geth", "1.17.4"), ("geth", "1.18.0"), ("cometbft", "0.39.4")],
)
def test_lines_that_we_cannot_run_are_refused(name: str, version: str) -> None:
    """The refusal names what can be run; it is the person's input that is wrong."""
    with pytest.raises(UnknownProgramError, match=re.escape(PINNED[name])) as refusal:
        check_version(PROGRAMS[name], version)
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("text", ["", "1.17", "v1.17.8", "1.17.8-stable", "1.17.8\n", "latest"])
def test_versions_are_three_numbers(text: str) -> None:
    """Anything else is refused before it becomes a path or an argument."""
    with pytest.raises(UnknownProgramError):
        parse_version(text)


def test_unknown_programs_are_refused() -> None:
    """The refusal lists the programs that there are."""
    with pytest.raises(UnknownProgramError, match="geth, cometbft"):
        program("besu")
