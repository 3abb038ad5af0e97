"""The place where CometBFT looks for its application; apart, because it must be there at once."""

from __future__ import annotations

import socket
from pathlib import Path

BACKLOG = 16
"""CometBFT opens four connections; four more of one that is just being replaced, and some."""


def listen(path: str) -> socket.socket:
    """A unix socket that accepts connections at `path` from now on; a stale one is replaced.

    CometBFT sleeps 3 s when it finds nobody, so this is called before anything that takes time:
    connections wait in the backlog until `AbciServer.serve`. Raises OSError.
    """
    Path(path).unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening
