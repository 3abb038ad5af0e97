"""What `windlass.yaml` can say, as types: one struct per mapping, one description per field.

The descriptions are the only documentation of a field: the JSON Schema for editors and the
reference page are both made from them, so that neither can drift from what is read. `kind` names
how a value is written and checked (see `kinds.py`); the loader turns every value into its exact
form (wei, bytes, lower-case addresses), so whoever holds a `Spec` parses nothing again.
"""

from __future__ import annotations

from typing import Annotated, Literal, NewType

import msgspec

from windlass.chains.ethereum.quantities import Address, Wei
from windlass.spec.versions import COMETBFT_LINE, GETH_LINE, GETH_PATCH_MIN, PINNED, dotted

SCHEMA = 1
"""The newest `schema` that this release reads."""

VALIDATORS_MAX = 100
"""CometBFT gossips every vote to everyone: beyond this rounds no longer fit into a second."""

BytesCount = NewType("BytesCount", int)
"""An amount of memory or disk, in bytes."""

Role = Literal["validator", "sealer", "node", "bootnode", "registrar", "gateway", "dashboard"]


def _field(
    description: str, kind: str = "", *, ge: int | None = None, le: int | None = None, **extra: str
) -> msgspec.Meta:
    """The documentation and the bounds of one field.

    `kind` is a key of `kinds.KINDS`. `extra`: `keys` and `values` are the kinds of a mapping's keys
    and values, `entry` is what one of its entries is called, `word` may stand for the default.
    """
    extra = {"kind": kind, **extra} if kind else extra
    return msgspec.Meta(description=description, ge=ge, le=le, extra=extra or None)


class GenesisAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account that has ether from block 0 on: named (its key is made and kept) or foreign."""

    name: Annotated[
        str | None,
        _field(
            "Name of an account whose key is made at the first start and kept as an ordinary "
            "keystore. Give either this or `address`.",
            "label",
        ),
    ] = None
    address: Annotated[
        Address | None,
        _field(
            "Address of an account whose key somebody else holds; a mixed-case one must have a "
            "right checksum (EIP-55). Give either this or `name`.",
            "address",
        ),
    ] = None
    balance: Annotated[
        Wei,
        _field("Amount at genesis with its unit, e.g. `1000000 ether` or `5 gwei`.", "amount"),
    ]


class GenesisContract(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A contract that is there from block 0 on, without ever having been deployed."""

    address: Annotated[Address, _field("Where the contract lies.", "address")]
    code: Annotated[
        str,
        _field(
            "Runtime bytecode in hex, 0x first, at most 24,576 bytes (EIP-170): what "
            "`eth_getCode` would answer, not what a deployment transaction carries.",
            "code",
        ),
    ]
    balance: Annotated[
        Wei,
        _field("Amount at genesis with its unit. 0 because few contracts start rich.", "amount"),
    ] = Wei(0)
    nonce: Annotated[
        int,
        _field(
            "Number of contracts it has made, plus one. 1 because that is what a deployed "
            "contract starts with (EIP-161).",
            ge=0,
            le=2**53 - 1,
        ),
    ] = 1
    storage: Annotated[
        dict[str, str],
        _field(
            "Storage slots and their values, both in hex of at most 32 bytes. Empty because "
            "storage is what transactions make.",
            keys="word",
            values="word",
            entry="storage slot",
        ),
    ] = {}


class Genesis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What block 0 holds besides what every network needs. Fixed once the network exists."""

    accounts: Annotated[
        tuple[GenesisAccount, ...],
        _field("Accounts with ether from the start. Without any, nobody can pay for gas."),
    ] = ()
    contracts: Annotated[
        tuple[GenesisContract, ...],
        _field("Contracts from the start, beside the four system contracts of Prague."),
    ] = ()


class Clients(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Versions of the chain clients: pinned, so that all machines run the same code."""

    geth: Annotated[
        str,
        _field(
            f"Version of go-ethereum, {dotted(*GETH_LINE, GETH_PATCH_MIN)} or a later "
            f"{dotted(*GETH_LINE)}. {PINNED['geth']} because it is the newest that builds from the "
            "public Go modules.",
            "geth_version",
        ),
    ] = PINNED["geth"]
    cometbft: Annotated[
        str,
        _field(
            f"Version of CometBFT, any {dotted(*COMETBFT_LINE)} (only `bft` runs it). "
            f"{PINNED['cometbft']} because it is the newest of the line whose protocol the bridge "
            "speaks.",
            "cometbft_version",
        ),
    ] = PINNED["cometbft"]


class Ports(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ports that people connect to; the others are nobody's business and always automatic.

    A number is where the first node or program of its kind listens, and it must be free. null
    (or `auto`) takes the well-known one if it is free, else the next free one, and keeps it.
    """

    rpc: Annotated[
        int | None,
        _field("HTTP RPC of the network, the gateway's (TCP). Automatic starts at 8545.", "port"),
    ] = None
    ws: Annotated[
        int | None,
        _field(
            "WebSocket RPC of the network, the gateway's (TCP). Automatic starts at 8546.", "port"
        ),
    ] = None
    dashboard: Annotated[
        int | None,
        _field("Dashboard, for browsers (TCP). Automatic starts at 3000.", "port"),
    ] = None
    registrar: Annotated[
        int | None,
        _field("Registrar, whose `/` lists the bootnodes (TCP). Automatic starts at 9898.", "port"),
    ] = None
    bootnode: Annotated[
        int | None,
        _field("Discovery of the first bootnode (UDP). Automatic starts at 30301.", "port"),
    ] = None
    bootnode_http: Annotated[
        int | None,
        _field("Own enode of the first bootnode (TCP). Automatic starts at 8080.", "port"),
    ] = None


class Resources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one node of a role asks for. Nothing by default: a laptop shares what it has.

    On one machine only `disk` is looked at; nothing holds a process to `cpu` or `memory`.
    """

    cpu: Annotated[
        float | None,
        _field(
            "Processor cores: `0.5`, or thousandths as `500m`. The local runtime does not limit "
            "them.",
            "cpu",
        ),
    ] = None
    memory: Annotated[
        BytesCount | None,
        _field(
            "Memory: `512Mi`, `2Gi` (powers of 1024), `500M` (of 1000), or bytes. The local "
            "runtime does not limit it.",
            "size",
        ),
    ] = None
    disk: Annotated[
        BytesCount | None,
        _field(
            "Disk for the node's data, in the same units as `memory`. `up` refuses "
            "to begin if the disk has less free.",
            "size",
        ),
    ] = None


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One private blockchain."""

    family: Annotated[
        Literal["ethereum"],
        _field("Kind of chain. Always written out, since everything else hangs on it."),
    ]
    consensus: Annotated[
        Literal["bft", "solo"],
        _field(
            "How blocks are agreed on. `bft`: CometBFT between validators, blocks are final at "
            "once, fewer than a third may fail. `solo`: one sealer makes all blocks. `bft` "
            "because a network that stops with one process is for trying things out only.",
            "consensus",
        ),
    ] = "bft"
    chain_id: Annotated[
        int,
        _field(
            "Number that keeps transactions of one chain from being valid on another (EIP-155). "
            "No default: two networks with the same one can replay each other's transactions.",
            "chain_id",
        ),
    ]
    block_time_s: Annotated[
        int,
        _field(
            "Seconds from block to block. 1 because an EVM block's time counts whole seconds that "
            "must grow, so nothing faster can keep true time.",
            "block_time",
        ),
    ] = 1
    gas_limit: Annotated[
        int,
        _field(
            "Gas that one block may use. 30,000,000 because that is 1,428 plain transfers, what "
            "two cores execute in about a second.",
            "gas_limit",
        ),
    ] = 30_000_000
    validators: Annotated[
        int,
        _field(
            "Nodes that make and vote for blocks (`bft`). 4 because it is the least number of "
            "which one may fail. Those beyond the number that the network began with vote once "
            "`windlass validator add` lets them in. `solo` has one sealer instead.",
            ge=1,
            le=VALIDATORS_MAX,
        ),
    ] = 4
    nodes: Annotated[
        int,
        _field(
            "Nodes that follow the chain and answer RPC; scale them at will. 1 because "
            "applications should not load a validator.",
            ge=0,
            le=100,
        ),
    ] = 1
    bootnodes: Annotated[
        int,
        _field(
            "Programs through which nodes find one another. 2 so that one may fail.", ge=1, le=9
        ),
    ] = 2
    genesis: Annotated[Genesis, _field("What block 0 holds.")] = Genesis()
    clients: Annotated[Clients, _field("Versions of the chain clients.")] = Clients()
    ports: Annotated[
        Ports,
        _field(
            "`auto`, or the ports that must have a certain number. `auto` because two networks on "
            "one machine must not meet.",
            word="auto",
        ),
    ] = Ports()
    host: Annotated[
        str,
        _field(
            "IPv4 address at which others reach this machine; it goes into enodes and URLs. "
            "127.0.0.1 because a network should be private until somebody decides otherwise.",
            "host",
        ),
    ] = "127.0.0.1"
    bind: Annotated[
        str,
        _field(
            "IPv4 address to listen on for peers and discovery (RPC stays on loopback). "
            "127.0.0.1 for the same reason; `0.0.0.0` listens on every interface.",
            "bind",
        ),
    ] = "127.0.0.1"
    resources: Annotated[
        dict[Role, Resources],
        _field("What the nodes of each role ask for. Empty: no role asks.", entry="role"),
    ] = {}


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    schema: Annotated[
        int,
        _field("Version of this file's format. 1 because there is only one.", "schema"),
    ] = SCHEMA
    name: Annotated[
        str,
        _field("Name of the whole, a DNS label of at most 30 characters.", "label"),
    ]
    networks: Annotated[
        dict[str, Network],
        _field(
            "The networks by name, each name a DNS label of at most 30 characters.",
            keys="label",
            entry="network",
        ),
    ]
