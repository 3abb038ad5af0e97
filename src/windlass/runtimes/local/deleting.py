"""Deletes for good: what is said to be gone must be gone, above all keys."""

from __future__ import annotations

import shutil
from pathlib import Path

from windlass.runtimes.local.errors import NotDeleted


def delete(path: Path) -> None:
    """Deletes a file or a whole tree, never what a link leads to; nothing there is fine.

    Raises NotDeleted, naming what it stumbled over.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise NotDeleted(Path(error.filename or path), error.strerror or str(error)) from error
