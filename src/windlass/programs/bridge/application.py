"""The bridge as CometBFT sees it: an ABCI 2.0 application whose state is an Ethereum chain.

A CometBFT block carries one Ethereum payload or nothing, and rarely a change of the validator set,
the only transaction that CometBFT itself is sent. The proposer has geth build it, every
validator holds it against the rules and has geth execute it before voting, and once it is decided
geth is told that it is the head, and final. forkchoice is only ever sent for decided blocks.

What can't be right is refused (ProcessProposal), what is decided is carried out however long it
takes (FinalizeBlock), and a block that geth calls invalid although two thirds decided it stops this
node loudly: answering would fork it off.

`Info` answers from our own log without waiting for geth, so that CometBFT connects to its peers
while geth still starts; everything that needs geth waits for it with its own bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator

import msgspec

from windlass.chains.cometbft import abci_pb2 as pb
from windlass.chains.cometbft import membership
from windlass.chains.cometbft.keys import address
from windlass.chains.cometbft.set_change import SetChange
from windlass.chains.ethereum.building import NotBuilding
from windlass.chains.ethereum.engine import EngineError, EngineRefused
from windlass.chains.ethereum.payload import MalformedPayload, Payload
from windlass.chains.ethereum.payload_log import Head, PayloadLogFull
from windlass.kit.faults import fault_point
from windlass.programs.bridge.geth import Geth
from windlass.programs.bridge.metrics import Metrics
from windlass.programs.bridge.proposer import Proposer
from windlass.programs.bridge.rules import (
    Context,
    Rejected,
    check,
    not_ahead_of_the_clock,
    split,
)
from windlass.programs.bridge.set_changes import SetChanges, updates
from windlass.programs.bridge.settings import Settings
from windlass.programs.bridge.state import (
    Chain,
    Pending,
    State,
    WrongNetwork,
    genesis_state,
    next_head,
    same_head,
    with_members,
)

VOTE_DEADLINE_S = 4.0
"""The longest that geth may take over a proposal before we vote against it. A full block of 30M gas
takes half a second on a slow machine; while we wait the others go on without us."""
RETRY_S = 0.05
RETRY_S_MAX = 2.0
INVALID_RETRY_S = 5.0
STUCK_AFTER_TRIES = 5
"""So often geth may have our head and still not take the next block before it is called stuck."""
CHANGE_OVERHEAD_BYTES = 16
"""Of a transaction in a block: its protobuf tag and length take less."""
MEMBERS_PATH = "/members"
APP_VERSION = 1  # as in the genesis's consensus_params

log = logging.getLogger(__name__)


class Bridge:
    """The application. What it counts is read by the status pages."""

    def __init__(
        self, settings: Settings, chain: Chain, geth: Geth, proposer: Proposer, metrics: Metrics
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.last_commit: float | None = None
        self.round = 0
        self.rejected_proposals = 0
        self.last_rejection = ""
        self.proposal_errors = 0
        self.log_full = ""
        self._chain = chain
        self._set_changes = SetChanges(settings, chain)
        self._geth = geth
        self._proposer = proposer
        self._pending: Pending | None = None

    async def info(self, request: pb.RequestInfo) -> pb.ResponseInfo:
        """Where we are: CometBFT replays what it has beyond that."""
        log.info("CometBFT connected", extra={"version": request.version})
        stored = self._chain.payloads.head()
        return pb.ResponseInfo(
            data="windlass-bridge",
            app_version=APP_VERSION,
            last_block_height=stored.height if stored else 0,
            last_block_app_hash=stored.app_hash if stored else b"",
        )

    async def init_chain(self, request: pb.RequestInitChain) -> pb.ResponseInitChain:
        """Takes the genesis in. Raises WrongNetwork, at which CometBFT stops."""
        if request.initial_height > 1:
            raise WrongNetwork(f"The genesis begins at height {request.initial_height}, not at 1.")
        if self._chain.payloads.head() is not None:
            raise WrongNetwork("CometBFT begins at the genesis, but the payload log has blocks.")
        powers = {address(entry.pub_key.ed25519): entry.power for entry in request.validators}
        state = genesis_state(request.app_state_bytes, powers, self.settings.genesis_hash)
        self._chain.begin(state)
        return pb.ResponseInitChain(app_hash=state.head.app_hash)

    async def query(self, request: pb.RequestQuery) -> pb.ResponseQuery:
        """The head, as JSON; at `/members` the validator set, with what a change must name."""
        state = self._chain.require()
        head = state.head
        if request.path == MEMBERS_PATH:
            shown: object = self._set_changes.chain(head.height + 1)
        else:
            shown = {
                "height": head.height,
                "block_number": head.number,
                "block_hash": head.block_hash,
            }
        return pb.ResponseQuery(value=msgspec.json.encode(shown), height=head.height)

    async def check_tx(self, request: pb.RequestCheckTx) -> pb.ResponseCheckTx:
        """Takes changes of the validator set only: users' transactions go to geth."""
        return self._set_changes.check_tx(request.tx)

    async def prepare_proposal(
        self, request: pb.RequestPrepareProposal
    ) -> pb.ResponsePrepareProposal:
        """One payload, or none if none can be had in time, and a change if one waits. Never
        fails."""
        context = self._context(request.time.seconds, request.proposer_address)
        change = self._set_changes.waiting(request.txs, request.height)
        room = request.max_tx_bytes - sum(len(one) + CHANGE_OVERHEAD_BYTES for one in change)
        with self._timed("prepare_proposal"):
            try:
                data = await self._proposer.propose(context, room)
            except (TimeoutError, NotBuilding, MalformedPayload, EngineError) as error:
                self._proposal_failed(request.height, error)
                return pb.ResponsePrepareProposal(txs=change)
        return pb.ResponsePrepareProposal(txs=[data, *change])

    async def process_proposal(
        self, request: pb.RequestProcessProposal
    ) -> pb.ResponseProcessProposal:
        """Votes: the rules first, then this machine's clock, then geth. Never fails."""
        context = self._context(request.time.seconds, request.proposer_address)
        with self._timed("process_proposal"):
            try:
                payload, _ = self._checked(request, context)
                if payload is not None:
                    not_ahead_of_the_clock(payload, context, time.time())
                    await self._executes(payload)
            except Rejected as rejected:
                self._reject(request.height, rejected)
                return pb.ResponseProcessProposal(status=pb.REJECT)
        return pb.ResponseProcessProposal(status=pb.ACCEPT)

    async def finalize_block(self, request: pb.RequestFinalizeBlock) -> pb.ResponseFinalizeBlock:
        """Carries a decided block out, however long that takes."""
        state = self._chain.require()
        if request.height != state.head.height + 1:
            raise WrongNetwork(
                f"CometBFT decided height {request.height}, but we are at {state.head.height}.",
                "Its data and the bridge's belong together: restore or remove both.",
            )
        with self._timed("finalize_block"):
            context = self._context(request.time.seconds, request.proposer_address)
            payload, change = await self._decided(request, context)
            if payload is not None:
                await self._carry_out(payload)
        self._pending = self._next(request, state, payload, change)
        return pb.ResponseFinalizeBlock(
            tx_results=[pb.ExecTxResult() for _ in request.txs],
            validator_updates=updates(change),
            app_hash=self._pending.state.head.app_hash,
        )

    async def commit(self, request: pb.RequestCommit) -> pb.ResponseCommit:
        """Makes the height durable, in one transaction."""
        del request
        pending, self._pending = self._pending, None
        if pending is None:
            raise WrongNetwork("CometBFT sent Commit without a decided block before it.")
        fault_point("before-commit")
        with self._timed("commit"):
            await self._write(pending)
        fault_point("after-commit")
        self._chain.begin(pending.state)
        self.last_commit = time.time()
        self._count(pending.state.head)
        return pb.ResponseCommit()

    def _context(self, header_time: int, proposer: bytes) -> Context:
        state = self._chain.require()
        return Context(
            chain_id=self.settings.chain_id,
            block_time_s=self.settings.block_time_s,
            head=state.head,
            header_time=header_time,
            fee_recipient=state.members.fee_recipient(proposer),
        )

    def _checked(
        self, request: pb.RequestProcessProposal | pb.RequestFinalizeBlock, context: Context
    ) -> tuple[Payload | None, SetChange | None]:
        """What the block brings, held against all rules. Raises Rejected."""
        txs, transaction = split(request.txs)
        payload = check(txs, context)
        if transaction is None:
            return payload, None
        return payload, self._set_changes.checked(transaction, request.height)

    async def _executes(self, payload: Payload) -> None:
        """Has geth execute a proposal; raises Rejected unless it says VALID in time."""
        try:
            async with asyncio.timeout(VOTE_DEADLINE_S):
                await self._geth.wait_ready()
                status = await self._geth.engine.new_payload(payload)
                if status in ("SYNCING", "ACCEPTED"):
                    self._geth.lost(f"it answered {status} to a proposal")
                    await self._geth.wait_ready()
                    status = await self._geth.engine.new_payload(payload)
        except TimeoutError as error:
            raise Rejected("geth_in_time", f"geth: {self._geth.condition.status}") from error
        except EngineError as error:
            self._geth.lost(error.sentence)
            raise Rejected("geth_in_time", error.sentence) from error
        if status == "INVALID":
            raise Rejected("valid_to_geth", self._geth.engine.validation_error)
        if status != "VALID":
            raise Rejected("geth_in_time", f"geth answered {status}")
        self._geth.executed = payload.block_hash

    async def _decided(
        self, request: pb.RequestFinalizeBlock, context: Context
    ) -> tuple[Payload | None, SetChange | None]:
        """What a decided block brings, held against the same rules as when it was voted on.

        A block that breaks one can only be decided by validators that run something else: then
        this node stands still, and never answers.
        """
        try:
            return self._checked(request, context)
        except Rejected as rejected:
            self._geth.disagrees(
                f"Height {request.height} was decided against our rules: {rejected}."
            )
            await asyncio.Event().wait()
            raise

    async def _carry_out(self, payload: Payload) -> None:
        """Makes the block geth's head; tries until it is."""
        wait_s, tries = RETRY_S, 0
        while True:
            await self._geth.wait_ready()
            status = await self._try_to_carry_out(payload)
            if status == "VALID":
                self._geth.agrees()
                return
            if status == "INVALID":
                self._geth.disagrees(
                    f"Block {payload.number} ({payload.block_hash}) is decided, but geth calls it "
                    f"invalid: {self._geth.engine.validation_error}."
                )
                await asyncio.sleep(INVALID_RETRY_S)
                continue
            tries = tries + 1 if self._geth.ready else 0
            self._geth.lost(f"it answered {status} to decided block {payload.number}")
            if tries >= STUCK_AFTER_TRIES:
                self._geth.sticks(f"geth answers {status} to block {payload.number} and stays so.")
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 1.5, RETRY_S_MAX)

    async def _try_to_carry_out(self, payload: Payload) -> str:
        """One try: VALID, INVALID, or why geth did neither.

        A full block is not sent a second time to the geth that executed it for our vote. If that
        geth has lost it since, moving the head fails, and the next try sends it again.
        """
        engine = self._geth.engine
        is_executed = self._geth.executed == payload.block_hash
        self._geth.executed = None
        try:
            status = "VALID" if is_executed else await engine.new_payload(payload)
            fault_point("after-new-payload")
            if status == "VALID":
                status = await engine.forkchoice(payload.block_hash)
                fault_point("after-forkchoice")
                # forkchoice's INVALID speaks of an ancestor: the same as a geth that lost its way.
                return "an invalid ancestor" if status == "INVALID" else status
        except EngineRefused as error:
            return error.sentence
        except EngineError as error:
            self._geth.lost(error.sentence)
            return error.sentence
        return status

    def _next(
        self,
        request: pb.RequestFinalizeBlock,
        state: State,
        payload: Payload | None,
        change: SetChange | None,
    ) -> Pending:
        if payload is None:
            head, encoded = same_head(state.head), None
        else:
            number, block_hash = payload.number, payload.block_hash
            head = next_head(state.head, number, block_hash, payload.timestamp)
            encoded = request.txs[0]
        members = state.members
        if change is not None:
            members = membership.after(change, members, request.height)
            head = with_members(head, members)
        self.round = request.decided_last_commit.round
        self.metrics.extra_rounds.increment(by=self.round)
        return Pending(state=State(head=head, members=members), payload=payload, encoded=encoded)

    async def _write(self, pending: Pending) -> None:
        """Waits for space while the disk is full: nothing is lost, and it goes on by itself."""
        while True:
            try:
                self._chain.commit(pending)
            except PayloadLogFull as error:
                if not self.log_full:
                    log.critical("can't commit", extra={"reason": str(error)})
                self.log_full = str(error)
                await asyncio.sleep(RETRY_S_MAX)
            else:
                self.log_full = ""
                return

    def _proposal_failed(self, height: int, error: Exception) -> None:
        self.proposal_errors += 1
        self.metrics.proposal_errors.increment()
        reason = str(error) or f"no block in time, geth: {self._geth.condition.status}"
        log.warning("proposed no block", extra={"height": height, "reason": reason})

    def _reject(self, height: int, rejected: Rejected) -> None:
        self.rejected_proposals += 1
        self.last_rejection = str(rejected)
        self.metrics.rejected.increment(rejected.rule)
        extra = {"height": height, "rule": rejected.rule, "reason": self.last_rejection}
        log.warning("rejected a proposal", extra=extra)

    def _count(self, head: Head) -> None:
        self.metrics.height.set(head.height)
        self.metrics.block_number.set(head.number)
        self.metrics.clock_offset_s.set(head.timestamp - (self.last_commit or 0.0))

    @contextlib.contextmanager
    def _timed(self, request: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.metrics.seconds.observe(time.perf_counter() - started, request)
