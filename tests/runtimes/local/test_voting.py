"""Whether a validator that the spec takes away still votes, as far as nobody answers for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.plan.examples import keys, network, spec
from tests.support.geth import free_port
from windlass.chains.cometbft.membership import META_KEY, Members
from windlass.chains.ethereum.payload_log import Head, PayloadLog
from windlass.chains.ethereum.quantities import BlockHash, Height
from windlass.kit.http import HttpServer, Request, Response, json_response
from windlass.plan.ethereum.bridge import DATABASE
from windlass.plan.workload import Workload
from windlass.runtimes.local.errors import MayStillVote, StillVotes
from windlass.runtimes.local.voting import refuse_to_take_voters, voting

FOUR = network(validators=4)
THREE = spec(trade=network(validators=3))
KEYS = keys("trade", FOUR)


def _workloads(folder: Path) -> list[Workload]:
    """Four validators that do not run."""
    made = []
    for number in range(4):
        name = f"validator-{number}"
        (folder / name).mkdir()
        made.append(
            Workload(
                network="trade",
                name=name,
                role="validator",
                rank=0,
                directory=str(folder / name),
                main="geth",
                processes=(),
                cometbft_url=f"http://127.0.0.1:{free_port()}",
            )
        )
    return made


def _store(workload: Workload, height: int, *voters: int) -> None:
    """What the workload's bridge has seen."""
    powers = {KEYS.validator_key(f"validator-{number}").address: 10 for number in voters}
    log = PayloadLog(Path(workload.directory) / DATABASE)
    head = Head(
        height=height,
        app_hash=b"\x01" * 32,
        number=Height(0),
        block_hash=BlockHash("0x" + "ab" * 32),
        timestamp=1,
    )
    members = Members(powers=powers, fee_recipients={}, changes=1)
    log.commit(head, meta={META_KEY: msgspec.json.encode(members)})
    log.close()


def test_before_the_first_block_the_genesis_votes(tmp_path: Path) -> None:
    """A network that never ran has the set of its genesis."""
    with pytest.raises(StillVotes, match="validator-3 still votes in trade") as refused:
        refuse_to_take_voters(THREE, _workloads(tmp_path), {"trade": KEYS})
    assert "`windlass validator remove validator-3`" in refused.value.next_step


def test_the_furthest_knows_best(tmp_path: Path) -> None:
    """Of databases that differ the one of the greatest height tells."""
    workloads = _workloads(tmp_path)
    _store(workloads[0], 9, 0, 1, 2)
    _store(workloads[1], 8, 0, 1, 2, 3)
    refuse_to_take_voters(THREE, workloads, {"trade": KEYS})

    _store(workloads[2], 10, 0, 1, 2, 3)
    with pytest.raises(StillVotes):
        refuse_to_take_voters(THREE, workloads, {"trade": KEYS})


async def _answers(request: Request) -> Response:
    """A CometBFT that is at height 9 and knows three voters; its bridge knows no changes."""
    found: dict[str, object]
    voters = [KEYS.validator_key(f"validator-{number}").address for number in range(3)]
    if request.path == "/validators":
        listed = [{"address": one, "voting_power": "10"} for one in voters]
        found = {"result": {"validators": listed}}
    else:
        info = {"id": "a", "network": "trade-4242", "version": "0.38", "moniker": "m"}
        sync = {"latest_block_height": "9", "latest_app_hash": "", "catching_up": True}
        own = {"address": voters[0], "voting_power": "10"}
        found = {"result": {"node_info": info, "sync_info": sync, "validator_info": own}}
    return json_response(found)


async def test_one_that_answers_may_lag(tmp_path: Path) -> None:
    """Those that are stopped may have seen a change that it has not: then they tell."""
    workloads = _workloads(tmp_path)
    server = HttpServer({"/validators": _answers, "/status": _answers})
    await server.start("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.port}"
    workloads[0] = msgspec.structs.replace(workloads[0], cometbft_url=url)
    try:
        assert len(await asyncio.to_thread(voting, workloads, KEYS)) == 3
        _store(workloads[1], 8, 0, 1, 2, 3)
        assert len(await asyncio.to_thread(voting, workloads, KEYS)) == 3
        _store(workloads[2], 10, 0, 1, 2, 3)
        assert len(await asyncio.to_thread(voting, workloads, KEYS)) == 4
        # One that can't be read is passed over while somebody tells.
        (Path(workloads[3].directory) / DATABASE).write_bytes(b"garbage" * 1000)
        assert len(await asyncio.to_thread(voting, workloads, KEYS)) == 4
    finally:
        await server.stop()


def test_what_can_not_be_told_is_refused(tmp_path: Path) -> None:
    """A database that its bridge has open can't be read: then nothing is taken away, with why."""
    workloads = _workloads(tmp_path)
    _store(workloads[0], 9, 0, 1, 2)
    log = PayloadLog(Path(workloads[0].directory) / DATABASE)
    try:
        with pytest.raises(MayStillVote, match="validator-3 still votes in trade can't be told"):
            refuse_to_take_voters(THREE, workloads, {"trade": KEYS})
        # Nothing is taken away that was there: then nothing needs to be known.
        refuse_to_take_voters(THREE, workloads[:3], {"trade": KEYS})
        refuse_to_take_voters(spec(trade=FOUR), workloads, {"trade": KEYS})
    finally:
        log.close()


def test_garbage_is_no_set(tmp_path: Path) -> None:
    """A file that is no database is not taken for an empty one."""
    workloads = _workloads(tmp_path)
    (Path(workloads[0].directory) / DATABASE).write_bytes(b"garbage" * 1000)

    with pytest.raises(MayStillVote):
        voting(workloads, KEYS)


def test_networks_that_have_none(tmp_path: Path) -> None:
    """A network without validators, one that is new, and one that left the spec are left alone."""
    solo = spec(trade=network(consensus="solo", validators=1))
    refuse_to_take_voters(solo, (), {"trade": keys("trade", solo.networks["trade"])})
    refuse_to_take_voters(THREE, (), {})
    refuse_to_take_voters(spec(), _workloads(tmp_path), {"trade": KEYS})
