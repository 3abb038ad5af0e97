"""Simple transfers a second at the default gas limit, and the same for a bare `geth --dev`.

Both get the same signed transfers in the same way: batches over HTTP, the pool never empty and
never full. The rival has no consensus, no peers and one disk to write to, so it is the ceiling.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.report import Section
from tests.benchmarks.usage import lasting_bytes
from tests.support import chain
from tests.support.binaries import find
from tests.support.geth import free_port
from tests.support.load import SINK
from tests.support.network import Network, spec
from tests.support.rpc import Rpc
from tests.support.transfers import Sender, Signed, senders
from tests.support.wait import until

TRANSFERS = 60_000
DEFAULT_NETWORK_TRANSFERS = 30_000
RIVAL_TRANSFERS = 40_000
POOL_LIMITS = ("accountslots", "globalslots", "accountqueue", "globalqueue")
ACCOUNTS = 100
BATCH = 100
POOL_MAX = 8_000  # half of what a pool holds
CHAIN_ID = 20261
RIVAL_CHAIN_ID = 1337
DONE_WITHIN_S = 300.0


def measure(section: Section, folder: Path) -> None:
    """The rival first, then 4 validators, then the default network, which has a node besides."""
    rival = _rival(folder / "rival")
    section.add("bare `geth --dev --dev.period 1`", "", f"{rival:.0f}/s", "30M gas limit")
    with _network(folder / "validators", nodes=0) as (network, accounts):
        disk = lasting_bytes(network.state)
        rate = _rate(network, accounts, TRANSFERS)
        per_million = (lasting_bytes(network.state) - disk) / TRANSFERS * 1e6 / 1e9
    how = f"{TRANSFERS:,} transfers, each once on 4 nodes"
    section.add("4 validators", "", f"{rate:.0f}/s", how)
    section.add("4 validators, ratio to the bare geth", "≥ 0.6×", f"{rate / rival:.2f}×")
    how = f"extrapolated from {TRANSFERS:,}, all 4 validators"
    section.add("disk per million transfers, all", "", f"{per_million:.1f} GB", how)
    section.add("disk per million transfers, each", "", f"{per_million / 4:.1f} GB")
    with _network(folder / "default", nodes=1) as (network, accounts):
        rate = _rate(network, accounts, DEFAULT_NETWORK_TRANSFERS)
    how = f"{DEFAULT_NETWORK_TRANSFERS:,} transfers, each once on 5 nodes"
    section.add("4 validators and a node", "", f"{rate:.0f}/s", how)
    section.add("4 validators and a node, ratio", "", f"{rate / rival:.2f}×")


@contextmanager
def _network(folder: Path, nodes: int) -> Iterator[tuple[Network, list[Sender]]]:
    """A running network, and accounts that are rich in it."""
    accounts = senders(ACCOUNTS, CHAIN_ID)
    addresses = [one.address for one in accounts]
    network = Network(folder, spec(accounts=addresses, chain_id=CHAIN_ID, nodes=nodes))
    try:
        network.up()
        rpc = network.rpc()
        until(lambda: rpc.height() >= 15, "the first blocks", timeout_s=60)
        yield network, accounts
    finally:
        network.close()


def _rate(network: Network, accounts: list[Sender], count: int) -> float:
    """Transfers a second, each of which then stands in exactly one block, the same everywhere."""
    rpc = network.rpc()
    first = rpc.height()
    _feed(list(network.rpc_urls().values()), accounts, count)
    rate = chain.transfers_per_s(rpc, first, rpc.height())
    same = chain.assert_same_chain(network.rpc_urls(), rpc.height() - 1)
    chain.assert_each_once(same, [one.hash for a in accounts for one in a.signed])
    return rate


def _rival(folder: Path) -> float:
    accounts = senders(ACCOUNTS, RIVAL_CHAIN_ID)
    with _dev_geth(folder) as rpc:
        (rich,) = rpc("eth_accounts")
        for one in accounts:
            gift = {"from": rich, "to": one.address, "value": hex(10**22)}
            rpc("eth_sendTransaction", gift)
        last = accounts[-1].address
        until(lambda: int(rpc("eth_getBalance", last, "latest"), 16), "funds", timeout_s=30)
        first = rpc.height() + 1
        _feed([rpc.url], accounts, RIVAL_TRANSFERS)
        return chain.transfers_per_s(rpc, first, rpc.height())


@contextmanager
def _dev_geth(folder: Path) -> Iterator[Rpc]:
    folder.mkdir(parents=True)
    port = free_port()
    command = [
        str(find("geth")), "--dev", "--dev.period", "1", "--dev.gaslimit", "30000000",
        "--datadir", str(folder), "--ipcdisable", "--http", "--http.port", str(port),
        "--http.api", "eth,net,web3,txpool", "--authrpc.port", str(free_port()),
        # The same pool as ours: with its usual one it would wait for transfers, not we for it.
        *(f"--txpool.{limit}=16384" for limit in POOL_LIMITS),
    ]  # fmt: skip
    with (folder / "geth.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        rpc = Rpc(f"http://127.0.0.1:{port}")
        until(lambda: rpc("eth_chainId"), "the rival's RPC", timeout_s=60)
        yield rpc
    finally:
        process.terminate()
        process.wait(30)


def _feed(urls: list[str], accounts: list[Sender], count: int) -> None:
    """Signs, hands over and waits until all are in blocks; what a pool dropped is sent again."""
    per_account = count // len(accounts)
    for account in accounts:
        for _ in range(per_account):
            account.transfer(SINK)
    threads = [
        threading.Thread(target=_feed_one, args=(url, accounts[number :: len(urls)]))
        for number, url in enumerate(urls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DONE_WITHIN_S)
    until(
        lambda: not _send_missing(urls, accounts),
        "every transfer in a block",
        timeout_s=DONE_WITHIN_S,
        poll_s=1,
    )


def _feed_one(url: str, accounts: list[Sender]) -> None:
    """Nonce by nonce over these accounts, so that every transfer is executable on arrival."""
    rpc = Rpc(url, timeout_s=30)
    queue = [one for nonces in zip(*(a.signed for a in accounts), strict=True) for one in nonces]
    for start in range(0, len(queue), BATCH):
        while int(rpc("txpool_status")["pending"], 16) > POOL_MAX:
            time.sleep(0.05)
        _send(rpc, queue[start : start + BATCH])


def _send(rpc: Rpc, transfers: list[Signed]) -> None:
    rpc.batch([("eth_sendRawTransaction", [one.raw]) for one in transfers])


def _send_missing(urls: list[str], accounts: list[Sender]) -> int:
    """How many are in no block yet; if the pools are nearly empty, those are sent again."""
    rpc = Rpc(urls[0], timeout_s=30)
    counts = rpc.batch([("eth_getTransactionCount", [a.address, "latest"]) for a in accounts])
    missing = [
        one
        for account, count in zip(accounts, counts, strict=True)
        for one in account.signed[int(count, 16) :]
    ]
    if missing and int(rpc("txpool_status")["pending"], 16) < BATCH:
        for start in range(0, len(missing), BATCH):
            _send(rpc, missing[start : start + BATCH])
    return len(missing)
