"""The handlers where geth can't help: what they answer, refuse, and never answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from tests.support.geth import Geth as RealGeth
from tests.support.geth import free_port, genesis
from tests.support.kept import Kept
from windlass.chains.cometbft import abci_pb2 as pb
from windlass.chains.cometbft.keys import address
from windlass.chains.ethereum.building import Builder
from windlass.chains.ethereum.engine import EngineClient
from windlass.chains.ethereum.payload_log import PayloadLog
from windlass.chains.ethereum.peers import Peers
from windlass.programs.bridge.application import Bridge
from windlass.programs.bridge.gathering import Gatherer
from windlass.programs.bridge.geth import Geth
from windlass.programs.bridge.metrics import Metrics
from windlass.programs.bridge.proposer import Proposer
from windlass.programs.bridge.settings import Genesis, Settings
from windlass.programs.bridge.state import Chain, WrongNetwork

GENESIS_HASH = "0x" + "ab" * 32
KEY = b"\x05" * 32


class Parts:
    """A bridge whose geth does not run."""

    def __init__(self, folder: Path) -> None:
        self.settings = _settings(folder)
        self.payloads = PayloadLog(self.settings.database)
        self.chain = Chain(self.payloads)
        self.engine = EngineClient(self.settings.engine_url, self.settings.jwt_file)
        self.peers = Peers(self.settings.geth_ipc)
        self.geth = Geth(self.engine, self.chain, self.peers, GENESIS_HASH, may_have_peers=False)
        metrics = Metrics()
        self.builder = Builder(self.settings.geth_ipc)
        self.gatherer = Gatherer(self.settings.rpc_url, (), metrics.gathered)
        proposer = Proposer(self.geth, self.builder, self.gatherer, metrics.build_s)
        self.bridge = Bridge(self.settings, self.chain, self.geth, proposer, metrics)

    async def close(self) -> None:
        await self.builder.close()
        await self.gatherer.close()
        await self.engine.close()
        await self.peers.close()
        self.payloads.close()


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncGenerator[Parts]:
    """A fresh one."""
    (tmp_path / "jwt.hex").write_text("22" * 32)
    made = Parts(tmp_path)
    yield made
    await made.close()


def _settings(folder: Path) -> Settings:
    return Settings(
        network="test",
        node="validator-0",
        chain_id=20261,
        genesis_hash=GENESIS_HASH,
        engine_url=f"http://127.0.0.1:{free_port()}",
        jwt_file=str(folder / "jwt.hex"),
        rpc_url=f"http://127.0.0.1:{free_port()}",
        geth_ipc=str(folder / "geth.ipc"),
        abci_socket=str(folder / "abci.sock"),
        database=str(folder / "bridge.sqlite"),
        registrar_url=None,
        health_host="127.0.0.1",
        health_port=0,
        block_time_s=1,
    )


def _init_chain(genesis_hash: str = GENESIS_HASH, height: int = 1) -> pb.RequestInitChain:
    genesis = Genesis(
        ethereum_genesis_hash=genesis_hash,
        ethereum_genesis_timestamp=1_700_000_000,
        fee_recipients={address(KEY): "0x" + "0f" * 20},
    )
    return pb.RequestInitChain(
        app_state_bytes=msgspec.json.encode(genesis),
        initial_height=height,
        validators=[pb.ValidatorUpdate(pub_key=pb.PublicKey(ed25519=KEY), power=10)],
    )


def _finalize(height: int, *txs: bytes) -> pb.RequestFinalizeBlock:
    return pb.RequestFinalizeBlock(height=height, txs=txs, time=pb.Time(seconds=1_700_000_001))


async def test_info_does_not_wait_for_geth(parts: Parts) -> None:
    """CometBFT is answered at once, so that it finds its peers while geth starts."""
    answer = await asyncio.wait_for(parts.bridge.info(pb.RequestInfo()), 1)

    assert (answer.last_block_height, answer.last_block_app_hash) == (0, b"")


async def test_check_tx_refuses_everything(parts: Parts) -> None:
    """CometBFT's mempool takes nobody's transactions."""
    assert (await parts.bridge.check_tx(pb.RequestCheckTx(tx=b"anything"))).code == 1


async def test_genesis_of_another_network(parts: Parts) -> None:
    """CometBFT and bridge must mean the same Ethereum genesis."""
    with pytest.raises(WrongNetwork, match="one network"):
        await parts.bridge.init_chain(_init_chain("0x" + "cd" * 32))


@pytest.mark.parametrize("state", [b"", b"null", b"{}", b'{"fee_recipients": 7}', b"\xff"])
async def test_malformed_app_state(parts: Parts, state: bytes) -> None:
    """An app_state that can't be read is refused with its reason, not guessed."""
    request = _init_chain()
    request.app_state_bytes = state

    with pytest.raises(WrongNetwork, match="can't be read"):
        await parts.bridge.init_chain(request)


async def test_genesis_after_blocks(parts: Parts) -> None:
    """A CometBFT that lost its data must not start a log over that has blocks."""
    await parts.bridge.init_chain(_init_chain())
    await parts.bridge.finalize_block(_finalize(1))
    await parts.bridge.commit(pb.RequestCommit())

    with pytest.raises(WrongNetwork, match="has blocks"):
        await parts.bridge.init_chain(_init_chain())


async def test_initial_height(parts: Parts) -> None:
    """Heights are counted from 1."""
    with pytest.raises(WrongNetwork, match="not at 1"):
        await parts.bridge.init_chain(_init_chain(height=7))


async def test_proposal_without_geth_is_empty(parts: Parts) -> None:
    """A proposer without a geth lets the height pass, in time, and says why."""
    await parts.bridge.init_chain(_init_chain())
    request = pb.RequestPrepareProposal(max_tx_bytes=1 << 20, height=1)
    answer = await asyncio.wait_for(parts.bridge.prepare_proposal(request), 3)

    assert list(answer.txs) == []
    assert parts.bridge.proposal_errors == 1


async def test_empty_height(parts: Parts, tmp_path: Path) -> None:
    """A height without a block changes nothing but the height, and outlives a restart."""
    genesis = await parts.bridge.init_chain(_init_chain())
    answer = await parts.bridge.finalize_block(_finalize(1))
    await parts.bridge.commit(pb.RequestCommit())
    assert answer.app_hash == genesis.app_hash
    parts.payloads.close()

    again = Parts(tmp_path)
    info = await again.bridge.info(pb.RequestInfo())
    assert (info.last_block_height, info.last_block_app_hash) == (1, genesis.app_hash)
    assert again.chain.require().members == parts.chain.require().members
    assert (await again.bridge.query(pb.RequestQuery())).height == 1
    await again.close()


async def test_height_out_of_order(parts: Parts) -> None:
    """A decided height that is not the next one means that data were mixed up."""
    await parts.bridge.init_chain(_init_chain())

    with pytest.raises(WrongNetwork, match="belong together"):
        await parts.bridge.finalize_block(_finalize(2))


async def test_garbage_that_was_decided(parts: Parts) -> None:
    """A decided block that breaks a rule stops this node: it never answers, and says why."""
    await parts.bridge.init_chain(_init_chain())

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(parts.bridge.finalize_block(_finalize(1, b"garbage")), 0.3)
    assert parts.geth.condition.status == "invalid_block"
    assert "well_formed" in parts.geth.condition.detail


async def test_commit_without_a_block(parts: Parts) -> None:
    """Commit twice for one height is refused, not guessed."""
    await parts.bridge.init_chain(_init_chain())

    with pytest.raises(WrongNetwork, match="without a decided block"):
        await parts.bridge.commit(pb.RequestCommit())


async def test_vote_on_garbage(parts: Parts) -> None:
    """Garbage is voted down without asking geth, and counted under its rule."""
    await parts.bridge.init_chain(_init_chain())
    request = pb.RequestProcessProposal(height=1, txs=[b"garbage"])

    assert (await parts.bridge.process_proposal(request)).status == pb.REJECT
    assert parts.bridge.rejected_proposals == 1
    assert parts.bridge.metrics.rejected.value("well_formed") == 1
    assert parts.bridge.last_rejection.startswith("well_formed:")


@pytest.mark.parametrize("loses", [False, True])
async def test_what_we_voted_on_is_carried_out(
    geth_binary: Path, tmp_path: Path, loses: bool
) -> None:
    """A decided block becomes the head of the geth that executed it for our vote, and as well of
    one that has lost it since."""
    real = RealGeth(geth_binary, tmp_path / "geth", genesis())
    with contextlib.closing(real):
        kept = Kept(real.start(), tmp_path)
        metrics = Metrics()
        gatherer = Gatherer(real.rpc_url, (), metrics.gathered)
        proposer = Proposer(kept.geth, kept.builder, gatherer, metrics.build_s)
        bridge = Bridge(_settings(tmp_path), kept.chain, kept.geth, proposer, metrics)
        task = asyncio.create_task(kept.geth.run())
        try:
            await kept.geth.wait_ready()
            await _decide(bridge, real, loses=loses)
        finally:
            task.cancel()
            await asyncio.wait([task])
            await gatherer.close()
            await kept.close()


async def _decide(bridge: Bridge, real: RealGeth, *, loses: bool) -> None:
    """One height; between the vote and the decision geth loses everything, if it `loses`."""
    now = pb.Time(seconds=real.chain.timestamp)
    prepare = pb.RequestPrepareProposal(max_tx_bytes=1 << 20, height=1, time=now)
    txs = (await bridge.prepare_proposal(prepare)).txs
    vote = await bridge.process_proposal(pb.RequestProcessProposal(height=1, txs=txs, time=now))
    assert vote.status == pb.ACCEPT
    assert real.height() == 0
    if loses:
        real.kill()
        real.wipe()
        real.start()
    request = pb.RequestFinalizeBlock(height=1, txs=txs, time=now)
    await asyncio.wait_for(bridge.finalize_block(request), 20)
    await bridge.commit(pb.RequestCommit())
    assert real.height() == 1
    # What geth says when it is sent a block that it has.
    assert "already known beacon payload" not in (real.folder / "geth.log").read_text()
