"""Block 0: its hash is held against a real geth and against the `trie` and `rlp` packages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rlp.codec
from trie.hexary import HexaryTrie

from tests.support.geth import Geth
from windlass.chains.ethereum.genesis import Allocation, Genesis
from windlass.chains.ethereum.keccak import keccak256
from windlass.chains.ethereum.quantities import Address, Wei
from windlass.chains.ethereum.system_contracts import SYSTEM_CONTRACTS

RICH = Address("0x" + "aa" * 20)
CONTRACT = Address("0x" + "bb" * 20)


def rlp_encode(item: object) -> bytes:
    """As the field's own library does it."""
    return bytes(rlp.codec.encode(item))  # type: ignore[no-untyped-call]


def example(**changes: object) -> Genesis:
    """A genesis with everything that one can have."""
    fields: dict[str, object] = {
        "chain_id": 20261,
        "timestamp": 1_795_270_193,
        "gas_limit": 30_000_000,
        "allocations": {
            RICH: Allocation(balance=Wei(10**24)),
            Address("0x" + "cc" * 20): Allocation(),
            CONTRACT: Allocation(
                balance=Wei(5),
                nonce=7,
                code="0x60015f55",
                storage={
                    "0x" + "00" * 31 + "01": "0x" + "00" * 30 + "1234",
                    "0x" + "00" * 31 + "02": "0x" + "00" * 32,
                    "0x" + "ff" * 32: "0x" + "ff" * 32,
                },
            ),
        },
    }
    return Genesis(**{**fields, **changes})  # type: ignore[arg-type]


def test_hash_equals_a_real_geths(geth_binary: Path, tmp_path: Path) -> None:
    """geth, given the file, has a block 0 of the hash that was computed without it."""
    genesis = example()
    geth = Geth(geth_binary, tmp_path / "geth", genesis)
    try:
        geth.start()

        assert geth.block_hash(0) == genesis.hash()
        assert geth.rpc("eth_getCode", CONTRACT, "0x0") == "0x60015f55"
        assert geth.rpc("eth_getBalance", RICH, "0x0") == hex(10**24)
        for contract in SYSTEM_CONTRACTS:
            assert geth.rpc("eth_getCode", contract.address, "0x0") == contract.code
    finally:
        geth.close()


def test_state_root_equals_the_packages() -> None:
    """The state root is the one that the `trie` and `rlp` packages make of the file's accounts."""
    genesis = example()
    state = HexaryTrie({})
    for address, account in json.loads(genesis.file())["alloc"].items():
        storage = HexaryTrie({})
        for slot, word in account["storage"].items():
            if int(word, 16):
                storage[keccak256(bytes.fromhex(slot[2:]))] = rlp_encode(int(word, 16))
        state[keccak256(bytes.fromhex(address[2:]))] = rlp_encode(
            [
                int(account["nonce"], 16),
                int(account["balance"], 16),
                storage.root_hash,
                keccak256(bytes.fromhex(account["code"][2:])),
            ]
        )

    assert genesis.state_root() == state.root_hash


def test_same_input_gives_the_same_bytes() -> None:
    """The file does not depend on the order of the allocations, so all nodes have the same."""
    genesis = example()
    turned = example(allocations=dict(reversed(list(genesis.allocations.items()))))

    assert turned.file() == genesis.file()


@pytest.mark.parametrize(
    "changes",
    [{"timestamp": 1}, {"gas_limit": 1}, {"allocations": {}}],
)
def test_hash_depends_on_every_part_of_the_header(changes: dict[str, object]) -> None:
    """Whatever of block 0 changes, its hash does."""
    assert example(**changes).hash() != example().hash()


def test_accounts_without_anything_are_left_out() -> None:
    """An allocation of nothing is not in the state, as geth would have it."""
    assert Address("0x" + "cc" * 20) not in example().everything()


def test_system_contracts_cannot_be_replaced() -> None:
    """An allocation at a system contract's address is refused."""
    taken = {SYSTEM_CONTRACTS[0].address: Allocation(balance=Wei(1))}

    with pytest.raises(ValueError, match="system contract"):
        example(allocations=taken).file()
