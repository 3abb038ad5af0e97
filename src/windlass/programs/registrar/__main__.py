"""`python -m windlass.programs.registrar FILE`: the program without the command line around it."""

from __future__ import annotations

import sys

from windlass.programs.registrar.main import main

if __name__ == "__main__":
    main(sys.argv[1])
