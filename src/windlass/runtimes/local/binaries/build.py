"""Builds one program out of Go modules whose sums were recorded, and nothing else.

The build happens in a module of our own that requires exactly the program. With its recorded
go.sum Go refuses any module that differs by a byte, and `-mod=readonly` keeps it from choosing
others. Steps: download (lists and fetches what is needed), compile, check (the result must say
that it is the version that was asked for).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from windlass.kit.files import ensure_directory, write_atomically
from windlass.runtimes.local.binaries.catalogue import PINNED, Program, Record
from windlass.runtimes.local.binaries.errors import BuildError, DiskSpaceError
from windlass.runtimes.local.binaries.finder import installed_version
from windlass.runtimes.local.binaries.models import Progress
from windlass.runtimes.local.binaries.run import ToolError, run
from windlass.runtimes.local.binaries.store import Manifest, sha256
from windlass.runtimes.local.binaries.toolchain import Toolchain, ask

DOWNLOAD_TIMEOUT_S = 3600.0  # 300 MB over a slow line
COMPILE_TIMEOUT_S = 7200.0  # 100 s on two cores of a server; a small board takes an hour

DISK_BYTES_PRIVATE = 2560 << 20
"""1.5 GB of modules and objects, 0.3 GB of Go, and what the linker needs meanwhile."""

DISK_BYTES_SHARED = 512 << 20
"""With the user's caches only the programs themselves and the linker's files are ours."""

Report = Callable[[Progress], None]


def check_disk(place: Path, *, private: bool) -> None:
    """Raises DiskSpaceError if a build would fill the disk under the cache."""
    status = os.statvfs(place)
    free = status.f_bavail * status.f_frsize
    needed = DISK_BYTES_PRIVATE if private else DISK_BYTES_SHARED
    if free < needed:
        raise DiskSpaceError(place, free, needed)


class Build:
    """One build of one version, below its own folder of the workspace."""

    def __init__(
        self,
        of: Program,
        version: str,
        recorded: Record | None,
        folder: Path,
        toolchain: Toolchain,
        report: Report,
    ) -> None:
        self._of, self._version, self._recorded = of, version, recorded
        self._folder, self._toolchain, self._report = folder, toolchain, report
        self._title = f"{of.title} {version}"

    def run(self) -> tuple[Path, Manifest]:
        """The built program and what to remember of it. Raises BuildError."""
        ensure_directory(self._folder)
        self._prepare()
        packages = self._download()
        built = self._compile(packages)
        self._tell("check")
        found = installed_version(self._of, built)
        if found != self._version:
            raise BuildError(
                self._title,
                "check",
                f"it says that it is {found}" if found else "it does not start",
                (),
                "Run `windlass binaries install` again; report it if that does not help.",
            )
        status = built.stat()
        return built, Manifest(
            schema=1,
            program=self._of.name,
            version=self._version,
            sha256=sha256(built),
            bytes_count=status.st_size,
            modified_ns=status.st_mtime_ns,
            go=self._toolchain.version,
            cgo=self._toolchain.compiler is not None,
            sums="recorded" if self._recorded else "database",
        )

    def _prepare(self) -> None:
        """Writes the module: from the record, or by asking the checksum database."""
        if self._recorded:
            write_atomically(self._folder / "go.mod", self._recorded.go_mod, secret=False)
            write_atomically(self._folder / "go.sum", self._recorded.go_sum, secret=False)
            return
        self._tell("download", detail="asking the checksum database")
        major, minor = self._of.go_min
        empty = f"module windlass/build\n\ngo {major}.{minor}\n"
        write_atomically(self._folder / "go.mod", empty.encode(), secret=False)
        # Without a record only the database can vouch for the modules, so nothing is excepted from
        # it, whatever the user's settings say.
        if ask(self._toolchain.go, self._toolchain.environment, "env", "GOSUMDB") in (None, "off"):
            raise BuildError(
                self._title,
                "download",
                "its sums were not recorded, and Go's checksum database is switched off (GOSUMDB)",
                (),
                f"Ask for version {PINNED[self._of.name]}, or allow the database.",
            )
        vouched = {"GOFLAGS": "-mod=mod", "GONOSUMDB": "windlass.invalid"}
        package = f"{self._of.package}@v{self._version}"
        self._go("download", ["get", package], DOWNLOAD_TIMEOUT_S, lambda _: None, vouched)

    def _download(self) -> int:
        """Fetches all that is needed; returns the number of packages to compile."""
        modules, packages = 0, 0

        def count(line: str) -> None:
            nonlocal modules, packages
            if line.startswith("go: downloading "):
                modules += 1
                self._tell("download", modules, detail=line.split()[2])
            elif not line.startswith("go: "):
                packages += 1

        self._tell("download")
        self._go("download", ["list", "-deps", self._of.package], DOWNLOAD_TIMEOUT_S, count)
        return packages

    def _compile(self, packages: int) -> Path:
        """The linked program; packages that Go has in its cache are not compiled again."""
        compiled = 0

        def count(line: str) -> None:
            nonlocal compiled
            if re.fullmatch(r"[\w.\-/]+", line):
                compiled += 1
                self._tell("compile", min(compiled, packages), packages, line)

        self._tell("compile", 0, packages)
        # No paths of this machine and no debugging tables in the result: a third smaller.
        flags = ["-trimpath", "-buildvcs=false", "-ldflags", "-s -w"]
        target = self._folder / self._of.name
        arguments = ["build", "-v", *flags, "-o", str(target), self._of.package]
        self._go("compile", arguments, COMPILE_TIMEOUT_S, count)
        return target

    def _go(
        self,
        step: str,
        arguments: Sequence[str],
        timeout_s: float,
        on_line: Callable[[str], None],
        variables: dict[str, str] | None = None,
    ) -> None:
        try:
            run(
                [self._toolchain.go, *arguments],
                folder=self._folder,
                environment={**self._toolchain.environment, **(variables or {})},
                timeout_s=timeout_s,
                on_line=on_line,
            )
        except ToolError as error:
            raise BuildError(
                self._title, step, error.reason, error.tail, _next_step(step, error.tail)
            ) from error

    def _tell(self, step: str, done: int = 0, total: int | None = None, detail: str = "") -> None:
        self._report(
            Progress(
                program=self._of.name,
                version=self._version,
                step=step,
                done=done,
                total=total,
                detail=detail,
            )
        )


_NEXT_STEPS = (
    (
        r"checksum mismatch|SECURITY ERROR|missing go\.sum entry",
        "A module is not the one that was recorded: look at GOPROXY, and do not use what it gave.",
    ),
    (
        r"no space left on device",
        "Free some space, or name a cache on another disk in XDG_CACHE_HOME.",
    ),
    (
        r"dial tcp|no such host|i/o timeout|TLS handshake|proxyconnect|connection re(fused|set)",
        "Look at the connection, or name a proxy for Go modules in GOPROXY, then try again.",
    ),
    (
        r"signal: killed|cannot allocate memory",
        "Free some memory, or stop what needs it, then try again.",
    ),
)


def _next_step(step: str, tail: Sequence[str]) -> str:
    """What to do about a failed tool, from what it said last."""
    text = "\n".join(tail)
    for pattern, advice in _NEXT_STEPS:
        if re.search(pattern, text):
            return advice
    if step == "compile":
        return "Try without the C compiler (CGO_ENABLED=0), or put the program on the path."
    return "Try again, or put the program on the path."
