"""Which addresses may be told to whom, by the rules that geth applies to what it is told.

An address that the receiver would refuse is not worth sending, and one that leaks a private network
to the outside should not be: special networks never, loopback only to loopback, LAN only to LAN.
"""

from __future__ import annotations

import functools
import ipaddress

# RFC 5735, RFC 5156 and the IANA special-purpose registries, as in go-ethereum p2p/netutil.
_SPECIAL = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "192.0.0.0/29",
        "192.0.0.9/32",
        "192.0.0.170/31",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "100::/64",
        "2001::/32",
        "2001:1::1/128",
        "2001:2::/48",
        "2001:3::/32",
        "2001:4:112::/48",
        "2001:5::/32",
        "2001:10::/28",
        "2001:20::/28",
        "2001:db8::/32",
        "2002::/16",
        "ff00::/8",
    )
]
_LAN = [
    ipaddress.ip_network(network)
    for network in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
]


@functools.lru_cache(4096)
def _scope(ip: str) -> str:
    address = ipaddress.ip_address(ip)
    if any(address in network for network in _SPECIAL):
        return "special"
    if address.is_loopback:
        return "loopback"
    return "lan" if any(address in network for network in _LAN) else "public"


def is_lan(ip: str) -> bool:
    """Whether it is an address of a private network or of this machine itself."""
    return _scope(ip) in ("lan", "loopback")


def may_relay(ip: str, receiver: str) -> bool:
    """Whether the node at `ip` may be told to the one at `receiver`."""
    scope = _scope(ip)
    if scope == "loopback":
        return _scope(receiver) == "loopback"
    if scope == "lan":
        return is_lan(receiver)
    return scope == "public"
