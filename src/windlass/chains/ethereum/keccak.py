"""Keccak-256 as Ethereum uses it: the padding before SHA-3 was standardised, so not `hashlib`'s.

pycryptodome loads its C code through cffi where that is installed, and parsing the declarations
takes a tenth of a second at every start of every program. Hiding cffi for the import makes it use
ctypes, which takes some milliseconds and hashes as fast.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or "Crypto.Util._raw_api" in sys.modules:
    from Crypto.Hash import keccak as _keccak
else:
    _hidden = sys.modules.get("cffi")
    sys.modules["cffi"] = None
    try:
        from Crypto.Hash import keccak as _keccak
    finally:
        del sys.modules["cffi"]
        if _hidden is not None:
            sys.modules["cffi"] = _hidden


def keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 hash (yellow paper: KEC)."""
    return _keccak.new(digest_bits=256, data=data).digest()
