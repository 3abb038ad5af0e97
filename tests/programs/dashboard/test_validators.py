"""Who signed which block: joined to the right blocks, on a real network and on a made-up one."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.programs.dashboard.network_model import Model
from tests.support.dashboard import Dashboard
from tests.support.validators import Network
from tests.support.wait import until
from windlass.chains.cometbft.app_hash import after_block
from windlass.kit.http import HttpServer, Request, Response, json_response
from windlass.kit.metrics import Registry
from windlass.programs.dashboard import settings as config
from windlass.programs.dashboard.metrics import Metrics
from windlass.programs.dashboard.validators import Validators

MakeDashboard = Callable[..., Dashboard]
ADDRESSES = {name: hashlib.sha256(name.encode()).hexdigest()[:40].upper() for name in "abcd"}


class Chain:
    """A CometBFT whose heights a test makes: each with a block or none, and its signers."""

    def __init__(self) -> None:
        self.heights: dict[int, dict[str, object]] = {}
        self.app_hash = b"\x01" * 32
        self.answering = True

    def height(
        self, signers: str, block: tuple[str, int, int] | None, *, round_number: int = 0
    ) -> None:
        """One more height; `block` is (hash, number, timestamp)."""
        number = len(self.heights) + 1
        self.heights[number] = {
            "header": {
                "height": str(number),
                "app_hash": self.app_hash.hex().upper(),
                "validators_hash": "AB",
                "proposer_address": ADDRESSES["abcd"[number % 4]],
            },
            "commit": {
                "round": round_number,
                "signatures": [
                    {
                        "block_id_flag": 2 if name in signers else 1,
                        "validator_address": ADDRESSES[name] if name in signers else "",
                    }
                    for name in "abcd"
                ],
            },
        }
        if block is not None:
            self.app_hash = after_block(self.app_hash, *block)

    async def commit(self, request: Request) -> Response:
        """/commit"""
        if not self.answering:
            return Response(status=500, body=b"{}")
        number = int(request.query.removeprefix("height=") or len(self.heights))
        return json_response({"result": {"signed_header": self.heights[number]}})

    async def validators(self, request: Request) -> Response:
        """/validators"""
        powers = [{"address": one, "voting_power": "10"} for one in ADDRESSES.values()]
        return json_response({"result": {"validators": powers}})


@pytest.fixture
async def chain() -> AsyncIterator[tuple[Chain, str]]:
    """A made-up CometBFT and its URL."""
    made = Chain()
    server = HttpServer({"/commit": made.commit, "/validators": made.validators})
    await server.start("127.0.0.1", 0)
    yield made, f"http://127.0.0.1:{server.port}"
    await server.stop()


def _model(*urls: str) -> Model:
    model = Model()
    nodes = tuple(
        config.Node(
            name=name,
            role="validator",
            validator=ADDRESSES[name].lower(),
            cometbft_url=urls[index % len(urls)],
        )
        for index, name in enumerate("abcd")
    )
    model.network.expect(nodes, model.now_ms)
    model.login("a", "b", "c", "d")
    return model


async def test_heights_are_joined_to_their_blocks(chain: tuple[Chain, str]) -> None:
    """Empty heights shift nothing: each block has its own round, maker and missing signers."""
    made, url = chain
    model = _model("http://127.0.0.1:9", url)
    model.chain("a", first=1, last=3)
    blocks = [model.network.blocks.main(number) for number in (1, 2, 3)]
    told = [(one.hash, one.number, one.timestamp_ms // 1000) for one in blocks if one]
    made.height("abcd", told[0])
    made.height("abc", None, round_number=2)
    made.height("abd", told[1], round_number=1)
    made.height("bcd", told[2])
    made.height("abcd", None)
    validators = Validators(model.network, Metrics(Registry()))
    assert await validators._ask(), "the second URL answers where the first does not"
    found = [(one.number, one.round, one.missed) for one in blocks if one]
    assert found == [(1, 0, ()), (2, 1, ("c",)), (3, 0, ("a",))]
    assert [one.proposer for one in blocks if one] == ["b", "d", "a"]
    summary = validators.summary()
    assert summary is not None
    assert (summary["missed_rounds_100"], summary["power_total"]) == (3, 40)
    assert (summary["quorum_power"], summary["power_signed"], summary["height"]) == (27, 30, 4)
    documents = {one["name"]: one for one in validators.documents()}
    assert documents["c"]["marks"] == "1101"
    assert (documents["d"]["missed_100"], documents["d"]["last_signed"]) == (1, 4)
    await validators.close()


async def test_a_block_that_is_reported_later_is_joined_then(chain: tuple[Chain, str]) -> None:
    """CometBFT may tell of a height before any node has told of its block."""
    made, url = chain
    model = _model(url)
    model.head("a", 1)
    block = model.network.blocks.main(1)
    assert block is not None
    later = Model("a", "b", "c", "d")
    later.login("a")
    later.head("a", 2)
    unseen = later.network.blocks.main(2)
    assert unseen is not None
    made.height("abcd", (block.hash, 1, block.timestamp_ms // 1000))
    made.height("abcd", (unseen.hash, 2, unseen.timestamp_ms // 1000), round_number=1)
    made.height("abcd", None)
    validators = Validators(model.network, Metrics(Registry()))
    assert await validators._ask()
    model.head("a", 2)
    validators._join()
    joined = model.network.blocks.main(2)
    assert joined is not None
    assert joined.round == 1
    await validators.close()


async def test_nobody_answers(chain: tuple[Chain, str]) -> None:
    """Without a good answer nothing is known, nothing fails, and it is asked again later."""
    made, url = chain
    made.height("abcd", None)
    made.answering = False
    model = _model(url, "http://127.0.0.1:9")
    metrics = Metrics(Registry())
    validators = Validators(model.network, metrics)
    assert not await validators._ask()
    assert (validators.documents(), validators.summary()) == ([], None)
    assert metrics.questions_failed.value() == 3
    made.answering = True
    made.height("abcd", None)
    assert await validators._ask() or await validators._ask()
    assert len(validators.documents()) == 4
    await validators.close()


def test_a_real_network_with_a_validator_down(
    geth_binary: Path, cometbft_binary: Path, tmp_path: Path, make_dashboard: MakeDashboard
) -> None:
    """Four validators sign; when one is stopped, blocks say that it missed, and rounds are lost."""
    network = Network(tmp_path / "network", geth_binary, cometbft_binary)
    dashboard = make_dashboard(
        [
            {
                "name": one.name,
                "role": "validator",
                "cometbft_url": f"http://127.0.0.1:{one.ports['rpc']}",
                "validator": one.key.address.lower(),
                "fee_recipient": one.fee_recipient,
            }
            for one in network.validators
        ],
        consensus="bft",
    )
    for one in network.validators:
        one.geth.ethstats_url = dashboard.ethstats_url(one.name)
    with network:
        network.start()
        dashboard.until("all report", nodes_online=4, timeout_s=60)

        def joined() -> bool:
            blocks = dashboard.network()["blocks"]
            return sum(1 for one in blocks if one["round"] is not None) >= 3

        until(joined, "blocks with a round", timeout_s=60)
        document = dashboard.network()
        assert [one["name"] for one in document["validators"]] == [
            one.name for one in network.validators
        ]
        assert document["consensus"]["power_total"] > document["consensus"]["quorum_power"]
        last = network.validators[3]
        last.stop()

        def missed() -> bool:
            document = dashboard.network()
            blocks = [one for one in document["blocks"][:5] if last.name in one["missed"]]
            return len(blocks) >= 2 and document["consensus"]["missed_rounds_100"] >= 1

        until(missed, "blocks that it did not sign", timeout_s=60)
        shown = next(one for one in dashboard.network()["validators"] if one["name"] == last.name)
        assert shown["online"] is False
        assert shown["marks"].endswith("0")
        until(
            lambda: (
                ("offline", last.name)
                in {(one["kind"], one["node"]) for one in dashboard.network()["alerts"]}
            ),
            "the alert",
            timeout_s=40,
        )
