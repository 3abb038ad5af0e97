"""Records what a build of each pinned chain client must consist of.

Writes `sums/PROGRAM-VERSION.{mod,sum}` beside the catalogue: a go.mod that requires exactly the
program, and the complete go.sum for it. Go asks its checksum database for every module while it
writes them, so the record is as good as the database; this refuses to run without it. Records of
versions that are no longer pinned are deleted.

Usage: python -m tools.record_module_sums        (needs Go and the network; then look at the diff)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.test_binaries import DEVP2P, DEVP2P_SUMS, VERSIONS
from windlass.runtimes.local.binaries.catalogue import PINNED, PROGRAMS, Program

SUMS = Path(__file__).resolve().parents[1] / "src/windlass/runtimes/local/binaries/sums"
PLATFORMS = ("linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64")
TIMEOUT_S = 1800


def go(folder: Path, *arguments: str, **variables: str) -> str:
    """What Go prints; its complaints go to the terminal."""
    environment = {
        **os.environ,
        "GOFLAGS": "-mod=mod",
        "GONOSUMDB": "windlass.invalid",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        **variables,
    }
    done = subprocess.run(
        ["go", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    return done.stdout.strip()


def record(program: Program, version: str, folder: Path, sums: Path) -> None:
    """Writes the two files of one program."""
    wanted = f"{program.module}@v{version}"
    # The program's own `go` line: it decides Go's defaults at run time, which stay the authors'.
    language = go(folder, "list", "-m", "-f", "{{.GoVersion}}", wanted)
    module = folder / "go.mod"
    module.write_text(f"module windlass/build\n\ngo {language}\n")
    go(folder, "get", f"{program.package}@v{version}")
    for platform in PLATFORMS:
        system, processor = platform.split("/")
        for cgo in ("0", "1"):
            go(
                folder,
                *("list", "-mod=readonly", "-deps", program.package),
                GOOS=system,
                GOARCH=processor,
                CGO_ENABLED=cgo,
            )
    text = module.read_text()
    if f"\ngo {language}\n" not in text or "\ntoolchain " in text:
        raise SystemExit(f"{wanted} needs a newer Go than its own go.mod says:\n{text[:200]}")
    for kind in ("mod", "sum"):
        content = (folder / f"go.{kind}").read_bytes()
        (sums / f"{program.name}-{version}.{kind}").write_bytes(content)


def main() -> int:
    """Records all pinned versions, and the devp2p that the tests run."""
    wanted = {f"{name}-{version}" for name, version in PINNED.items()}
    programs = [(PROGRAMS[name], version, SUMS) for name, version in PINNED.items()]
    programs.append((DEVP2P, VERSIONS["devp2p"], DEVP2P_SUMS))
    for program, version, sums in programs:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "go.mod").write_text("module windlass/build\n")
            if go(Path(folder), "env", "GOSUMDB") == "off":
                raise SystemExit("Go's checksum database is switched off (GOSUMDB).")
            record(program, version, Path(folder), sums)
        print(f"{program.name} {version}: recorded")
    for file in SUMS.iterdir():
        if file.stem not in wanted:
            file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
