"""Where bootnodes are: URLs from the settings, or the addresses behind a DNS name."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Sequence
from typing import Protocol

from windlass.kit.errors import WindlassError

BOOTNODE_HTTP_PORT = 8080
"""Where a bootnode behind a DNS name serves its enode."""
ADDRESSES_MAX = 64
LOOKUPS_MAX = 2
"""The system's resolver cannot be interrupted: this many hung look-ups, then no more are begun."""

log = logging.getLogger(__name__)


class ResolveError(WindlassError):
    """The DNS name has no addresses now, or nobody answers; the last good list stands."""

    code = "dns"


class Source(Protocol):
    """Gives the URLs of the bootnodes."""

    async def urls(self) -> Sequence[str]:
        """All URLs that are known now. Raises ResolveError."""
        ...


class FixedSource:
    """URLs that were written down."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = [url.rstrip("/") for url in urls]

    async def urls(self) -> Sequence[str]:
        """The same URLs each time."""
        return self._urls


class DnsSource:
    """A DNS name (on Kubernetes a headless service) with an A or AAAA record for each bootnode."""

    def __init__(self, name: str, *, timeout_s: float, port: int = BOOTNODE_HTTP_PORT) -> None:
        self._name = name
        self._timeout_s = timeout_s
        self._port = port
        self._hung = 0

    async def urls(self) -> Sequence[str]:
        """A URL for each address, IPv4 and IPv6. Raises ResolveError."""
        if self._hung >= LOOKUPS_MAX:
            raise ResolveError(f"{self._name} cannot be looked up: the resolver does not answer.")
        lookup = self._begin()
        try:
            async with asyncio.timeout(self._timeout_s):
                addresses = await asyncio.shield(lookup)
        except TimeoutError as error:
            raise ResolveError(
                f"{self._name} was not resolved within {self._timeout_s:g} s."
            ) from error
        except (OSError, UnicodeError) as error:
            raise ResolveError(f"{self._name} cannot be resolved: {error}.") from error
        if len(addresses) > ADDRESSES_MAX:
            log.warning(
                "the name has too many addresses",
                extra={"service": self._name, "addresses": len(addresses), "used": ADDRESSES_MAX},
            )
        return [self._url(address) for address in addresses[:ADDRESSES_MAX]]

    def _begin(self) -> asyncio.Future[list[str]]:
        """A look-up in a thread that does not keep the process from ending."""
        loop = asyncio.get_running_loop()
        lookup: asyncio.Future[list[str]] = loop.create_future()

        def settle(addresses: list[str], error: Exception | None) -> None:
            self._hung -= 1
            if error is None:
                lookup.set_result(addresses)
            else:
                lookup.set_exception(error)
                lookup.exception()  # it may come too late for anyone to ask for it

        def work() -> None:
            addresses, failure = [], None
            try:
                addresses = self._look_up()
            except (OSError, UnicodeError) as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, addresses, failure)

        self._hung += 1
        threading.Thread(target=work, name="dns", daemon=True).start()
        return lookup

    def _look_up(self) -> list[str]:
        found = socket.getaddrinfo(self._name, self._port, type=socket.SOCK_STREAM)
        return sorted({str(address[0]) for *_, address in found})

    def _url(self, address: str) -> str:
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{self._port}"
