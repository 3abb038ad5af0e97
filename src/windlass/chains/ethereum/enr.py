"""Ethereum node records (EIP-778): a node's own signed statement of where it can be reached."""

from __future__ import annotations

import ipaddress

from windlass.chains.ethereum import rlp
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.keys import PrivateKey


def record(key: PrivateKey, sequence: int, ip: str, udp: int) -> list[rlp.Item]:
    """The record as RLP items: signature, sequence number, then keys and values in order.

    There is no `tcp` entry: what answers here speaks discovery only, and nobody should dial it.
    """
    address = ipaddress.ip_address(ip)
    suffix = b"" if address.version == 4 else b"6"
    pairs = {
        b"id": b"v4",
        b"ip" + suffix: address.packed,
        b"secp256k1": key.compressed_public_key,
        b"udp" + suffix: rlp.encode_int(udp),
    }
    content: list[rlp.Item] = [rlp.encode_int(sequence)]
    for name in sorted(pairs):
        content += [name, pairs[name]]
    signature = key.sign(keccak256(rlp.encode(content)))[:64]
    return [signature, *content]
