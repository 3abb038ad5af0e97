"""Changes of the validator set on their way into a block: what this node takes, and proposes.

CometBFT's mempool asks `CheckTx` of every transaction that it is sent or hears of, keeps what is
taken, passes it on to its peers, and asks again after each block; so a change that no longer fits
is gone by itself. All of this is a courtesy: what counts is the same check in the votes and at the
decision (`checked`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from windlass.chains.cometbft import abci_pb2 as pb
from windlass.chains.cometbft import membership, set_change
from windlass.chains.cometbft.configuration import chain_id_of
from windlass.chains.cometbft.membership import ChangeRefused
from windlass.chains.cometbft.set_change import MalformedChange, SetChange
from windlass.programs.bridge.rules import Rejected, split
from windlass.programs.bridge.settings import Settings
from windlass.programs.bridge.state import Chain


class SetChanges:
    """What a change is held against is the decided state alone, never this node's own view."""

    def __init__(self, settings: Settings, chain: Chain) -> None:
        self._network = chain_id_of(settings.network, settings.chain_id)
        self._genesis = settings.genesis_hash
        self._chain = chain

    def chain(self, height: int) -> membership.Chain:
        """The chain as a change in the block of that height finds it."""
        members = self._chain.require().members
        return membership.Chain(
            network=self._network, genesis=self._genesis, members=members, height=height
        )

    def checked(self, transaction: bytes, height: int) -> SetChange:
        """The change in that transaction of the block of that height. Raises Rejected."""
        try:
            change = set_change.decode(transaction)
            membership.check(change, self.chain(height))
        except MalformedChange as error:
            raise Rejected("well_formed_change", str(error)) from error
        except ChangeRefused as error:
            raise Rejected(error.rule, error.sentence) from error
        return change

    def check_tx(self, transaction: bytes) -> pb.ResponseCheckTx:
        """Whether CometBFT keeps it: only a change that the next block may have."""
        if self._chain.state is None:
            return pb.ResponseCheckTx(code=1, log="the chain has not begun")
        if split([transaction])[1] is None:
            return pb.ResponseCheckTx(code=1, log="send Ethereum transactions to geth's RPC")
        try:
            self.checked(transaction, self._chain.state.head.height + 1)
        except Rejected as rejected:
            return pb.ResponseCheckTx(code=1, log=str(rejected))
        return pb.ResponseCheckTx()

    def waiting(self, transactions: Sequence[bytes], height: int) -> list[bytes]:
        """The first of these that the block of that height may have, or none."""
        for transaction in transactions:
            with contextlib.suppress(Rejected):
                self.checked(transaction, height)
                return [transaction]
        return []


def updates(change: SetChange | None) -> list[pb.ValidatorUpdate]:
    """What CometBFT is told of a decided change; it is in effect two heights later."""
    if change is None:
        return []
    key = pb.PublicKey(ed25519=change.public_key_bytes)
    return [pb.ValidatorUpdate(pub_key=key, power=change.power)]
