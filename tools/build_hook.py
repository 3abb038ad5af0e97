"""Compiles abci.proto into the package, for wheels, editable installs and by hand.

The generated module is not in the repository: it must come from a protoc that fits the protobuf
library beside it, and a machine writes it in a moment. By hand: `python tools/build_hook.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = Path("src/windlass/chains/cometbft")
PROTO = "abci.proto"
GENERATED = ("abci_pb2.py", "abci_pb2.pyi")


def compile_proto(root: Path) -> None:
    """Writes GENERATED beside the .proto; raises RuntimeError when protoc refuses."""
    from grpc_tools import protoc

    folder = root / PACKAGE
    arguments = [f"-I{folder}", f"--python_out={folder}", f"--pyi_out={folder}", PROTO]
    code = protoc.main(["protoc", *arguments])  # type: ignore[no-untyped-call]
    if code:
        raise RuntimeError(f"protoc refused {folder / PROTO} with exit code {code}")


class AbciBuildHook(BuildHookInterface[Any]):
    """hatchling calls `initialize` before it collects the files of a wheel or editable install."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Generates the module and adds it to the wheel, although git ignores it."""
        del version
        if self.target_name == "wheel":
            compile_proto(Path(self.root))
            build_data["artifacts"] += [f"/{PACKAGE}/{name}" for name in GENERATED]


if __name__ == "__main__":
    compile_proto(Path(__file__).resolve().parent.parent)
    sys.stdout.write(f"{PACKAGE}: {', '.join(GENERATED)}\n")
