"""CometBFT's genesis.json and config.toml, as pure functions of what differs between nodes.

Only settings that differ from CometBFT's defaults are written, each with its reason, so that the
file can be read as a list of decisions. Source: CometBFT 0.38, config/config.go, types/genesis.go.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from windlass.chains.cometbft.keys import address, public_key_json

TIMEOUT_PROPOSE_S = 1.8
"""How long the others wait for a proposal before they prevote nil.

The proposer waits up to 0.8 s for its second (the pace, below) and a little more if the chain's
clock is ahead; then it may build for 0.7 s, and the block has to get to everyone. All of that has
to fit in. Usually a proposal arrives after 0.75 s; what is above that is what each height costs
whose proposer is down.
"""

PACE_S = 0.8
"""The part of the block time that is left to the proposer's own pacing and building.

`timeout_commit` is the least gap: it runs from the moment a block is decided, which drifts. So it
ends 0.8 s early, and the proposer waits for the exact moment inside PrepareProposal. With blocks
every second 0.2 s of gap are left, in which late votes still count; under load, when blocks are
late and nobody paces, they are lost time.
"""

BLOCK_BYTES_MAX = 22_020_096
"""21 MiB, CometBFT's own default of 0.37; a full block of 30M gas is below 1 MiB compressed."""

VOTING_POWER = 10
"""The power of each validator. Not 1: CometBFT's block sync takes a validator with
power >= total // 3 for one without which the chain stands still, and lets it skip catching up;
with 5 validators of power 1 the integer division makes that true of every one."""

CHANGE_BYTES_MAX = 32 << 10
"""The largest transaction that CometBFT's own mempool takes: a change of the validator set with the
signatures of a hundred validators has 18 KiB."""

_CHAIN_ID_LENGTH_MAX = 50  # types/genesis.go, MaxChainIDLen
_DIALS_PER_PEER = 8
_NANOSECONDS_PER_S = 10**9


def chain_id_of(network: str, chain_id: int) -> str:
    """CometBFT's name for the chain of that network, with Ethereum's chain id in it."""
    return f"{network}-{chain_id}"


def genesis(
    *,
    chain_id: str,
    genesis_time: int,
    validators: Iterable[tuple[str, bytes, int]],
    app_state: Mapping[str, object],
) -> bytes:
    """genesis.json: equal bytes on every node, or they never agree.

    `genesis_time` is in unix seconds and must not be in the future, or CometBFT sleeps until
    then. `validators` are (name, 32-byte public key, voting power). `app_state` is handed to the
    bridge in InitChain as it is. Raises ValueError with the reason for what CometBFT would refuse.
    """
    if not 0 < len(chain_id) <= _CHAIN_ID_LENGTH_MAX:
        raise ValueError(f"{chain_id!r} is not a CometBFT chain id: 1 to 50 characters are needed")
    members = list(validators)
    if not members or any(power < 1 for _, _, power in members):
        raise ValueError("a genesis needs at least one validator, each with a positive power")
    entries = [
        {
            "address": address(public_key),
            "pub_key": public_key_json(public_key),
            "power": str(power),
            "name": name,
        }
        for name, public_key, power in members
    ]
    time = dt.datetime.fromtimestamp(genesis_time, dt.UTC)
    document = {
        "genesis_time": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "chain_id": chain_id,
        "initial_height": "1",
        "consensus_params": {
            # Gas is Ethereum's business: geth enforces the limit of its own blocks.
            "block": {"max_bytes": str(BLOCK_BYTES_MAX), "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": "100000",
                "max_age_duration": str(48 * 3600 * _NANOSECONDS_PER_S),
                "max_bytes": "1048576",
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": "1"},
            # 0 = never: the bridge adds nothing to votes.
            "abci": {"vote_extensions_enable_height": "0"},
        },
        "validators": entries,
        "app_hash": "",
        "app_state": dict(app_state),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def configuration(
    *,
    moniker: str,
    abci_socket: str,
    rpc_address: str,
    p2p_address: str,
    external_address: str,
    persistent_peers: Sequence[str],
    block_time_s: int,
) -> bytes:
    """config.toml for one node.

    Addresses are `host:port`, `persistent_peers` are `id@host:port` (without the node itself),
    `abci_socket` is the path of the bridge's unix socket. Raises ValueError for a block time
    below one second, which Ethereum's whole-second timestamps can't express.
    """
    if block_time_s < 1:
        raise ValueError(f"a block time of {block_time_s} s: at least 1 s is needed")
    values = {
        "moniker": _text(moniker),
        "proxy_app": _text(f"unix://{abci_socket}"),
        "rpc": _text(f"tcp://{rpc_address}"),
        "p2p": _text(f"tcp://{p2p_address}"),
        "external": _text(external_address),
        "peers": _text(",".join(peer for peer in persistent_peers for _ in range(_DIALS_PER_PEER))),
        "peer_ids": _text(",".join(peer.partition("@")[0] for peer in persistent_peers)),
        "change_bytes": CHANGE_BYTES_MAX,
        "changes_bytes": 10 * CHANGE_BYTES_MAX,
        "timeout_propose": _duration(TIMEOUT_PROPOSE_S),
        "timeout_commit": _duration(block_time_s - PACE_S),
    }
    return _TEMPLATE.format(**values).encode()


def _text(value: str) -> str:
    """A TOML basic string: the escapes of JSON are a subset of its own."""
    return msgspec.json.encode(value).decode()


def _duration(seconds: float) -> str:
    return _text(f"{round(seconds * 1000)}ms")


_TEMPLATE = """\
proxy_app = {proxy_app}
moniker = {moniker}
# "info" writes some ten lines per block.
log_level = "error"
db_backend = "goleveldb"

[rpc]
# For observation by this node's own programs; users never speak to it.
laddr = {rpc}
max_open_connections = 100

[p2p]
laddr = {p2p}
external_address = {external}
# Each peer stands here several times on purpose: CometBFT sleeps a random time of up to 3 s before
# the first dial of every entry, and 5 to 8 s before a second. The earliest of several dials comes
# soon, a later one repeats what came too early, and a dial of a connected peer does nothing.
persistent_peers = {peers}
# The peers above are the whole network: no limit may turn one away.
unconditional_peer_ids = {peer_ids}
max_num_inbound_peers = 200
# Addresses of private ranges and several nodes on one machine are the normal case here.
addr_book_strict = false
allow_duplicate_ip = true
# Everyone is told its peers: nobody needs to learn of others.
pex = false
# A proposal must be with everyone within a fraction of the block time: don't hold messages back
# (100 ms by default) nor slow a block of megabytes (5 MB/s by default).
flush_throttle_timeout = "10ms"
send_rate = 20000000
recv_rate = 20000000

[mempool]
# Users' transactions go to geth, which gossips them. CometBFT carries changes of the validator set
# only: one counts at a time, and what the bridge does not take is neither kept nor passed on.
type = "flood"
size = 10
max_tx_bytes = {change_bytes}
max_txs_bytes = {changes_bytes}
cache_size = 100

[consensus]
timeout_propose = {timeout_propose}
timeout_propose_delta = "500ms"
# These run only where the votes of 2/3 are there and disagree; 1 s covers a slow machine.
timeout_prevote = "1s"
timeout_prevote_delta = "500ms"
timeout_precommit = "1s"
timeout_precommit_delta = "500ms"
# The least gap between blocks; the proposer waits for the rest, to the millisecond.
timeout_commit = {timeout_commit}
skip_timeout_commit = false
# Votes travel one step per sleep: 100 ms, the default, would cost a third of a 1 s block.
peer_gossip_sleep_duration = "10ms"
peer_query_maj23_sleep_duration = "2s"

[storage]
# The results of transactions are geth's; the last block's, which a replay needs, is always kept.
discard_abci_responses = true

[tx_index]
indexer = "null"

[instrumentation]
# The bridge serves this node's metrics.
prometheus = false
"""
