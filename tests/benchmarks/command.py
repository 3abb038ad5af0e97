"""How fast the command answers, and how light the programs are to start."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.report import Section, median
from tests.support.network import WINDLASS

RUNS = 5
PROGRAMS = ("bridge", "sealer", "bootnode", "registrar")


def measure(section: Section, folder: Path) -> None:
    """`windlass --help`, and importing each program."""
    subprocess.run([WINDLASS, "--help"], capture_output=True, check=True)  # compiles the bytecode
    section.add("`windlass --help`", "≤ 150 ms", median(_walls(folder), "ms", 0))
    for name in PROGRAMS:
        seconds = [_import_cpu(f"windlass.programs.{name}.main") for _ in range(RUNS)]
        section.add(f"{name}: processor time to import", "≤ 0.25 s", median(seconds))


def _walls(folder: Path) -> list[float]:
    walls = []
    for _ in range(RUNS):
        began = time.monotonic()
        subprocess.run([WINDLASS, "--help"], cwd=folder, capture_output=True, check=True)
        walls.append((time.monotonic() - began) * 1000)
    return walls


def _import_cpu(module: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
