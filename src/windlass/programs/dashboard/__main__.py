"""`python -m windlass.programs.dashboard FILE`: how a runtime starts it, without click."""

from __future__ import annotations

from windlass.kit.running import enter
from windlass.programs.dashboard.main import main

if __name__ == "__main__":
    enter(main)
