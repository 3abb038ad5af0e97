"""Fault points kill where they are told to, and nowhere else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
from windlass.kit.faults import fault_point
for turn in range(3):
    fault_point("here")
    print(turn, flush=True)
"""


def run(fault: str | None) -> tuple[int, str]:
    environment = {**os.environ, **({} if fault is None else {"WINDLASS_FAULT": fault})}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, "".join(done.stdout.split())


@pytest.mark.parametrize(
    ("fault", "printed"), [("here", ""), ("here:1", ""), ("here:3", "01"), ("here:x", "")]
)
def test_kills_at_the_armed_point_and_pass(fault: str, printed: str) -> None:
    """The process dies by SIGKILL at exactly the pass that the variable names."""
    assert run(fault) == (-signal.SIGKILL, printed)


@pytest.mark.parametrize("fault", [None, "", "elsewhere", "here:4"])
def test_is_nothing_otherwise(fault: str | None) -> None:
    """Without the variable, with another name or a pass that never comes, nothing happens."""
    assert run(fault) == (0, "012")
