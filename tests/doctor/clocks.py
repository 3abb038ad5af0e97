"""A `windlass` whose programs live by clocks that a test sets, one by one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

SITE_PACKAGES = Path(sys.prefix) / "lib"

# Plays the interpreter of all our programs; a node's bridge or sealer whose node is named in the
# file gets the clock named there. bash, since `exec -a` is no part of POSIX.
PYTHON = """\
#!/bin/bash
while read -r name offset; do
  case "$*" in
    *"/$name/bridge.json"*|*"/$name/sealer.json"*)
      export LD_PRELOAD={library} FAKETIME="$offset" ;;
  esac
done < {clocks}
exec -a {wrapper} {python} "$@"
"""


def windlass_with_clocks(folder: Path, clocks: Path) -> Path:
    """The command, made in that folder. `clocks` has lines of `NODE OFFSET`, which count from the
    next start of the node's bridge or sealer on."""
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    # A virtual environment whose interpreter is the wrapper: sys.executable is what starts others.
    (folder / "venv/bin").mkdir(parents=True)
    (folder / "venv/lib").symlink_to(SITE_PACKAGES)
    shutil.copyfile(Path(sys.prefix) / "pyvenv.cfg", folder / "venv/pyvenv.cfg")
    wrapper = folder / "venv/bin/python"
    real = Path(sys.executable).resolve()
    wrapper.write_text(PYTHON.format(library=library, clocks=clocks, wrapper=wrapper, python=real))
    wrapper.chmod(0o755)
    command = folder / "windlass"
    command.write_text(f'#!/bin/sh\nexec {wrapper} -m windlass "$@"\n')
    command.chmod(0o755)
    return command
