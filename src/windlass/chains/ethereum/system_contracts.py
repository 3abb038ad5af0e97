"""The four contracts that the protocol itself calls from Cancun and Prague on.

geth calls each of them at the start or end of every block and calls a block invalid if one of the
last two has no code, so they must be in block 0 of a network that starts with Prague. Their code
was fixed by the EIPs and is the same on every network. Source: the EIPs named below, compared with
go-ethereum 1.17, params/protocol_params.go.
"""

from __future__ import annotations

import msgspec

from windlass.chains.ethereum.quantities import Address


class SystemContract(msgspec.Struct, frozen=True):
    """One of them. `code` is 0x and hex digits, `purpose` a phrase for people."""

    address: Address
    purpose: str
    code: str


NONCE = 1
"""As of a deployed contract (EIP-161): with 0, a cleared balance could remove the account."""

SYSTEM_CONTRACTS = (
    SystemContract(
        Address("0x000f3df6d732807ef1319fb7b8bb8522d0beac02"),
        "the beacon roots contract (EIP-4788)",
        "0x"
        "3373fffffffffffffffffffffffffffffffffffffffe14604d57602036146024575f5ffd5b5f358015604957"
        "62001fff810690815414603c575f5ffd5b62001fff01545f5260205ff35b5f5ffd5b62001fff42064281555f"
        "359062001fff015500",
    ),
    SystemContract(
        Address("0x0000f90827f1c53a10cb7a02335b175320002935"),
        "the block hash history contract (EIP-2935)",
        "0x"
        "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257"
        "611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500",
    ),
    SystemContract(
        Address("0x00000961ef480eb55e80d19ad83579a64c007002"),
        "the withdrawal request contract (EIP-7002)",
        "0x"
        "3373fffffffffffffffffffffffffffffffffffffffe1460cb5760115f54807fffffffffffffffffffffffff"
        "ffffffffffffffffffffffffffffffffffffffff146101f457600182026001905f5b5f821115606857810190"
        "83028483029004916001019190604d565b909390049250505036603814608857366101f457346101f4575f52"
        "60205ff35b34106101f457600154600101600155600354806003026004013381556001015f35815560010160"
        "203590553360601b5f5260385f601437604c5fa0600101600355005b6003546002548082038060101160df57"
        "5060105b5f5b8181146101835782810160030260040181604c02815460601b81526014018160010154815260"
        "20019060020154807fffffffffffffffffffffffffffffffff00000000000000000000000000000000168252"
        "906010019060401c908160381c81600701538160301c81600601538160281c81600501538160201c81600401"
        "538160181c81600301538160101c81600201538160081c81600101535360010160e1565b9101809214610195"
        "57906002556101a0565b90505f6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffff"
        "ffffffffffffffffffffffffff14156101cd57505f5b6001546002828201116101e25750505f6101e8565b01"
        "600290035b5f555f600155604c025ff35b5f5ffd",
    ),
    SystemContract(
        Address("0x0000bbddc7ce488642fb579f8b00f3a590007251"),
        "the consolidation request contract (EIP-7251)",
        "0x"
        "3373fffffffffffffffffffffffffffffffffffffffe1460d35760115f54807fffffffffffffffffffffffff"
        "ffffffffffffffffffffffffffffffffffffffff1461019a57600182026001905f5b5f821115606857810190"
        "83028483029004916001019190604d565b9093900492505050366060146088573661019a573461019a575f52"
        "60205ff35b341061019a57600154600101600155600354806004026004013381556001015f35815560010160"
        "2035815560010160403590553360601b5f5260605f60143760745fa0600101600355005b6003546002548082"
        "038060021160e7575060025b5f5b8181146101295782810160040260040181607402815460601b8152601401"
        "81600101548152602001816002015481526020019060030154905260010160e9565b910180921461013b5790"
        "600255610146565b90505f6002555f6003555b5f54807fffffffffffffffffffffffffffffffffffffffffff"
        "ffffffffffffffffffffff141561017357505f5b6001546001828201116101885750505f61018e565b016001"
        "90035b5f555f6001556074025ff35b5f5ffd",
    ),
)
"""Address, purpose and code of each; storage is empty and they hold nothing."""
