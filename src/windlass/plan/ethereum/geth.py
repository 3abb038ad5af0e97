"""One geth: its command line, its files, its ports. The flags are what keeps a chain from loss.

Everything that is not obvious here was measured on the real program: which modes survive kill -9,
what geth does without bootnodes, which of its pages a browser may reach.
"""

from __future__ import annotations

from windlass.chains.ethereum.building import FILL_S_MAX
from windlass.plan.ethereum.context import LOOPBACK, Context, Part, toml_list
from windlass.plan.ethereum.dashboard import ethstats_url
from windlass.plan.workload import Command, File, Probe, Process

API = "eth,net,web3,txpool"
"""What RPC offers to everybody. admin, debug, personal, miner and testing are left to geth's own
socket, which only this user can open; the Engine API has its own port and secret."""

CORS_ORIGINS = "http://localhost:*,http://127.0.0.1:*"
WEBSOCKET_ORIGINS = "localhost,127.0.0.1"
"""Pages of this machine may use RPC from a browser, so that an application can be developed beside
its chain; pages from elsewhere may not, or any site somebody visits could send requests to it.
Programs that are no browsers send no Origin and are not concerned."""

VIRTUAL_HOSTS = "localhost"
"""Host names that RPC answers to, besides bare IP addresses. A foreign name that resolves to
loopback (DNS rebinding) would otherwise make a visited page look like this machine's own."""

CACHE_MB = 64
"""geth's default of 4,096 is for the public chain. With 64 it needs 102 to 130 MB."""

POOL_TRANSACTIONS = 16_384
"""A pool drops what is above its limits, and what it dropped is missing in front of everything that
the same account sent later. The public chain's limits (5,120 in all, 64 of an account that wait for
one before them) are there against strangers; here one hot wallet sends more than that."""

PEERS_MAX = 50
"""Peers of one geth; static and trusted ones do not count."""

STOP_GRACE_S = 30.0
"""geth writes its state out on SIGTERM: usually 0.2 s, longer after a busy time."""


def geth(
    context: Context,
    workload: str,
    *,
    static_peers: tuple[str, ...],
    trusted_peers: tuple[str, ...] = (),
    bootnodes_from: str | None = None,
    starts_after: tuple[str, ...] = (),
) -> Part:
    """The geth of a workload, with the peers that it never gives up."""
    process = Process(
        name="geth",
        command=Command(program="geth", arguments=_arguments(context, workload)),
        ready=Probe(rpc=context.private_url(workload, "rpc")),
        starts_after=starts_after,
        disposable=(context.path(workload, "geth", "geth"),),
        bootnodes_from=bootnodes_from,
        stop_grace_s=STOP_GRACE_S,
    )
    return Part(
        process=process,
        files=_files(context, workload, static_peers, trusted_peers),
        ports=(
            context.private_port(workload, "rpc"),
            context.private_port(workload, "ws"),
            context.private_port(workload, "engine"),
            context.public_port(workload, "p2p"),
        ),
    )


def jwt_file(context: Context, workload: str) -> str:
    """The secret that geth shares with whoever drives it."""
    return context.path(workload, "jwt.hex")


def ipc_socket(context: Context, workload: str) -> str:
    """geth's own socket, which only this user can open: it takes admin calls and builds blocks."""
    return context.socket(workload, "geth.ipc")


def _arguments(context: Context, workload: str) -> tuple[str, ...]:
    return (
        *_data_arguments(context, workload),
        *_rpc_arguments(context, workload),
        *_peer_arguments(context, workload),
        # A block that is not full by then is closed with what is in it (ethereum/building.py).
        *("--miner.recommit", f"{FILL_S_MAX * 1000:.0f}ms"),
        *("--miner.gaslimit", str(context.network.gas_limit)),
        # On a private chain nobody should have to bid for a place: one wei is enough.
        *("--miner.gasprice", "1"),
        *("--txpool.pricelimit", "1"),
        *("--txpool.accountslots", str(POOL_TRANSACTIONS)),
        *("--txpool.globalslots", str(POOL_TRANSACTIONS)),
        *("--txpool.accountqueue", str(POOL_TRANSACTIONS)),
        *("--txpool.globalqueue", str(POOL_TRANSACTIONS)),
        *("--verbosity", "3"),
        # A line for each transaction that is handed in: 250 bytes, a thousand times a second.
        *("--log.vmodule", "ethapi/*=2"),
    )


def _data_arguments(context: Context, workload: str) -> tuple[str, ...]:
    return (
        *("--config", context.path(workload, "geth.toml")),
        *("--datadir", context.path(workload, "geth")),
        # Makes the genesis block in an empty database and refuses one with another genesis, which
        # is why nothing has to be initialised before the first start.
        *("--override.genesis", context.path(workload, "genesis.json")),
        *("--networkid", str(context.network.chain_id)),
        # Any other mode loses the whole chain at kill -9, back to the last clean stop or to block
        # 0; this one loses the last two seconds, which are then fed again.
        *("--syncmode", "full"),
        *("--state.scheme", "hash"),
        *("--gcmode", "archive"),
        # The default forgets receipts and logs after 2,350,000 blocks: 27 days at one a second.
        *("--history.transactions", "0"),
        *("--history.logs", "0"),
        *("--cache", str(CACHE_MB)),
    )


def _rpc_arguments(context: Context, workload: str) -> tuple[str, ...]:
    return (
        *("--ipcpath", ipc_socket(context, workload)),
        *("--authrpc.addr", LOOPBACK),
        *("--authrpc.port", str(context.number(workload, "engine"))),
        *("--authrpc.jwtsecret", jwt_file(context, workload)),
        "--http",
        *("--http.addr", LOOPBACK),
        *("--http.port", str(context.number(workload, "rpc"))),
        *("--http.api", API),
        *("--http.vhosts", VIRTUAL_HOSTS),
        *("--http.corsdomain", CORS_ORIGINS),
        "--ws",
        *("--ws.addr", LOOPBACK),
        *("--ws.port", str(context.number(workload, "ws"))),
        *("--ws.api", API),
        *("--ws.origins", WEBSOCKET_ORIGINS),
    )


def _peer_arguments(context: Context, workload: str) -> tuple[str, ...]:
    host = context.site.host(context.name, workload)
    # A node on loopback must never speak to anybody outside, whatever it hears from its peers.
    restriction = ("--netrestrict", "127.0.0.0/8") if context.is_on_loopback(workload) else ()
    return (
        *("--nodekey", context.path(workload, "node.key")),
        # Without its own address in its record a geth off loopback announces 127.0.0.1.
        *("--nat", f"extip:{host}"),
        *("--maxpeers", str(PEERS_MAX)),
        # Our bootnodes answer discovery v4 only.
        "--discovery.v5=false",
        *restriction,
    )


def _files(
    context: Context, workload: str, static_peers: tuple[str, ...], trusted_peers: tuple[str, ...]
) -> tuple[File, ...]:
    keys = context.keys
    return (
        File(
            path=context.path(workload, "geth.toml"),
            content=_configuration(context, workload, static_peers, trusted_peers).encode(),
            secret=True,  # what it reports to the dashboard with stands in it
        ),
        File(path=context.path(workload, "genesis.json"), content=keys.ethereum_genesis),
        File(path=jwt_file(context, workload), content=keys.jwt(workload).encode(), secret=True),
        node_key_file(context, workload),
    )


def node_key_file(context: Context, workload: str) -> File:
    """The key of the workload's enode, as geth and our bootnode read it: 64 hex digits."""
    return File(
        path=context.path(workload, "node.key"),
        content=context.keys.node_key(workload).hex().encode(),
        secret=True,
    )


def _configuration(
    context: Context, workload: str, static_peers: tuple[str, ...], trusted_peers: tuple[str, ...]
) -> str:
    """What geth takes from no flag: peers that it keeps, and the address to listen on."""
    address = f"{context.site.bind(context.name, workload)}:{context.number(workload, 'p2p')}"
    return f"""\
[Node.P2P]
# Empty rather than absent: without any list geth asks the public chain's bootnodes.
BootstrapNodes = []
BootstrapNodesV5 = []
StaticNodes = {toml_list(static_peers)}
TrustedNodes = {toml_list(trusted_peers)}
ListenAddr = "{address}"

[Ethstats]
URL = "{workload}:{context.keys.ethstats_secret_of(workload)}@{ethstats_url(context)}"
"""
