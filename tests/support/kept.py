"""A bridge's keeper of a real geth, without the rest of the bridge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.geth import Geth as RealGeth
from tests.support.wait import eventually
from windlass.chains.cometbft.membership import Members
from windlass.chains.ethereum.building import Attributes, Builder, prev_randao
from windlass.chains.ethereum.engine import EngineClient
from windlass.chains.ethereum.payload_log import PayloadLog
from windlass.chains.ethereum.peers import Peers
from windlass.programs.bridge.geth import Geth
from windlass.programs.bridge.state import Chain, Pending, State, genesis_state, next_head


class Kept:
    """A geth's keeper with a chain of its own, and the blocks to put into it."""

    def __init__(self, real: RealGeth, folder: Path) -> None:
        self.real = real
        self.payloads = PayloadLog(folder / "bridge.sqlite")
        self.chain = Chain(self.payloads)
        self.engine = EngineClient(real.engine_url, real.jwt_file, timeout_s=2)
        self.peers = Peers(str(real.ipc))
        self.builder = Builder(str(real.ipc))
        self.geth = Geth(
            self.engine, self.chain, self.peers, real.chain.hash(), may_have_peers=False
        )
        text = (
            f'{{"ethereum_genesis_hash":"{real.chain.hash()}","fee_recipients":{{}},'
            f'"ethereum_genesis_timestamp":{real.chain.timestamp}}}'
        )
        self.chain.begin(genesis_state(text.encode(), {}, real.chain.hash()))

    async def make_block(self) -> None:
        """Builds, executes and commits one block, as a height would."""
        await self.geth.wait_ready()
        head = self.chain.require().head
        attributes = Attributes(
            timestamp=head.timestamp + 1,
            prev_randao=prev_randao(1, head.number + 1, head.block_hash),
            fee_recipient=self.chain.require().members.fee_recipient(b""),
            parent_beacon_block_root="0x" + head.app_hash.hex(),
        )
        payload = await self.builder.build(head.block_hash, attributes)
        assert await self.engine.new_payload(payload) == "VALID"
        await self.engine.forkchoice(payload.block_hash)
        state = State(
            head=next_head(head, payload.number, payload.block_hash, payload.timestamp),
            members=Members(powers={}, fee_recipients={}),
        )
        self.chain.commit(Pending(state=state, payload=payload, encoded=None))
        self.chain.begin(state)

    def status(self) -> str:
        """What the keeper says of geth now."""
        return self.geth.condition.status

    def request(self) -> str | None:
        """What the keeper asks the runtime for now."""
        return self.geth.condition.request

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Waits for it; what the keeper says of geth stands in the failure."""

        async def holds() -> bool:
            return condition()

        try:
            await eventually(holds, what, timeout_s=20)
        except AssertionError as error:
            raise AssertionError(f"{error}; geth: {self.geth.condition}") from error

    async def close(self) -> None:
        """Ends its connections and its log; geth goes on."""
        await self.engine.close()
        await self.peers.close()
        await self.builder.close()
        self.payloads.close()
