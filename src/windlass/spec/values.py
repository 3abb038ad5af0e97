"""How values that any machine or network has are written: numbers, names, addresses, sizes.

Each function reads text into its exact form or raises ValueError with the reason: a sentence
fragment that says what was found and what would be right.
"""

from __future__ import annotations

import ipaddress
import re
from difflib import get_close_matches

from windlass.spec.models import SCHEMA, BytesCount

LABEL_LENGTH_MAX = 30
"""CometBFT's chain id may have 50 characters and ends in ours, a number of up to 16 digits."""

TEXT_SHOWN_MAX = 60


def shown(text: str) -> str:
    """Text out of the file as a message may show it: quoted, on one line, short."""
    short = text if len(text) <= TEXT_SHOWN_MAX else text[:TEXT_SHOWN_MAX] + "…"
    return repr(short)


def suggestion(word: str, known: list[str]) -> str:
    """ "; did you mean 'x'?" or, if nothing is near, the list of what there is."""
    near = get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(known)}"


_INTEGER = re.compile(r"-?(0x[0-9a-fA-F][0-9a-fA-F_]*|[0-9][0-9_]*)\Z")


def integer(text: str) -> int:
    """A whole number: 30000000, 30_000_000 or 0x1c9c380."""
    if not _INTEGER.match(text) or len(text) > 80:
        raise ValueError(f"found {shown(text)}, needed is a whole number")
    digits = text.replace("_", "")
    return int(digits, 16) if "x" in digits else int(digits)


_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?\Z")


def label(text: str) -> str:
    """A name that can stand in host names: a DNS label (RFC 1123), beginning with a letter."""
    if not _LABEL.match(text) or len(text) > LABEL_LENGTH_MAX:
        raise ValueError(
            f"found {shown(text)}, needed is a DNS label: lower-case letters, digits and '-', "
            f"beginning with a letter, not ending with '-', at most {LABEL_LENGTH_MAX} characters"
        )
    return text


def is_newer(text: str) -> bool:
    """Whether the version of a file's format is beyond what this release reads."""
    try:
        return integer(text) > SCHEMA
    except ValueError:
        return False


def schema_version(text: str) -> int:
    """A version of the format that this release reads."""
    number = integer(text)
    if not 1 <= number <= SCHEMA:
        raise ValueError(f"is {number}, needed is {SCHEMA}")
    return number


def port(text: str) -> int | None:
    """A port number, or None for `auto`."""
    if text == "auto":
        return None
    number = integer(text)
    if not 1024 <= number <= 65535:
        raise ValueError(f"is {number}, needed is 1024 to 65535 (those below need root) or auto")
    return number


def _ip(text: str) -> ipaddress.IPv4Address:
    if text == "localhost":
        raise ValueError("found 'localhost', needed is an IP address: 127.0.0.1")
    if ":" in text:
        raise ValueError(f"{shown(text)} is an IPv6 address; this release uses IPv4 only")
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError as error:
        raise ValueError(
            f"found {shown(text)}, needed is an IPv4 address such as 127.0.0.1 (names can't stand "
            f"in an enode)"
        ) from error
    if address.is_multicast or text == "255.255.255.255":
        raise ValueError(f"{address} is no single machine's address")
    return address


_NEVER_RELAYED = [
    ipaddress.ip_network(block)
    for block in ("192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24")
]
"""Documentation and benchmark ranges: geth never tells other nodes about such an address."""


def host(text: str) -> str:
    """An IPv4 address at which others can reach a machine."""
    address = _ip(text)
    if address.is_unspecified:
        raise ValueError(
            "0.0.0.0 means every interface, but nobody can connect to it: give the address at "
            "which others reach this machine ('bind' may be 0.0.0.0)"
        )
    if any(address in block for block in _NEVER_RELAYED):
        raise ValueError(f"{address} is reserved for documentation and tests; geth ignores it")
    return str(address)


def bind(text: str) -> str:
    """An IPv4 address to listen on."""
    return str(_ip(text))


_CPU = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,3}))?(m?)\Z")


def cpu(text: str) -> float:
    """Processor cores, as Kubernetes writes them."""
    match = _CPU.match(text)
    if not match or (match.group(2) and match.group(3)):
        raise ValueError(f"found {shown(text)}, needed are cores such as 0.5, 2 or 500m")
    cores = float(text[:-1]) / 1000 if match.group(3) else float(text)
    if not 0 < cores <= 1024:
        raise ValueError(f"{text} is not between 1m and 1024 cores")
    return cores


_SIZE = re.compile(r"([0-9]{1,15})(Ki|Mi|Gi|Ti|k|M|G|T)?\Z")
_SIZE_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12} | {
    unit: 1 << 10 * power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), 1)
}


def size(text: str) -> BytesCount:
    """Memory or disk, as Kubernetes writes it."""
    match = _SIZE.match(text)
    if not match:
        raise ValueError(f"found {shown(text)}, needed is a size such as 512Mi, 20Gi or 500M")
    count = int(match.group(1)) * _SIZE_UNITS[match.group(2) or ""]
    if not 0 < count <= 1 << 50:
        raise ValueError(f"{text} is not between 1 byte and 1024 Ti")
    return BytesCount(count)
