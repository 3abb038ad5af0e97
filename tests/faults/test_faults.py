"""Each fault once, on one real network under load, which must outlive all of them."""

from __future__ import annotations

import pytest

from tests.faults.storm import FAULTS, Storm


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", FAULTS)
def test_blocks_go_on_and_all_nodes_agree_after(name: str, storm: Storm) -> None:
    """After it there are blocks within 90 s, no final one changed, and all nodes agree."""
    storm.survive(FAULTS[name], name)


@pytest.mark.timeout(400)
def test_every_transfer_is_in_the_chain_once_after_all_faults(storm: Storm) -> None:
    """No transfer that the gateway accepted during the faults is lost or in two blocks, though its
    sender sent it once; what was final still is; subscriptions and filters missed nothing."""
    storm.settle()
