"""The RPC that a verb asks: the network's own, or another node's while that one is away.

A stopped or dying node must not keep its owner from his money on a network that makes blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

from windlass.kit.errors import WindlassError
from windlass.kit.http_client import HttpClient
from windlass.kit.json_rpc import JsonRpc
from windlass.runtimes.local.state import State

ANSWER_TIMEOUT_S = 3.0


class NobodyAnswers(WindlassError):
    """None of the network's nodes answers at its RPC."""

    code = "nobody_answers"


def rpc_urls(state: State, network: str) -> list[str]:
    """Every RPC of the network, its own address first."""
    own = [one for one in state.workloads() if one.network == network and one.rpc_url]
    return [one.rpc_url or "" for one in sorted(own, key=lambda one: not one.endpoint)]


async def answering(urls: Sequence[str], network: str) -> str:
    """The first of these that answers. Raises NobodyAnswers."""
    for url in urls:
        rpc = JsonRpc(HttpClient(url, timeout_s=ANSWER_TIMEOUT_S))
        try:
            await rpc.call("eth_blockNumber")
        except WindlassError:
            continue
        finally:
            await rpc.close()
        return url
    at = f" at {urls[0]}, nor any other node" if urls else ""
    raise NobodyAnswers(
        f"Nobody answers for {network}{at}.",
        "`windlass status` shows what runs, `windlass up` starts it, `windlass doctor` says why.",
    )
