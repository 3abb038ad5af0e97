"""The bootnodes that a starting geth is given: the registrar's list, or the last good one.

geth looks at its bootnodes only at its start, so the list is asked for then. A registrar that is
down must not keep a node from starting: the last list is kept beside the node's data.
"""

from __future__ import annotations

import logging
from pathlib import Path

from windlass.chains.ethereum.enode import Enode, EnodeError, parse_enode
from windlass.kit.errors import WindlassError
from windlass.kit.files import FileError, read_bytes, write_atomically
from windlass.kit.http import get

TIMEOUT_S = 1.0
LIST_BYTES_MAX = 64 << 10
FILE_NAME = "bootnodes.txt"

log = logging.getLogger(__name__)


async def bootnodes(url: str, directory: Path) -> str | None:
    """A comma-joined list of enodes, or None if none was ever known."""
    kept = directory / FILE_NAME
    try:
        response = await get(url, timeout_s=TIMEOUT_S, body_bytes_max=LIST_BYTES_MAX)
    except WindlassError as error:
        log.warning("the registrar does not answer", extra={"url": url, "reason": str(error)})
        return _read(kept)
    found = _sound(response.body) if response.status == 200 else None
    if found is None:
        log.warning("the registrar has no bootnodes", extra={"url": url})
        return _read(kept)
    try:
        if _read(kept) != found:
            write_atomically(kept, found.encode() + b"\n", secret=False)
    except FileError as error:
        log.warning("the bootnodes cannot be kept", extra={"reason": str(error)})
    return found


def _read(path: Path) -> str | None:
    try:
        return _sound(read_bytes(path, bytes_max=LIST_BYTES_MAX))
    except FileError:
        return None


def _sound(content: bytes) -> str | None:
    """Those of a comma-joined list that geth takes: one wrong URL would end it at its start."""
    sound: list[Enode] = []
    for text in content.decode("utf-8", "replace").strip().split(","):
        try:
            sound.append(parse_enode(text))
        except EnodeError as error:
            log.warning("is no bootnode", extra={"reason": str(error)})
    return ",".join(str(one) for one in sound) or None
