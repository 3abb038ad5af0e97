"""The place where CometBFT looks for its application; apart, because it must be there at once."""

from __future__ import annotations

import socket
from pathlib import Path

from windlass.kit.errors import WindlassError

BACKLOG = 16
"""CometBFT opens four connections; four more of one that is just being replaced, and some."""
PROBE_S = 1.0
"""A living listener takes a connection at once; one whose backlog is full would let us wait."""


class AbciSocketError(WindlassError):
    """The socket can't be had."""

    code = "abci_socket"


def listen(path: str) -> socket.socket:
    """A unix socket that accepts connections at `path` from now on; a stale one is replaced.

    CometBFT sleeps 3 s when it finds nobody, so this is called before anything that takes time:
    connections wait in the backlog until `AbciServer.serve`. Raises AbciSocketError, also when
    another process listens there.
    """
    if _answers(path):
        raise AbciSocketError(
            f"Another process serves CometBFT at {path}.",
            "Only one bridge may run for a node: find and stop the other one.",
        )
    listening = socket.socket(socket.AF_UNIX)
    try:
        Path(path).unlink(missing_ok=True)
        listening.bind(path)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise AbciSocketError(
            f"Can't listen at {path}: {error.strerror or error}.",
            "See that its directory exists, and that the path has at most 107 bytes.",
        ) from error
    listening.setblocking(False)
    return listening


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_S)
        try:
            probe.connect(path)
        except (TimeoutError, BlockingIOError):
            return True  # somebody listens, too busy or frozen: it is not ours to replace
        except OSError:
            return False
    return True
