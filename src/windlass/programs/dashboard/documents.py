"""The JSON that pages get, made from the state: one function per object of the contract."""

from __future__ import annotations

import statistics
from typing import Any

from windlass.programs.dashboard.blocks import SHOWN, Block
from windlass.programs.dashboard.network import Network
from windlass.programs.dashboard.nodes import Node
from windlass.programs.dashboard.propagation import Propagation

AVERAGE_BLOCKS = 40
RATE_BLOCKS = 20


def node_document(network: Network, node: Node) -> dict[str, Any]:
    """A row of the table of nodes."""
    hello, block, best = node.hello, node.block, network.best
    price = node.gas_price_wei
    return {
        "name": node.name,
        "role": node.role,
        "expected": node.expected,
        "online": node.online,
        "since_ms": node.since_ms,
        "client": hello.client if hello else None,
        "os": hello.os if hello else None,
        "network_id": hello.network_id if hello else None,
        "protocol": hello.protocol if hello else None,
        "port": hello.port if hello else None,
        "api": hello.api if hello else None,
        "contact": hello.contact if hello else None,
        "sampled": node.sampled,
        "peers": node.peers,
        "pending": node.pending,
        "gas_price_wei": None if price is None else str(price),
        "syncing": node.syncing,
        "latency_ms": node.latency_ms,
        "clock_offset_ms": node.clock_offset_ms,
        "block": None
        if block is None
        else {
            "number": block.number,
            "hash": block.hash,
            "timestamp_ms": block.timestamp_s * 1000,
            "transactions": block.transactions,
            "gas_used": block.gas_used,
            "gas_limit": block.gas_limit,
        },
        "block_at_ms": node.block_at_ms,
        "lag_blocks": lag(network, node) if block is not None and best is not None else None,
        "propagation_ms": node.propagation_ms,
        "propagation_average_ms": node.propagation_average_ms,
        "propagation_history": list(node.propagation),
        "processing_ms": node.processing_ms,
        "uptime_percent": node.uptime.percent,
    }


def lag(network: Network, node: Node) -> int:
    """How many blocks the node is behind the best one."""
    if node.block is None or network.best is None:
        return 0
    return max(network.best.number - node.block.number, 0)


def block_document(network: Network, block: Block) -> dict[str, Any]:
    """A block of the strip of blocks."""
    forked = block.number in network.blocks.forked
    return {
        "number": block.number,
        "hash": block.hash,
        "parent_hash": block.parent_hash,
        "timestamp_ms": block.timestamp_ms,
        "at_ms": block.at_ms,
        "interval_ms": block.interval_ms,
        "miner": block.miner,
        "miner_name": block.proposer or network.maker(block.miner),
        "transactions": block.transactions,
        "gas_used": block.gas_used,
        "gas_limit": block.gas_limit,
        "reporters": max(block.votes, block.reporters),
        "first_node": block.first_node,
        "propagation_p50_ms": block.propagation_p50_ms,
        "propagation_max_ms": block.propagation_max_ms,
        # Both kinds of consensus take no decided block back; where nodes differ, one is wrong.
        "final": not forked,
        "round": block.round,
        "missed": list(block.missed),
        "forked": forked,
    }


def summary_document(network: Network, propagation: Propagation) -> dict[str, Any]:
    """The figures at the top."""
    best = network.best
    online = [node for node in network.nodes.values() if node.online]
    prices = [node.gas_price_wei for node in online if node.gas_price_wei is not None]
    pending = [node.pending for node in online if node.pending is not None]
    uptimes = [
        percent for node in network.nodes.values() if (percent := node.uptime.percent) is not None
    ]
    used = best.gas_used * 1000 // best.gas_limit if best and best.gas_limit else None
    return {
        "best_block": best.number if best else None,
        "best_hash": best.hash if best else None,
        "best_at_ms": network.best_at_ms,
        "final_block": _final_block(network),
        "average_block_time_ms": _average_block_time_ms(network),
        "transactions_per_s": _transactions_per_s(network),
        "gas_price_wei": str(statistics.median_low(prices)) if prices else None,
        "gas_limit": best.gas_limit if best else None,
        "gas_used_percent": None if used is None else used / 10,
        "nodes_online": len(online),
        "nodes_total": len(network.nodes),
        "uptime_percent": round(statistics.fmean(uptimes), 1) if uptimes else None,
        "pending": max(pending) if pending else None,
        "propagation_p50_ms": propagation.p50_ms,
        "propagation_p90_ms": propagation.p90_ms,
    }


def fork_documents(network: Network) -> list[dict[str, Any]]:
    """Heights at which nodes differ, newest first."""
    documents = []
    for number in sorted(network.blocks.forked, reverse=True)[:SHOWN]:
        main = network.blocks.main(number)
        documents.append(
            {
                "height": number,
                "hashes": network.blocks.sides(number),
                "at_ms": main.at_ms if main else 0,
            }
        )
    return documents


def network_document(network: Network) -> dict[str, Any]:
    """What never changes."""
    settings = network.settings
    return {
        "name": settings.network,
        "chain_id": settings.chain_id,
        "consensus": settings.consensus,
        "block_time_s": settings.block_time_s,
    }


def _final_block(network: Network) -> int | None:
    if network.best is None:
        return None
    forked = [number for number in network.blocks.forked if number <= network.best.number]
    return max(min(forked) - 1, 0) if forked else network.best.number


def _average_block_time_ms(network: Network) -> int | None:
    intervals = [
        block.interval_ms
        for block in network.blocks.newest(AVERAGE_BLOCKS)
        if block.interval_ms is not None and block.number > 1
    ]
    return round(statistics.fmean(intervals)) if intervals else None


def _transactions_per_s(network: Network) -> float | None:
    blocks = network.blocks.newest(RATE_BLOCKS + 1)
    if len(blocks) < 2:
        return None
    spent_ms = max(blocks[0].at_ms - blocks[-1].at_ms, 1)
    count = sum(block.transactions for block in blocks[:-1])
    return round(count * 1000 / spent_ms, 1)
