"""Who may use the RPC from a browser, and under which names it answers.

A page that somebody visits could otherwise send calls to it. Pages of this machine may, so that an
application can be developed beside its chain. A foreign name that resolves to this machine (DNS
rebinding) would make a foreign page look like one of its own, so only IP addresses and localhost
are answered. Programs that are no browsers send no Origin and are not concerned. geth has the same
rules.
"""

from __future__ import annotations

import functools
import ipaddress
import re

_LOCAL_ORIGIN = re.compile(r"http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?\Z", re.IGNORECASE)
_LOCAL_SOCKET_ORIGIN = re.compile(
    r"https?://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?\Z", re.IGNORECASE
)


def may_read(origin: str) -> bool:
    """Whether a page of this origin may read answers over HTTP."""
    return _LOCAL_ORIGIN.match(origin) is not None


def may_connect(origin: str) -> bool:
    """Whether a page of this origin may open a WebSocket."""
    return _LOCAL_SOCKET_ORIGIN.match(origin) is not None


@functools.lru_cache(maxsize=64)
def is_own_name(host: str) -> bool:
    """Whether a Host header names an IP address or localhost."""
    name = host.strip()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    if name.lower() in ("", "localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
