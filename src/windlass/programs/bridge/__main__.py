"""`python -m windlass.programs.bridge FILE`: the bridge without the rest of Windlass, for tests."""

import sys

from windlass.programs.bridge.main import main

if __name__ == "__main__":
    main(sys.argv[1])
