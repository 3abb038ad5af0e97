"""Draws docs/pictures/up.svg: what a terminal shows after a real `windlass up --detach`.

The network is started in a folder that is deleted afterwards. No font is fetched by the picture:
whoever looks at it sees their own monospace one.

Usage: python -m tools.picture
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "up.svg"
WINDLASS = Path(sys.executable).with_name("windlass")
COLUMNS = 116
TIMEOUT_S = 900
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def windlass(folder: Path, *arguments: str) -> str:
    """What the command shows on a terminal of this width, colours included."""
    done = subprocess.run(
        [WINDLASS, *arguments],
        cwd=folder,
        env={
            **os.environ,
            "FORCE_COLOR": "1",
            "COLUMNS": str(COLUMNS),
            "PATH": f"{WINDLASS.parent}{os.pathsep}{os.environ['PATH']}",  # or hints name its path
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    return done.stdout


def main() -> None:
    """Starts, draws, stops."""
    with tempfile.TemporaryDirectory(prefix="windlass-picture-") as name:
        folder = Path(name)
        windlass(folder, "init")
        try:
            shown = windlass(folder, "up", "--detach")
        finally:
            windlass(folder, "down", "--purge", "--yes")
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print("[bold green]$[/] make up")
        console.print(Text.from_ansi(shown.rstrip()), soft_wrap=True)
        svg = console.export_svg(title="windlass", unique_id="windlass-up")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(FONT_FACE.sub("", svg), "utf-8")
    print(f"Wrote {PICTURE}")


if __name__ == "__main__":
    main()
