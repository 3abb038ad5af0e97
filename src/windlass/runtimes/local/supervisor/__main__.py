"""`python -m windlass.runtimes.local.supervisor --state DIR`: what a detached start runs."""

import sys

from windlass.runtimes.local.supervisor.main import main

sys.exit(main(sys.argv[1:]))
