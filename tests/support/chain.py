"""What must hold for every chain, whatever was done to its nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from tests.support.rpc import Rpc

BATCH = 200  # blocks per request: a few hundred kilobytes


def blocks(rpc: Rpc, first: int, last: int) -> dict[int, tuple[str, list[str]]]:
    """Number → (hash, transactions' hashes) of every block from first to last."""
    found = {}
    for start in range(first, last + 1, BATCH):
        numbers = range(start, min(start + BATCH, last + 1))
        answers = rpc.batch([("eth_getBlockByNumber", (hex(one), False)) for one in numbers])
        for number, block in zip(numbers, answers, strict=True):
            assert isinstance(block, dict), f"{rpc.url}: no block {number}: {block}"
            found[number] = (block["hash"], block["transactions"])
    return found


def assert_same_chain(urls: Mapping[str, str], height: int) -> dict[int, tuple[str, list[str]]]:
    """All nodes have the same block at every height up to this one; returns that chain."""
    chains = {name: blocks(Rpc(url), 0, height) for name, url in urls.items()}
    names = iter(chains)
    first = next(names)
    for name in names:
        for number in range(height + 1):
            ours, theirs = chains[first][number][0], chains[name][number][0]
            assert ours == theirs, f"block {number}: {first} has {ours}, {name} has {theirs}"
    return chains[first]


def transfers_per_s(rpc: Rpc, first: int, last: int) -> float:
    """Transactions a second by the blocks' own clock, from the first block that has some to the
    last but one that has; the last one is only what was left over."""
    full = [block for block in map(rpc.block, range(first, last + 1)) if block["transactions"]]
    start, *others = full[:-1]
    passed_s = int(others[-1]["timestamp"], 16) - int(start["timestamp"], 16)
    return sum(len(block["transactions"]) for block in others) / passed_s


def assert_each_once(
    chain: Mapping[int, tuple[str, list[str]]], transactions: Iterable[str]
) -> None:
    """Every one of these transactions is in exactly one block, and no block has one twice."""
    counts = Counter(one for _, hashes in chain.values() for one in hashes)
    twice = [one for one, count in counts.items() if count > 1]
    assert not twice, f"included more than once: {twice[:5]}"
    missing = [one for one in transactions if not counts[one]]
    assert not missing, f"{len(missing)} never included, first: {missing[:5]}"
