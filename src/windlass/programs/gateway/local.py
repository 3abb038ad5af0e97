"""What the gateway knows itself: the head's number, the chain's id, and what HTTP can't have."""

from __future__ import annotations

import msgspec

from windlass.programs.gateway.calls import Caller
from windlass.programs.gateway.dispatch import Handler, Outcome
from windlass.programs.gateway.head import Head
from windlass.programs.gateway.rewriting import quantity
from windlass.programs.gateway.session import Session
from windlass.programs.gateway.settings import Settings


class Local:
    """Methods that need no node, once one was heard."""

    def __init__(self, settings: Settings, head: Head, caller: Caller) -> None:
        self._head = head
        self._caller = caller
        self._chain_id = quantity(settings.chain_id)
        self._version = b'"%d"' % settings.chain_id

    def methods(self) -> dict[str, Handler]:
        """By name."""
        return {
            "eth_blockNumber": self._block_number,
            "eth_chainId": self._chain,
            "net_version": self._net_version,
        }

    async def _block_number(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method, params, session
        if self._head.number < 0:
            await self._caller.first_node()
        return Outcome(quantity(self._head.number))

    async def _chain(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method, params, session
        return Outcome(self._chain_id)

    async def _net_version(self, method: str, params: msgspec.Raw, session: Session) -> Outcome:
        del method, params, session
        return Outcome(self._version)
