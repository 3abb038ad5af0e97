"""A contract small enough to be written by hand, so that no compiler is needed to test with one.

contract Store {
    event Stored(address indexed by, uint256 value);
    uint256 value;
    function store(uint256 v) external { value = v; emit Stored(msg.sender, v); }
    function value() external view returns (uint256) { return value; }
}
"""

from __future__ import annotations

from typing import Any

from eth_utils.crypto import keccak

ABI: list[dict[str, Any]] = [
    {
        "type": "function",
        "name": "store",
        "inputs": [{"name": "v", "type": "uint256"}],
        "outputs": [],
        "stateMutability": "nonpayable",
    },
    {
        "type": "function",
        "name": "value",
        "inputs": [],
        "outputs": [{"name": "", "type": "uint256"}],
        "stateMutability": "view",
    },
    {
        "type": "event",
        "name": "Stored",
        "anonymous": False,
        "inputs": [
            {"name": "by", "type": "address", "indexed": True},
            {"name": "value", "type": "uint256", "indexed": False},
        ],
    },
]

STORE = keccak(text="store(uint256)")[:4].hex()
VALUE = keccak(text="value()")[:4].hex()
STORED = keccak(text="Stored(address,uint256)").hex()

_SELECT = "5f35 60e0 1c"  # PUSH0 CALLDATALOAD, PUSH1 224, SHR: the four bytes of the function
_STORE_AT, _VALUE_AT = 0x1B, 0x4B  # of the two JUMPDESTs

RUNTIME = "".join(
    [
        _SELECT,
        f"80 63{STORE} 14 60{_STORE_AT:02x} 57",  # DUP1 PUSH4 EQ PUSH1 JUMPI
        f"63{VALUE} 14 60{_VALUE_AT:02x} 57",
        "5f 5f fd",  # REVERT
        "5b 6004 35 80 5f 55 5f 52",  # JUMPDEST: v, SSTORE at slot 0, MSTORE at 0
        f"33 7f{STORED} 6020 5f a2 00",  # CALLER, topic, length, offset, LOG2, STOP
        "5b 5f 54 5f 52 6020 5f f3",  # JUMPDEST: SLOAD slot 0, RETURN 32 bytes
    ]
).replace(" ", "")

_LENGTH = len(RUNTIME) // 2
CREATION = f"60{_LENGTH:02x}600a5f3960{_LENGTH:02x}5ff3" + RUNTIME
"""PUSH1 length, PUSH1 10 (where the runtime begins), CODECOPY to 0, RETURN it."""
