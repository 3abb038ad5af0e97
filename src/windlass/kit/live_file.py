"""A JSON file that another program replaces while this one runs: read again when it has changed.

For what may change while clients are connected (the nodes behind a gateway): a restart would cut
all of them off. Whoever writes such a file renames it into place, so it is never seen half.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Generic, TypeVar

from windlass.kit.files import FileError, read_json

T = TypeVar("T")

log = logging.getLogger(__name__)


class LiveFile(Generic[T]):
    """The newest good content of a file. Opening raises FileError; later a bad one is refused."""

    def __init__(self, path: Path | str, kind: type[T]) -> None:
        self._path = Path(path)
        self._kind = kind
        self._seen = self._mark()
        self.content = read_json(self._path, kind)

    def refresh(self) -> bool:
        """Reads the file if it was replaced; whether `content` is new. Never raises: what can't
        be read is logged once, and the content stays what it was."""
        mark = self._mark()
        if mark == self._seen:
            return False
        self._seen = mark
        try:
            self.content = read_json(self._path, self._kind)
        except FileError as error:
            log.warning("going on with what was read before", extra={"reason": error.sentence})
            return False
        return True

    def _mark(self) -> tuple[int, int, int]:
        """Tells one content from the next; a file that is away is as good as unchanged later."""
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_ino, status.st_mtime_ns, status.st_size)
