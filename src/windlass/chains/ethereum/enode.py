"""enode URLs: how Ethereum nodes name each other (devp2p: key, IP address, TCP and UDP port).

Strict, because geth ends at its start when one of its bootnodes' URLs is wrong: what is parsed
here is something that geth takes.
"""

from __future__ import annotations

import ipaddress
import re

import msgspec

_FORM = re.compile(
    r"enode://([0-9a-fA-F]{128})@(\[(?=[^\]]*:)[0-9a-fA-F:.]{2,45}\]|[0-9.]{7,15})"
    r":(0|[1-9][0-9]{0,4})(?:\?discport=(0|[1-9][0-9]{0,4}))?",
    re.ASCII,
)
_FIELD = 2**256 - 2**32 - 977  # the prime of secp256k1


class EnodeError(ValueError):
    """The text is not the URL of a node."""


class Enode(msgspec.Struct, frozen=True, order=True):
    """A node. `ip` is in its canonical text form; a TCP port of 0 means that it only answers
    discovery."""

    public_key: bytes
    ip: str
    tcp: int
    udp: int

    def __str__(self) -> str:
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        discovery = "" if self.udp == self.tcp else f"?discport={self.udp}"
        return f"enode://{self.public_key.hex()}@{host}:{self.tcp}{discovery}"


def parse_enode(text: str) -> Enode:
    """Reads `enode://KEY@IP:TCP[?discport=UDP]`; the IP address in brackets if it is IPv6.

    KEY is 128 hex digits that are a point of the curve. Raises EnodeError with the reason.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise EnodeError(f"{text[:200]!r} is not like enode://128 HEX DIGITS@IP:PORT")
    key, host, tcp_text, udp_text = match.groups()
    public_key = bytes.fromhex(key)
    if not is_public_key(public_key):
        raise EnodeError(f"the key of {text[:200]!r} is not a point of the curve")
    tcp = int(tcp_text)
    udp = tcp if udp_text is None else int(udp_text)
    if tcp > 65535 or not 0 < udp <= 65535:
        raise EnodeError(f"a port of {text[:200]!r} is out of range")
    return Enode(public_key, _canonical(host.strip("[]"), text), tcp, udp)


def is_public_key(key: bytes) -> bool:
    """Whether 64 bytes are the x and y of a point of secp256k1: y² = x³ + 7."""
    x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
    return len(key) == 64 and x < _FIELD and y < _FIELD and (y * y - x**3 - 7) % _FIELD == 0


def _canonical(host: str, text: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError as error:
        raise EnodeError(f"the address of {text[:200]!r} is wrong: {error}") from error
    if address.is_unspecified or address.is_multicast:
        raise EnodeError(f"the address of {text[:200]!r} is not a single host's")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
