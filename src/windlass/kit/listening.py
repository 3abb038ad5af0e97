"""Why a program cannot listen on a port, in words, and the refusal for it."""

from __future__ import annotations

import errno
from typing import Literal

from windlass.kit.errors import WindlassError


class ListenError(WindlassError):
    """A port cannot be had: it is taken, not allowed, or the address is not this machine's."""

    code = "port"

    def __init__(
        self, error: OSError, protocol: Literal["TCP", "UDP"], host: str, port: int
    ) -> None:
        place = f"{protocol} port {port} on {host}"
        flags = "-lunp" if protocol == "UDP" else "-ltnp"
        if error.errno == errno.EADDRINUSE:
            sentence = f"{place} is taken by another program."
            step = f"Find it with: ss {flags} 'sport = :{port}'. Stop it, or choose another port."
        elif error.errno == errno.EADDRNOTAVAIL:
            sentence = f"{place} cannot be used: this machine has no address {host}."
            step = "Choose an address that `ip address` shows."
        elif error.errno == errno.EACCES:
            sentence = f"{place} cannot be used: ports below 1024 need special rights."
            step = "Choose a port above 1023."
        else:
            sentence = f"{place} cannot be used: {error.strerror or error}."
            step = "Choose another address or port."
        super().__init__(sentence, step)
        self.protocol = protocol
        self.host = host
        self.port = port
