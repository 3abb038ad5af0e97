"""Hashes, keys, signatures and addresses against eth-keys and published vectors."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
from eth_hash.auto import keccak as oracle_keccak
from eth_keys.main import lazy_key_api as oracle
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.keys import (
    ORDER,
    InvalidKeyError,
    PrivateKey,
    address_from_private_key,
    checksum_address,
    generate_private_key,
    public_key,
    recover,
)
from windlass.chains.ethereum.quantities import Address

secrets = st.integers(1, ORDER - 1).map(lambda number: number.to_bytes(32, "big"))


def test_keccak_vectors() -> None:
    """The hash is Keccak's, not SHA-3's."""
    assert keccak256(b"").hex() == (
        "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    )
    assert keccak256(b"abc").hex() == (
        "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    )


@given(st.binary(max_size=1000))
def test_keccak_oracle(data: bytes) -> None:
    """Every length around the sponge's block size hashes as the reference does."""
    assert keccak256(data) == oracle_keccak(data)


def test_keccak_leaves_cffi_usable() -> None:
    """Importing the hash neither loads pycparser nor keeps anyone else from using cffi."""
    code = (
        "import sys, windlass.chains.ethereum.keccak\n"
        "assert 'pycparser' not in sys.modules and sys.modules.get('cffi', 1)\n"
        "import cffi; cffi.FFI()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@given(secrets)
def test_public_key_and_address(secret: bytes) -> None:
    """The public key and the address are those that the reference derives."""
    expected = oracle.PrivateKey(secret).public_key
    assert public_key(secret) == expected.to_bytes()
    assert PrivateKey(secret).compressed_public_key == expected.to_compressed_bytes()
    assert address_from_private_key(secret) == expected.to_address()


@given(secrets, st.binary(min_size=32, max_size=32))
def test_signatures(secret: bytes, digest: bytes) -> None:
    """A signature is the deterministic one (RFC 6979, low s) and gives back its key."""
    signature = PrivateKey(secret).sign(digest)
    assert signature == oracle.PrivateKey(secret).sign_msg_hash(digest).to_bytes()
    assert recover(signature, digest) == public_key(secret)


@given(st.binary(max_size=70), st.binary(max_size=40))
def test_recovering_from_arbitrary_bytes(signature: bytes, digest: bytes) -> None:
    """Bytes that are no signature raise InvalidKeyError and nothing else."""
    with contextlib.suppress(InvalidKeyError):
        assert len(recover(signature, digest)) == 64


@pytest.mark.parametrize(
    "signature", [b"\0" * 65, b"\xff" * 64 + b"\0", b"\1" * 64 + b"\4", b"\1" * 64]
)
def test_signatures_of_no_key(signature: bytes) -> None:
    """Values outside the curve's order, wrong recovery ids and lengths are refused."""
    with pytest.raises(InvalidKeyError):
        recover(signature, b"\1" * 32)


@pytest.mark.parametrize(
    "secret", [b"", b"\0" * 32, ORDER.to_bytes(32, "big"), b"\xff" * 32, b"\1" * 31, b"\1" * 33]
)
def test_wrong_private_keys(secret: bytes) -> None:
    """Zero, too large and of the wrong length: refused, without showing the bytes."""
    with pytest.raises(InvalidKeyError) as caught:
        PrivateKey(secret)
    assert not secret or secret.hex() not in str(caught.value)


def test_representation_hides_the_secret() -> None:
    """A key that ends in a log or a traceback does not show itself."""
    secret = generate_private_key()
    assert secret.hex() not in repr(PrivateKey(secret))


@given(st.binary(min_size=20, max_size=20))
def test_checksum(raw: bytes) -> None:
    """The mixed-case form is that of EIP-55."""
    address = Address("0x" + raw.hex())
    assert checksum_address(address) == to_checksum_address(raw)
