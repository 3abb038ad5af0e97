"""The files that the plan writes for CometBFT; real nodes run on them in tests/programs/bridge."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from windlass.chains.cometbft.configuration import configuration, genesis
from windlass.chains.cometbft.keys import ValidatorKey

PEER = f"{'ab' * 20}@127.0.0.1:26656"


def _configuration(block_time_s: int = 1, moniker: str = "validator-0") -> dict[str, Any]:
    text = configuration(
        moniker=moniker,
        abci_socket="/run/abci.sock",
        rpc_address="127.0.0.1:26657",
        p2p_address="127.0.0.1:26656",
        external_address="127.0.0.1:26656",
        persistent_peers=[PEER],
        block_time_s=block_time_s,
    )
    return tomllib.loads(text.decode())


@pytest.mark.parametrize(("block_time_s", "expected"), [(1, "200ms"), (2, "1200ms"), (5, "4200ms")])
def test_gap_leaves_the_pace_to_the_proposer(block_time_s: int, expected: str) -> None:
    """The least gap ends 0.8 s before the block is due, whatever the block time."""
    assert expected == _configuration(block_time_s)["consensus"]["timeout_commit"]


def test_block_time_below_a_second_is_refused() -> None:
    """Ethereum's timestamps are whole seconds."""
    with pytest.raises(ValueError, match="at least 1 s"):
        _configuration(0)


def test_peers_are_dialled_several_times() -> None:
    """Each peer is listed often enough that its first dial doesn't wait 1.5 s on average."""
    peers = _configuration()["p2p"]["persistent_peers"].split(",")

    assert {PEER} == set(peers)
    assert len(peers) > 4


def test_quotes_in_names_stay_names() -> None:
    """A moniker can't break out of its TOML string."""
    assert _configuration(moniker='a"\nb')["moniker"] == 'a"\nb'


def test_genesis() -> None:
    """The fields that CometBFT and the bridge read; numbers are strings, as Go's amino JSON has."""
    key = ValidatorKey(b"\x01" * 32)

    document = json.loads(
        genesis(
            chain_id="harbour",
            genesis_time=1_700_000_000,
            validators=[("validator-0", key.public, 10)],
            app_state={"a": 1},
        )
    )

    assert document["genesis_time"] == "2023-11-14T22:13:20Z"
    assert document["app_state"] == {"a": 1}
    assert [entry["power"] for entry in document["validators"]] == ["10"]
    assert [key.address] == [entry["address"] for entry in document["validators"]]


@pytest.mark.parametrize("chain_id", ["", "x" * 51])
def test_chain_id_that_cometbft_refuses(chain_id: str) -> None:
    """CometBFT takes 1 to 50 characters."""
    with pytest.raises(ValueError, match="1 to 50"):
        genesis(chain_id=chain_id, genesis_time=0, validators=[], app_state={})


def test_genesis_without_validators() -> None:
    """Nobody could ever sign a block."""
    with pytest.raises(ValueError, match="at least one validator"):
        genesis(chain_id="a", genesis_time=0, validators=[], app_state={})
