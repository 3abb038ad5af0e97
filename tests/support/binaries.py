"""Where the tests' real programs are."""

from __future__ import annotations

import os
from pathlib import Path

from tools.test_binaries import VERSIONS, cached


def find(program: str) -> Path:
    """The program's path; says how to get it if it is not there."""
    folder = os.environ.get("WINDLASS_TEST_BINARIES")
    path = Path(folder) / program if folder else cached(program)
    if path is None or not path.is_file():
        raise FileNotFoundError(
            f"{program} {VERSIONS[program]} is not there: `make test-setup` installs it."
        )
    return path
