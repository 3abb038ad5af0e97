"""How values of an Ethereum network are written: what geth and CometBFT can't do is refused here.

Each function reads text into its exact form or raises ValueError with the reason: a sentence
fragment that says what was found and what would be right.
"""

from __future__ import annotations

import re

from windlass.chains.ethereum.quantities import Address, Wei, parse_amount
from windlass.spec.public_chains import PUBLIC_CHAINS
from windlass.spec.values import integer, shown, suggestion
from windlass.spec.versions import COMETBFT_LINE, GETH_LINE, GETH_PATCH_MIN, PINNED, dotted

CHAIN_ID_MAX = 4_503_599_627_370_476
"""The largest with which JavaScript wallets can still compute a signature's v exactly."""

GAS_LIMIT_MIN = 21_000
"""Of one plain transfer (geth itself refuses below 5,000)."""

GAS_LIMIT_MAX = 1_000_000_000
"""A block of more would not fit into CometBFT's 22 MB if it were filled with call data."""

BLOCK_TIME_S_MAX = 60
"""Longer, and nobody can tell a slow network from a dead one."""

AMOUNT_MAX = 2**128 - 1
"""Sums of such balances still fit into the EVM's 256 bits."""

CODE_BYTES_MAX = 24_576
"""EIP-170."""

_ELSEWHERE = {
    "clique": "geth can seal Clique blocks no longer since 1.14",
    "poa": "geth can seal proof-of-authority blocks (Clique) no longer since 1.14",
    "pow": "geth can mine no longer since 1.12",
    "ethash": "geth can mine no longer since 1.12",
    "pos": "geth needs a consensus client and 32-ether deposits for proof of stake",
    "dev": "`geth --dev` is one node that refuses peers",
    "qbft": "geth does not speak QBFT, which is Besu's",
    "ibft": "geth does not speak IBFT, which was Quorum's",
    "ibft2": "geth does not speak IBFT 2.0, which was Besu's",
    "aura": "geth does not speak AuRa, which is Nethermind's",
    "raft": "geth does not speak Raft, which was Quorum's",
}
"""What other tools offer → why stock geth can't do it."""


def consensus(text: str) -> str:
    """How blocks are agreed on; what only other clients can do is refused by name."""
    if text in ("bft", "solo"):
        return text
    reason = _ELSEWHERE.get(text.lower())
    if reason:
        raise ValueError(f"{shown(text)} is not possible: {reason}; 'bft' or 'solo' is")
    raise ValueError(f"{shown(text)} is no consensus{suggestion(text, ['bft', 'solo'])}")


def chain_id(text: str) -> int:
    """A chain id (EIP-155) that no public network has."""
    number = integer(text)
    if not 1 <= number <= CHAIN_ID_MAX:
        raise ValueError(
            f"is {number}, needed is a number from 1 to {CHAIN_ID_MAX:,} (wallets written in "
            f"JavaScript can't count further)"
        )
    if number in PUBLIC_CHAINS:
        raise ValueError(
            f"{number} is the chain id of the public network {PUBLIC_CHAINS[number]}: transactions "
            f"of one would be valid on the other. Choose another number, e.g. {20_000 + number}"
        )
    return number


def block_time(text: str) -> int:
    """Seconds between blocks."""
    if re.fullmatch(r"[0-9]+\.[0-9]+", text):
        raise ValueError(
            f"is {text}, needed are whole seconds: the time of an EVM block counts whole seconds "
            f"that must grow with every block"
        )
    number = integer(text)
    if not 1 <= number <= BLOCK_TIME_S_MAX:
        reason = (
            "an EVM block's time counts whole seconds that must grow"
            if number < 1
            else "beyond that nobody can tell a slow network from a dead one"
        )
        raise ValueError(f"is {number}, needed are 1 to {BLOCK_TIME_S_MAX} seconds: {reason}")
    return number


def gas_limit(text: str) -> int:
    """Gas of one block."""
    number = integer(text)
    if number < GAS_LIMIT_MIN:
        raise ValueError(f"is {number}, but one plain transfer needs {GAS_LIMIT_MIN:,}")
    if number > GAS_LIMIT_MAX:
        raise ValueError(
            f"is {number:,}, at most {GAS_LIMIT_MAX:,} are possible: a fuller block could not be "
            f"passed between the validators"
        )
    return number


def amount(text: str) -> Wei:
    """An amount with its unit; only 0 needs none."""
    if re.fullmatch(r"[0-9_.]+", text.strip()) and text.strip() != "0":
        raise ValueError(f"{shown(text)} has no unit: write e.g. '{shown(text)[1:-1]} ether'")
    if len(text) > 100:
        raise ValueError(f"{shown(text)} is not an amount: write it like '1000 ether'")
    wei = parse_amount(text)
    if wei > AMOUNT_MAX:
        raise ValueError(f"{shown(text)} is more than {AMOUNT_MAX} wei (2**128 - 1), the most here")
    return wei


def address(text: str) -> Address:
    """An address; mixed case must be its checksummed form (EIP-55)."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise ValueError(f"found {shown(text)}, needed is an address: 0x and 40 hex digits")
    digits = text[2:]
    if digits != digits.lower() and digits != digits.upper():
        from windlass.chains.ethereum.keys import checksum_address

        right = checksum_address(Address(text.lower()))
        if text != right:
            raise ValueError(
                f"{text} has a wrong checksum (EIP-55), so a digit may be mistyped; with these "
                f"digits it would be {right}"
            )
    return Address(text.lower())


def _hex_bytes(text: str, what: str, bytes_max: int) -> bytes:
    if not re.fullmatch(r"0x([0-9a-fA-F]{2})*", text):
        odd = " (an odd number of digits)" if re.fullmatch(r"0x[0-9a-fA-F]+", text) else ""
        raise ValueError(f"found {shown(text)}{odd}, needed is {what} in hex: 0x and bytes")
    content = bytes.fromhex(text[2:])
    if len(content) > bytes_max:
        raise ValueError(f"{what} of {len(content):,} bytes, at most {bytes_max:,} are possible")
    return content


def code(text: str) -> str:
    """Runtime bytecode, as lower-case hex."""
    content = _hex_bytes(text, "bytecode", CODE_BYTES_MAX)
    if not content:
        raise ValueError("is empty, but a contract without code is an account")
    if content[0] == 0xEF:
        raise ValueError("begins with 0xef, which no contract can (EIP-3541)")
    return "0x" + content.hex()


def word(text: str) -> str:
    """A 256-bit word in hex, leading zeros optional; comes back with all 64 digits."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", text):
        raise ValueError(f"found {shown(text)}, needed is a word: 0x and 1 to 64 hex digits")
    return "0x" + text[2:].lower().rjust(64, "0")


_VERSION = re.compile(r"v?([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})\Z")


def _version(text: str, example: str) -> tuple[str, tuple[int, int, int]]:
    match = _VERSION.match(text)
    if not match:
        raise ValueError(f"found {shown(text)}, needed is a full version such as {example}")
    major, minor, patch = (int(part) for part in match.groups())
    return f"{major}.{minor}.{patch}", (major, minor, patch)


def geth_version(text: str) -> str:
    """A go-ethereum that can do both kinds of consensus."""
    version, numbers = _version(text, PINNED["geth"])
    first = (*GETH_LINE, GETH_PATCH_MIN)
    if numbers[:2] != GETH_LINE or numbers < first:
        reason = "is not tested yet with 'bft' or 'solo'"
        if numbers < first:
            reason = "can do neither 'bft' nor 'solo': it lacks --override.genesis"
        raise ValueError(
            f"geth {version} {reason}; choose {dotted(*first)} or a later {dotted(*GETH_LINE)}, "
            f"e.g. {PINNED['geth']}"
        )
    return version


def cometbft_version(text: str) -> str:
    """A CometBFT whose ABCI the bridge speaks."""
    version, numbers = _version(text, PINNED["cometbft"])
    if numbers[:2] != COMETBFT_LINE:
        raise ValueError(
            f"CometBFT {version} speaks another ABCI than the bridge, so it can't do 'bft'; "
            f"choose a {dotted(*COMETBFT_LINE)}, e.g. {PINNED['cometbft']}"
        )
    return version
