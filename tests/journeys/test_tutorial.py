"""The tutorial does what it says, command by command."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.console import Shell, missing, steps
from tests.support.logs import register
from tests.support.network import WINDLASS, Network, environment

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "first-network.md"


@pytest.mark.timeout(600)
def test_the_tutorial_does_what_it_says(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Every command of the tutorial ends as shown and prints what is shown."""
    register(request.config, tmp_path)
    variables = environment()
    variables["PATH"] = f"{WINDLASS.parent}{os.pathsep}{variables['PATH']}"
    variables["NO_COLOR"] = "1"
    shell = Shell(tmp_path, variables)
    try:
        for step in steps(PAGE.read_text()):
            code, output = shell.run(step.command)
            where = f"{PAGE.name}:{step.line}: $ {step.command}\n{output}"
            assert code == step.exit_code, where
            lost = missing(step.expected, output)
            assert lost is None, f"{where}\nnot printed: {lost}"
    finally:
        shell.close()
        for file in tmp_path.glob("*/windlass.yaml"):
            Network(file.parent, file.read_text()).close()
