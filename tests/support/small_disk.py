"""A disk that can really be full: a tmpfs in a mount namespace of its own, without root.

Only processes that enter the namespace (`enter` before their command) see it at `path`; a test sees
the same files at `outside`.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

BYTES = 24 << 20
"""Just more than a commit may need, so that an empty one counts as having room."""


class SmallDisk:
    """Mounted at `path` while the context lasts."""

    def __init__(self, path: Path, size_bytes: int = BYTES) -> None:
        path.mkdir(parents=True)
        self.path = path
        script = (
            f"mount -t tmpfs -o size={size_bytes} tmpfs '{path}' && echo mounted && exec sleep 600"
        )
        self._holder = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
            stdout=subprocess.PIPE,
        )
        self.outside = Path(f"/proc/{self._holder.pid}/root{path}")

    @property
    def enter(self) -> list[str]:
        """What stands before a command that is to see the disk."""
        target = f"--target={self._holder.pid}"
        return ["nsenter", target, "--user", "--mount", "--preserve-credentials"]

    def fill(self) -> None:
        """Leaves not a byte of room."""
        with (self.outside / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(1 << 16)):
                    pass
            except OSError:
                pass  # it is full
        assert os.statvfs(self.outside).f_bavail == 0

    def free(self) -> None:
        """Gives the room back."""
        (self.outside / "filler").unlink()

    def __enter__(self) -> Self:
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"mounted\n"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._holder.terminate()
        self._holder.communicate()
