"""Signed transfers from accounts that a test's genesis funds, made fast enough for a load."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from windlass.chains.ethereum import rlp
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.keys import PrivateKey

MAX_FEE_WEI = 10_000 * 10**9  # full blocks raise the base fee by an eighth each, 1,000-fold in 60
TIP_WEI = 10**9
TRANSFER_GAS = 21_000


class Signed(NamedTuple):
    """A transaction as it is sent, and the hash that it is found by; both 0x-hex."""

    raw: str
    hash: str


class Sender:
    """An account that signs transfers one after the other, counting its own nonce."""

    def __init__(self, label: str, chain_id: int) -> None:
        self.secret = hashlib.sha256(label.encode()).digest()
        self.key = PrivateKey(self.secret)
        self.address = str(self.key.address)
        self.chain_id = chain_id
        self.signed: list[Signed] = []

    def transfer(self, to: str, value_wei: int = 1, gas: int = TRANSFER_GAS) -> Signed:
        """The next transfer (EIP-1559, type 2). Its index in `signed` is its nonce."""
        return self._sign(bytes.fromhex(to.removeprefix("0x")), value_wei, gas, b"")

    def create(self, code: str, gas: int = 99_000) -> Signed:
        """The next transaction, which makes a contract; `code` is 0x-hex."""
        return self._sign(b"", 0, gas, bytes.fromhex(code.removeprefix("0x")))

    def again(self, nonce: int, to: str, tip_factor: int) -> Signed:
        """Another transfer with a nonce that was used, which pays so many times the tip and the
        highest fee. It takes the place of the first in `signed`."""
        recipient = bytes.fromhex(to.removeprefix("0x"))
        self.signed[nonce] = self._made(nonce, recipient, 1, TRANSFER_GAS, b"", tip_factor)
        return self.signed[nonce]

    def _sign(self, recipient: bytes, value_wei: int, gas: int, data: bytes) -> Signed:
        self.signed.append(self._made(len(self.signed), recipient, value_wei, gas, data))
        return self.signed[-1]

    def _made(
        self, nonce: int, recipient: bytes, value_wei: int, gas: int, data: bytes, factor: int = 1
    ) -> Signed:
        tip, fee = factor * TIP_WEI, factor * MAX_FEE_WEI
        fields: list[rlp.Encodable] = [
            self.chain_id, nonce, tip, fee, gas, recipient, value_wei, data, [],
        ]  # fmt: skip
        signature = self.key.sign(keccak256(b"\x02" + rlp.encode(fields)))
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        raw = b"\x02" + rlp.encode([*fields, signature[64], r, s])
        return Signed("0x" + raw.hex(), "0x" + keccak256(raw).hex())


def senders(count: int, chain_id: int, label: str = "load") -> list[Sender]:
    """Accounts whose keys follow from the label: the same in every run."""
    return [Sender(f"{label}-{number}", chain_id) for number in range(count)]
