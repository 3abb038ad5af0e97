"""Geth's peers, over its unix socket: the only place where admin calls are possible.

geth asks its bootnodes only now and then, and one that was started while the registrar was down
has none at all. So while geth has no peer, the registrar's list of live nodes is given to it
directly (admin_addPeer), until it has one.
"""

from __future__ import annotations

import asyncio
import logging

import msgspec

from windlass.chains.ethereum.enode import Enode, EnodeError, parse_enode
from windlass.chains.ethereum.quantities import from_hex
from windlass.kit import json
from windlass.kit.http import HttpError, get
from windlass.kit.json import JsonError
from windlass.kit.json_rpc import IpcClient, JsonRpc, JsonRpcError
from windlass.kit.transport import TransportError

log = logging.getLogger(__name__)

POLL_S = 5.0
"""How often peers are counted while there are some."""
POLL_LONELY_S = 1.0
"""How often while there are none: a node that just started is joined within about a second."""
TIMEOUT_S = 2.0
ADDED_MAX = 16
"""geth needs one peer to find the others; each one added is dialled for as long as geth runs."""


class _NodeInfo(msgspec.Struct):
    enode: str


class _RegistrarList(msgspec.Struct):
    """What we need of a registrar's /json: the live nodes that its bootnodes report."""

    nodes: list[str] = []


class Peers:
    """Counts geth's peers, and joins it to the network while it has none.

    `count` is how many it has, None while that is not known.
    """

    def __init__(self, ipc_path: str, registrar_url: str | None = None) -> None:
        self.count: int | None = None
        self._rpc = JsonRpc(IpcClient(ipc_path, timeout_s=TIMEOUT_S))
        self._registrar_url = registrar_url
        self._added: set[Enode] = set()

    async def run(self) -> None:
        """Keeps `count` right, and joins when it is 0, until cancelled."""
        while True:
            await self.refresh()
            if self.count == 0 and self._registrar_url is not None:
                await self.join()
            await asyncio.sleep(POLL_S if self.count else POLL_LONELY_S)

    async def refresh(self) -> int | None:
        """Counts now; None if geth does not answer."""
        try:
            # net_peerCount, not admin_peers: it stays small however many there are.
            self.count = from_hex(await self._rpc.call("net_peerCount"))
        except (TransportError, JsonRpcError, ValueError, TypeError):
            self.count = None
            self._added.clear()  # a restarted geth has forgotten what was added
        return self.count

    async def join(self) -> int:
        """Gives geth the registrar's live nodes; returns how many were new. Never raises."""
        added = 0
        try:
            for enode in await self._strangers():
                await self._rpc.call("admin_addPeer", str(enode))
                self._added.add(enode)
                added += 1
        except (TransportError, JsonRpcError, JsonError, msgspec.ValidationError) as error:
            log.debug("can't join through the registrar", extra={"reason": str(error)})
        if added:
            log.info("gave geth peers from the registrar", extra={"added": added})
        return added

    async def close(self) -> None:
        """Closes the socket."""
        await self._rpc.close()

    async def _strangers(self) -> list[Enode]:
        """Listed nodes that are not geth itself and were not given to it yet."""
        info = msgspec.convert(await self._rpc.call("admin_nodeInfo"), _NodeInfo)
        known = {enode.public_key for enode in self._added}
        strangers: dict[bytes, Enode] = {}
        for text in await self._listed():
            try:
                enode = parse_enode(text)
            except EnodeError:
                continue
            # Not parsed: without discovery geth names itself with a UDP port of 0.
            if enode.public_key not in known and enode.public_key.hex() not in info.enode:
                strangers[enode.public_key] = enode
        return list(strangers.values())[: ADDED_MAX - len(self._added)]

    async def _listed(self) -> list[str]:
        url = f"{(self._registrar_url or '').rstrip('/')}/json"
        response = await get(url, timeout_s=TIMEOUT_S)
        if response.status != 200:
            raise HttpError("protocol", f"{url} answered with status {response.status}.")
        return json.decode(response.body, _RegistrarList).nodes
